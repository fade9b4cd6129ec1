"""NAME_self_test.c: a fixed input, and whether the network computes of it what it must."""

import math
from collections.abc import Sequence

import numpy as np

from tinydet.compiler.codegen import c_text
from tinydet.compiler.codegen.model import C_TYPES, GeneratedModel
from tinydet.compiler.ir import Constant

# Numerical Recipes' linear congruential generator; the upper byte of its state is the input.
MULTIPLIER, INCREMENT, BYTE_SHIFT = 1664525, 1013904223, 24
CRC_POLYNOMIAL = 0xEDB88320  # as in zlib.crc32
_HEADER = """\
#ifndef {macro}_SELF_TEST_H
#define {macro}_SELF_TEST_H

#include "{name}.h"

#ifdef __cplusplus
extern "C" {{
#endif

/* Runs the network on a fixed input and compares each output with what the reference kernels of
 * LiteRT compute, by its CRC-32.
{input}
 * Returns 0 if all are the same, else 1 + the position of the first output that differs. */
int {name}_self_test({parameters});

#ifdef __cplusplus
}}
#endif

#endif
"""
_SOURCE = """\
#include "{name}_self_test.h"

static uint32_t crc32(const uint8_t *bytes, uint32_t count) {{
    uint32_t crc = 0xFFFFFFFFu;
    for (uint32_t i = 0; i < count; i++) {{
        crc ^= bytes[i];
        for (int32_t bit = 0; bit < 8; bit++) {{
            crc = (crc >> 1) ^ ((crc & 1u) ? {polynomial}u : 0u);
        }}
    }}
    return crc ^ 0xFFFFFFFFu;
}}

int {name}_self_test({parameters}) {{
    uint8_t *const bytes = (uint8_t *){place};
    uint32_t state = 0;
    for (uint32_t i = 0; i < {macro}_INPUT_BYTES; i++) {{
        state = state * {multiplier}u + {increment}u;
        bytes[i] = (uint8_t)(state >> {shift});
    }}
    {run};
{checks}    return 0;
}}
"""
_CHECK = """\
    if (crc32((const uint8_t *){name}_{output}(arena), {macro}_{output_macro}_BYTES) != {crc}u) {{
        return {number};
    }}
"""
_OF_CALLER = """\
 *
 * input: room for {macro}_INPUT_BYTES, written to
 *"""


def self_test_input(shape: Sequence[int], dtype: str) -> Constant:
    """What the self-test in C puts into the input.

    Args:
        shape: Of the input.
        dtype: ``int8`` or ``uint8``.

    >>> self_test_input((1, 4), "uint8").tolist()
    [[60, 71, 209, 170]]
    """
    state, codes = 0, bytearray()
    for _ in range(math.prod(shape)):
        state = (state * MULTIPLIER + INCREMENT) & 0xFFFFFFFF
        codes.append(state >> BYTE_SHIFT)
    values: Constant = np.frombuffer(bytes(codes), np.dtype(dtype)).reshape(shape)
    return values


def self_test_files(model: GeneratedModel) -> dict[str, str]:
    """``NAME_self_test.h`` and ``NAME_self_test.c``: name -> text.

    Args:
        model: A network without boxes, with a CRC for each output.
    """
    in_arena = model.input_mode == "image"
    names = {"name": model.name, "macro": model.macro}
    source = f"{C_TYPES[model.input.dtype]} *input"
    parameters = "void *arena" if in_arena else f"{source}, void *arena"
    checks = "".join(
        _CHECK.format(output=output, output_macro=output.upper(), crc=crc, number=number, **names)
        for number, ((output, _), crc) in enumerate(
            zip(model.outputs(), model.self_test_crcs, strict=True), 1
        )
    )
    header = _HEADER.format(
        input=" *" if in_arena else _OF_CALLER.format(**names), parameters=parameters, **names
    )
    text = _SOURCE.format(
        parameters=parameters,
        place=f"{model.name}_input(arena)" if in_arena else "input",
        run=f"{model.name}_run({'arena' if in_arena else 'input, arena'})",
        checks=checks,
        polynomial=hex(CRC_POLYNOMIAL),
        multiplier=MULTIPLIER,
        increment=INCREMENT,
        shift=BYTE_SHIFT,
        **names,
    )
    files = {f"{model.name}_self_test.h": header, f"{model.name}_self_test.c": text}
    return {
        file: c_text.generated(file, model.origin) + "\n" + body for file, body in files.items()
    }
