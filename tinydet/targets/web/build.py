"""A web page that runs a detector: its C as a WebAssembly module, and the page around it."""

import gzip
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tinydet.compiler import CompiledDetector
from tinydet.compiler.codegen.detection import ASPECT_RATIOS
from tinydet.config.files import make_folder, write_text_atomically
from tinydet.result import Result, shown_path
from tinydet.targets.base import require_image_in_arena
from tinydet.targets.toolchain import Toolchain, model_macros, write_sources, zig_cc
from tinydet.targets.web.render import render_page

PAGE_FILE = "index.html"
# Where the score slider of the page starts. Lower ones show noise and make suppression slow.
LOWEST_SCORE = 0.05
PAGE_FOLDER = Path(__file__).parent / "page"
# Integer vectors halve the time, and change no number. Every browser since 2023 has them.
MACHINE = ("-target", "wasm32-freestanding", "-mcpu=generic+simd128")
# Dot products of bytes, which newer browsers have, and which are faster on many processors.
RELAXED_MACHINE = (*MACHINE[:-1], f"{MACHINE[-1]}+relaxed_simd")
# Unrolled loops and copies of functions would make a third of the page, for a few percent of time.
SMALL_AND_FAST = ("-O3", "-fno-unroll-loops", "-fno-inline-functions")
LINK_FLAGS = ("-s", "-nostdlib", "-Wl,--no-entry")
# Other kernels are put into the table of functions when the page is loaded.
TABLE_FLAGS = ("-Wl,--export-table", "-Wl,--growable-table")
DATA_SECTION = 11
HEADER_BYTES = 8  # magic number and version


@dataclass(frozen=True)
class WebProgram:
    """What the page runs.

    Attributes:
        module: The WebAssembly module.
        relaxed: A module with the sums of convolutions in relaxed SIMD: exactly the same ones.
    """

    module: bytes
    relaxed: bytes

    @property
    def text(self) -> str:
        """The module as it stands in the page: compressed, in base64."""
        return packed(self.module)

    @property
    def relaxed_text(self) -> str:
        """The same of the other one."""
        return packed(self.relaxed)


@dataclass(frozen=True)
class PageResult(Result):
    """A web page that runs the detector.

    Attributes:
        page: ``index.html``.
        page_bytes: Its size.
        bytes_without_weights: The same less what the weights take in it.
    """

    page: Path
    page_bytes: int
    bytes_without_weights: int

    def __str__(self) -> str:
        size = (
            f"{self.page_bytes / 1024:.0f} KiB, "
            f"{self.bytes_without_weights / 1024:.0f} without weights"
        )
        return (
            f"Page: {shown_path(self.page)} ({size}). Open it in any browser; it needs no server."
        )


def write_web_folder(detector: CompiledDetector, folder: Path) -> PageResult:
    """Write a page that finds objects in camera and image files, in any browser, offline.

    The C is compiled to WebAssembly and embedded, so that the page also works from ``file://``.
    For the same pixels its detections are those of the C on this machine, bit for bit.

    Args:
        detector: The detector. Its score threshold is where the slider of the page stands at
            first; lower ones can be set there down to 0.05.
        folder: Where ``index.html`` goes; created. What else lies there is left alone.

    Returns:
        Where the page is, and its sizes.

    Raises:
        MissingToolError: ziglang is not installed.
        BuildError: The C compiler refuses (disk full).
        OutputError: The folder cannot be written to.
        UnsupportedError: The C cannot take whole images.
    """
    require_image_in_arena(detector, "a web page")
    make_folder(folder)
    # The first detections in falling score are the same for every threshold below them, so the
    # page may compute with the lowest and show those above the slider. (With box voting more boxes
    # vote then, which moves corners a little; the page says so.)
    lowest_score = min(detector.spec.postprocess.score_threshold, LOWEST_SCORE)
    program = build_program(detector.with_score_threshold(lowest_score))
    weights_bytes = constant_bytes(program.module)
    page = folder / PAGE_FILE
    texts = (program.text, program.relaxed_text)
    write_text_atomically(
        page, render_page(detector, texts, lowest_score=lowest_score, weights_bytes=weights_bytes)
    )
    page_bytes = page.stat().st_size
    weights_in_page = len(program.text) - len(packed(without_constants(program.module)))
    return PageResult(page, page_bytes, page_bytes - weights_in_page)


def build_program(detector: CompiledDetector) -> WebProgram:
    """Compile a detector to WebAssembly.

    Args:
        detector: The detector.

    Returns:
        The program. Its module exports its memory, its table of functions and the functions of
        ``detector.c``. The same input and compiler give the same bytes.

    Raises:
        MissingToolError: ziglang is not installed.
        BuildError: The C compiler refuses (disk full).
    """
    toolchain = Toolchain("zig cc", zig_cc(*MACHINE), SMALL_AND_FAST, (*LINK_FLAGS, *TABLE_FLAGS))
    relaxed = Toolchain(
        "zig cc", zig_cc(*RELAXED_MACHINE), SMALL_AND_FAST, (*LINK_FLAGS, "-Wl,--import-memory")
    )
    aspect_ratio = ASPECT_RATIOS[detector.spec.preprocess.aspect_ratio]
    with tempfile.TemporaryDirectory(prefix="tinydet-web-") as name:
        folder = Path(name)
        sources = [*write_sources(detector, folder), PAGE_FOLDER / "detector.c"]
        macros = [
            *model_macros(detector, folder),
            f"-DTD_WEB_ASPECT_RATIO={aspect_ratio}",
            "-DTD_CONV_TILE_SUMS=page_sums",
        ]
        module = toolchain.build(sources, folder / "detector.wasm", macros)
        kernels = relaxed.build([PAGE_FOLDER / "sums.c"], folder / "sums.wasm", macros)
        return WebProgram(module.read_bytes(), kernels.read_bytes())


def packed(module: bytes) -> str:
    """A module as text: compressed, then in base64.

    >>> packed(bytes(1000))[:4]
    'H4sI'
    """
    return b64encode(gzip.compress(module, mtime=0)).decode("ascii")


def without_constants(program: bytes) -> bytes:
    """A module without its section of constants.

    Args:
        program: A WebAssembly module.
    """
    kept, begin = bytearray(program[:HEADER_BYTES]), HEADER_BYTES
    for kind, _, end in _sections(program):
        if kind != DATA_SECTION:
            kept += program[begin:end]
        begin = end
    return bytes(kept)


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
