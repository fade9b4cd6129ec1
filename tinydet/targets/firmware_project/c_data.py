"""C files with the data of one project: the test image and the golden vectors."""

from tinydet.targets.base import ImageArray
from tinydet.targets.golden import GoldenVectors

VALUES_PER_LINE = 24
_IMAGE_HEADER = """\
/* The built-in test image. */
#ifndef TD_TEST_IMAGE_H
#define TD_TEST_IMAGE_H

#include "td_preprocess.h"

extern const td_image td_test_image;

#endif
"""
_GOLDEN_HEADER = """\
/* What each operator computes on the built-in test image, in order of execution. */
#ifndef TD_GOLDEN_H
#define TD_GOLDEN_H

#include <stdint.h>

#define TD_NUM_GOLDEN {count}

typedef struct {{
    uint32_t crc32; /* of the whole output */
    uint32_t bytes; /* its size */
}} td_golden;

extern const td_golden td_golden_outputs[TD_NUM_GOLDEN];

#endif
"""


def image_sources(image_u8: ImageArray) -> dict[str, str]:
    """``test_image.c`` and ``test_image.h``.

    Args:
        image_u8: ``[h, w, 3]`` uint8 RGB.
    """
    height, width, _ = image_u8.shape
    values = list(map(str, image_u8.reshape(-1).tolist()))
    lines = [
        "    " + ", ".join(values[at : at + VALUES_PER_LINE]) + ",\n"
        for at in range(0, len(values), VALUES_PER_LINE)
    ]
    text = (
        '#include "test_image.h"\n\n'
        '__attribute__((section(".td_test_image")))\n'
        f"static const uint8_t pixels[{height} * {width} * 3] = {{\n{''.join(lines)}}};\n\n"
        f"const td_image td_test_image = {{pixels, {height}, {width}, 3 * {width}, TD_RGB888}};\n"
    )
    return {"test_image.c": text, "test_image.h": _IMAGE_HEADER}


def golden_sources(golden: GoldenVectors) -> dict[str, str]:
    """``golden.c`` and ``golden.h``."""
    rows = "".join(
        f"    {{0x{output.crc32:08X}u, {output.num_bytes}u}}, "
        f"/* {index} {_comment(output.operator)} */\n"
        for index, output in enumerate(golden.outputs)
    )
    text = (
        f'#include "golden.h"\n\nconst td_golden td_golden_outputs[TD_NUM_GOLDEN] = {{\n{rows}}};\n'
    )
    return {"golden.c": text, "golden.h": _GOLDEN_HEADER.format(count=len(golden.outputs))}


def _comment(name: str) -> str:
    """A name of any origin, made harmless inside of a comment."""
    short = name.split(";")[0]
    return "".join(c if c.isalnum() or c in "_/-. " else "?" for c in short).replace("/", "|")
