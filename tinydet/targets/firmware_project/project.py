"""A folder with the firmware of one detector for one board, which builds without tinydet."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinydet.compiler import CompiledDetector
from tinydet.config.files import make_folder, write_text_atomically
from tinydet.errors import UnsupportedError
from tinydet.marks import fill_marks
from tinydet.targets.base import DETECTION, ImageArray, require_image_in_arena
from tinydet.targets.boards import Board
from tinydet.targets.firmware_project.c_data import golden_source, image_source
from tinydet.targets.firmware_project.placement import External, Needs, place
from tinydet.targets.golden import GoldenVectors, record_golden_vectors
from tinydet.targets.linker_script import MemoryMap, linker_script
from tinydet.targets.toolchain import CORES, FIRMWARE, Core

TEMPLATES = Path(__file__).parent / "templates"
WITH_CACHES = ("cortex-m7", "cortex-m55", "cortex-m85")
NUM_INTERRUPTS = 240  # all that an Armv7-M core can have; no board here has more
STACK_BYTES = 8192
# Variables of the firmware: a line of text; in a self-test 16 bytes an operator.
VARIABLES_BYTES, OPERATOR_BYTES = 1024, 16
MODEL_FOLDER, USER_FOLDER, BUILD_FOLDER = "model", "user", "build"
COPIED = ("startup.c", "runtime.c", "semihosting.h")
RENDERED = ("main.c", "board.h", "output.c", "output.h", "CMakePresets.json")
SELF_TEST = ("self_test.c", "self_test.h", "golden.h")
TOOLCHAIN_FILES = ("arm-none-eabi-gcc.cmake", "zig.cmake")


@dataclass(frozen=True, eq=False)
class FirmwareProject:
    """What was written.

    Attributes:
        folder: The folder.
        board: What it is for.
        model_name: Prefix of the model's functions.
        memory: Which memory takes what.
        needs: RAM of arena, and of stack and variables.
        sources: C files of the firmware without the self-test, relative to the folder.
        definitions: Preprocessor definitions, without ``-D``.
        golden: What each operator computes on the test image; None without a self-test.
    """

    folder: Path
    board: Board
    model_name: str
    memory: MemoryMap
    needs: Needs
    sources: tuple[str, ...]
    definitions: tuple[str, ...]
    golden: GoldenVectors | None

    @property
    def core(self) -> Core:
        """How compilers call the board's processor."""
        return CORES[self.board.core]


def write_firmware_project(
    detector: CompiledDetector,
    board: Board,
    folder: Path,
    *,
    image: ImageArray | None,
    self_test: bool = True,
    golden: GoldenVectors | None = None,
    external: tuple[External, ...] = (),
) -> FirmwareProject:
    """Write the firmware of a detector for a board.

    What lies in ``folder/user`` and ``folder/build`` is left alone, and so are files of other
    names.

    Args:
        detector: The detector, with preprocessing of whole images.
        board: The board.
        folder: Where it goes; created.
        image: ``[h, w, 3]`` uint8 RGB, of any size, built into the firmware; as large as the
            network's input it is used as it is. None: only what a camera brings.
        self_test: Also write the self-test, which needs an image.
        golden: What the self-test compares with, of this model and image; None: recorded now.
        external: Parts that go to memories of the board outside of the chip, which
            ``td_board_init`` has to set up: ``flash`` takes weights and image, ``ram`` the arena.

    Returns:
        The project, to be built by ``build_firmware``, CMake, or anything else.

    Raises:
        BoardFitError: The RAM of the board is too small.
        UnsupportedError: The C cannot take whole images, a self-test without an image, or the board
            has no such memory outside of the chip.
        MissingToolError: The self-test needs ziglang, which is not installed.
        OutputError: The folder cannot be written to.
    """
    if self_test and image is None:
        raise UnsupportedError(
            "self-test", "no image", "a test image", "Give an image, or leave the self-test out."
        )
    require_image_in_arena(detector, "a firmware project")
    make_folder(folder)
    if not self_test:
        golden = None
    elif golden is None and image is not None:
        golden = record_golden_vectors(detector, image, folder / BUILD_FOLDER / "pc")
    needs = _needs(detector, golden, external)
    memory = place(board, needs)
    files: dict[str, str] = {f"{MODEL_FOLDER}/{name}": t for name, t in detector.sources.items()}
    files |= {name: (FIRMWARE / name).read_text(encoding="utf-8") for name in COPIED}
    if image is not None:
        files["test_image.c"] = image_source(image)
    if golden is not None:
        files["golden.c"] = golden_source(golden)
    names = (*RENDERED, *(SELF_TEST if golden is not None else ()))
    names += ("test_image.h",) if image is not None else ()
    in_firmware = {*files, *names} - {"self_test.c", "golden.c"}
    sources = tuple(sorted(name for name in in_firmware if name.endswith(".c")))
    definitions = [f"TD_NUM_INTERRUPTS={NUM_INTERRUPTS}"]
    definitions += CORES[board.core].definitions
    definitions += ["TD_CACHES"] if board.core in WITH_CACHES else []
    definitions += ["TD_TEST_IMAGE"] if image is not None else []
    project = FirmwareProject(
        folder, board, detector.name, memory, needs, sources, tuple(definitions), golden
    )
    marks = _marks(project, detector)
    files |= {name: _render(name, marks) for name in (*names, "CMakeLists.txt", "README.md")}
    files |= {f"cmake/{name}": _render(name, marks) for name in TOOLCHAIN_FILES}
    files["linker.ld"] = linker_script(memory, detector.name, STACK_BYTES)
    _write(files, folder)
    return project


def _write(files: Mapping[str, str], folder: Path) -> None:
    """Write what has changed, so that a build after it compiles no more than that."""
    make_folder(folder / USER_FOLDER)
    for path in sorted((folder / MODEL_FOLDER).glob("*.[ch]")):
        if f"{MODEL_FOLDER}/{path.name}" not in files:  # of a model that was here before
            path.unlink()
    for name, text in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != text.encode():
            write_text_atomically(path, text)


def _needs(
    detector: CompiledDetector, golden: GoldenVectors | None, external: tuple[External, ...]
) -> Needs:
    detections = detector.max_detections * DETECTION.itemsize
    compared = OPERATOR_BYTES * len(golden.outputs) if golden is not None else 0
    data = STACK_BYTES + detections + compared + VARIABLES_BYTES
    return Needs(detector.arena_bytes, data, external)


def _render(name: str, marks: Mapping[str, str]) -> str:
    return fill_marks((TEMPLATES / name).read_text(encoding="utf-8"), marks)


def _marks(project: FirmwareProject, detector: CompiledDetector) -> dict[str, str]:
    board = project.board
    reset_mhz, highest_mhz = board.clock_mhz
    parts = (
        ("Program", project.memory.program),
        ("Weights, image", project.memory.weights),
        ("Stack, variables", project.memory.data),
        ("Arena", project.memory.arena),
        *([("Kernels", project.memory.kernels)] if project.memory.kernels else []),
    )
    return {
        "NAME": detector.name,
        "MACRO": detector.macro_prefix,
        "CLASS": detector.spec.class_names[0],
        "BOARD": board.name,
        "CHIP": board.chip,
        "CORE": board.core,
        "UART": board.uart,
        "CLOCK_RESET": f"{reset_mhz:g}",
        "CLOCK_MAX": f"{highest_mhz:g}",
        "SOURCE": board.source,
        "NOTE": f"{board.note}\n\n" if board.note else "",
        "QEMU": (
            "\nWithout the board: `qemu-system-arm -M mps2-an500 -nographic -semihosting -kernel "
            "build/gcc/firmware.elf`."
            if board.name == "mps2-an500"
            else ""
        ),
        "MEMORY_ROWS": "\n".join(
            f"| {part} | {region.name.replace('_', ' ')}, {region.size_bytes // 1024} KiB at "
            f"0x{region.address:08X} |"
            for part, region in parts
        ),
        "SOURCES": "\n".join(f"    {name}" for name in project.sources),
        "DEFINITIONS": " ".join(project.definitions),
        "NUM_GOLDEN": str(len(project.golden.outputs)) if project.golden else "0",
        "GCC_FLAGS": " ".join(project.core.gcc),
        "ZIG_FLAGS": " ".join((*project.core.zig, "-fno-sanitize=undefined")),
    }
