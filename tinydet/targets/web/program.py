"""The generated C as a WebAssembly module that imports nothing."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tinydet.compiler import CompiledDetector
from tinydet.compiler.codegen.detection import ASPECT_RATIOS
from tinydet.targets.toolchain import Toolchain, model_macros, write_sources, zig_cc

PAGE_FOLDER = Path(__file__).parent / "page"
# Integer vectors halve the time, and change no number. Every browser since 2023 has them.
MACHINE = ("-target", "wasm32-freestanding", "-mcpu=generic+simd128")
# Unrolled loops and copies of functions would make a third of the page, for a few percent of time.
SMALL_AND_FAST = ("-O3", "-fno-unroll-loops", "-fno-inline-functions")
LINK_FLAGS = ("-s", "-nostdlib", "-Wl,--no-entry")
DATA_SECTION = 11
HEADER_BYTES = 8  # magic number and version


def build_program(detector: CompiledDetector) -> bytes:
    """Compile a detector to WebAssembly.

    Args:
        detector: The detector.

    Returns:
        The module. It exports its memory and the functions of ``detector.c``. The same input and
        compiler give the same bytes.

    Raises:
        MissingToolError: ziglang is not installed.
        BuildError: The C compiler refuses (disk full).
    """
    toolchain = Toolchain("zig cc", zig_cc(*MACHINE), SMALL_AND_FAST, LINK_FLAGS)
    aspect_ratio = ASPECT_RATIOS[detector.spec.preprocess.aspect_ratio]
    with tempfile.TemporaryDirectory(prefix="tinydet-web-") as name:
        folder = Path(name)
        sources = [*write_sources(detector, folder), PAGE_FOLDER / "detector.c"]
        macros = [*model_macros(detector, folder), f"-DTD_WEB_ASPECT_RATIO={aspect_ratio}"]
        return toolchain.build(sources, folder / "detector.wasm", macros).read_bytes()


def constant_bytes(program: bytes) -> int:
    """Bytes of the constants of a module: weights, biases, factors, anchor tables, class names.

    Args:
        program: A WebAssembly module.
    """
    return sum(end - begin for kind, begin, end in _sections(program) if kind == DATA_SECTION)


def _sections(program: bytes) -> Iterator[tuple[int, int, int]]:
    """Kind of each section, where its content begins, where it ends."""
    position = HEADER_BYTES
    while position < len(program):
        kind = program[position]
        size, begin = _read_number(program, position + 1)
        yield kind, begin, begin + size
        position = begin + size


def _read_number(program: bytes, position: int) -> tuple[int, int]:
    """An unsigned LEB128 number and where it ends."""
    value = shift = 0
    while True:
        byte = program[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
