"""Cross-compiling the generated C to one static program for Linux."""

from pathlib import Path

from tinydet.compiler import CompiledDetector
from tinydet.targets.base import require_image_in_arena
from tinydet.targets.linux.boards import ARCHITECTURES, LinuxBoard
from tinydet.targets.toolchain import Toolchain, model_macros, write_sources, zig_cc

PROGRAM = Path(__file__).parent / "program"
THIRD_PARTY = Path(__file__).parent / "third_party"
# What POSIX and Linux have beside C11; headers of others are not ours to warn about.
SYSTEM_MACROS = ("-D_GNU_SOURCE", f"-I{PROGRAM}", f"-isystem{THIRD_PARTY}")


def build_program(detector: CompiledDetector, board: LinuxBoard, folder: Path) -> Path:
    """Make the program that runs a model on a Linux board, with its weights and class names.

    It needs nothing there but the kernel: libc is linked in. The first build for an architecture
    takes about a minute, because zig then compiles that libc.

    Args:
        detector: The detector, with ``detect_image``.
        board: Chooses architecture and processor.
        folder: Gets sources and program; created.

    Returns:
        The program, named like the model.

    Raises:
        MissingToolError: ziglang is not installed.
        BuildError: The C compiler refuses (disk full).
        OutputError: The folder cannot be written to.
        UnsupportedError: The C cannot take whole images.
    """
    require_image_in_arena(detector, "a program for Linux")
    sources = [*write_sources(detector, folder), *sorted(PROGRAM.glob("*.c"))]
    toolchain = Toolchain(
        f"zig cc for {board.architecture}",
        zig_cc("-target", ARCHITECTURES[board.architecture].zig_target),
        (f"-mcpu={board.compiler_cpu}", "-O2"),
        ("-static", "-s", "-Wl,--gc-sections"),
    )
    program = folder / f"{detector.name}-{board.architecture}"
    program.unlink(missing_ok=True)  # one that is being run must not change under its user
    return toolchain.build(sources, program, [*model_macros(detector, folder), *SYSTEM_MACROS])
