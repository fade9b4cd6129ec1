"""A compiled detector as the firmware of a board, a program on Linux, or a web page."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydet.config.files import write_text_atomically
from tinydet.deployment.compiling import network_image
from tinydet.result import Result, shown_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinydet.compiler import CompiledDetector
    from tinydet.targets import Board
    from tinydet.targets.firmware_project.build import MemoryUse
    from tinydet.targets.firmware_project.placement import External
    from tinydet.targets.linux import Comparison, LinuxBoard, Source, SshHost
    from tinydet.targets.linux.comparison import FindsBoxes
    from tinydet.targets.linux.deploy import Deployment
    from tinydet.targets.toolchain import Compiler

RESULTS_FILE = "results.jsonl"
FOLDER_ON_BOARD = "tinydet"  # below the home folder
PASSED = "self-test passed"  # how the line of the firmware begins
FAILED_STATUS = 3  # exit status: the firmware was made, but does not compute what it should


@dataclass(frozen=True)
class FirmwareResult(Result):
    """A firmware project, built and tried on an emulated core.

    Attributes:
        board: Its name.
        core: Of the board.
        emulated_core: On which the self-test ran here. No emulator has Helium and the memories of a
            board: in place of a core with Helium a Cortex-M33 runs the same C.
        folder: The project.
        program: The firmware.
        self_test: The program that checks itself.
        memory: What the firmware takes of each memory.
        printed: What the self-test printed, line by line.
    """

    board: str
    core: str
    emulated_core: str
    folder: Path
    program: Path
    self_test: Path
    memory: "tuple[MemoryUse, ...]"
    printed: tuple[str, ...]

    @property
    def exit_status(self) -> int:
        """3 where the firmware does not compute what this machine computes."""
        return 0 if any(line.startswith(PASSED) for line in self.printed) else FAILED_STATUS

    def __str__(self) -> str:
        from tinydet.targets.firmware_project import format_memory_use

        return "\n".join(
            [
                f"Firmware project for {self.board}: {shown_path(self.folder)} (see its README.md)",
                f"Program: {shown_path(self.program)}",
                f"Self-test: {shown_path(self.self_test)}",
                "",
                format_memory_use(self.memory),
                "",
                f"The self-test on an emulated {self.emulated_core}{self._stand_in()}:",
                *self.printed,
            ]
        )

    def _stand_in(self) -> str:
        """Says so where the self-test ran on another core than the board's."""
        if self.emulated_core == self.core:
            return ""
        return f" in place of the {self.core} (the same C, without Helium)"


@dataclass(frozen=True, kw_only=True)
class BoardRun(Result):
    """What was made for a Linux board, copied and run there where an address was given.

    Attributes:
        board: Its name.
        program: Path on this machine, or on the board where it was copied.
        host: ``user@address``; None: nothing was copied.
        kernel: Of the board.
        was_there: The board had all of it already.
        results: One record per image or frame; also in ``results_file``.
        results_file: ``results.jsonl``.
        comparison: The boxes of the board beside those of this machine, where images were sent.
    """

    board: str
    program: str
    host: str | None = None
    kernel: str = ""
    was_there: bool = False
    results: tuple[dict[str, Any], ...] = ()
    results_file: Path | None = None
    comparison: "Comparison | None" = None

    def lines(self, *notes: str) -> list[str]:
        """What was copied to the board, and what it found there; notes behind the first line."""
        how = "was already there" if self.was_there else "copied"
        lines = [f"{self.program} on {self.host} ({self.kernel}): {how}", *notes]
        if self.results and self.results_file:
            lines.append(f"{len(self.results)} results: {shown_path(self.results_file)}")
        if self.comparison is not None:
            lines.append(str(self.comparison))
        return lines


@dataclass(frozen=True, kw_only=True)
class LinuxResult(BoardRun):
    """A program for a Linux board, see ``BoardRun``.

    Attributes:
        program_bytes: Its size, weights included.
    """

    program_bytes: int

    def __str__(self) -> str:
        if self.host is None:
            return (
                f"Program for {self.board}: {shown_path(self.program)} "
                f"({self.program_bytes:,} bytes, static). Copy it to the board, "
                "or give --host user@address."
            )
        return "\n".join(self.lines())


def told_of_run(
    done: "Deployment",
    output: Path,
    images: "Sequence[Path]",
    here: "Callable[[], FindsBoxes]",
) -> dict[str, Any]:
    """What ``BoardRun`` says of a run; its records are written to ``results.jsonl``.

    Args:
        done: The run.
        output: Folder.
        images: Those that were sent.
        here: Makes what finds boxes on this machine, for images.
    """
    from tinydet.targets.linux import compare_with_pc

    text = "".join(json.dumps(record) + "\n" for record in done.results)
    write_text_atomically(output / RESULTS_FILE, text)
    return {
        "board": done.board.name,
        "program": done.program,
        "host": done.host.address,
        "kernel": done.kernel,
        "was_there": done.was_there,
        "results": done.results,
        "results_file": output / RESULTS_FILE,
        "comparison": compare_with_pc(here(), images, done.results) if images else None,
    }


def deploy_firmware(
    detector: "CompiledDetector",
    board: "Board",
    output: Path,
    *,
    image: str | Path | None = None,
    external: "tuple[External, ...]" = (),
    compiler: "Compiler" = "zig",
) -> FirmwareResult:
    """Make the firmware of a microcontroller board, and run its self-test on an emulated core.

    Args:
        detector: The detector.
        board: The board.
        output: Gets the firmware project.
        image: Built in for the self-test; None takes noise.
        external: What goes to memories outside of the chip: ``flash``, ``ram``.
        compiler: C compiler.

    Raises:
        TinydetError: Whatever the user can correct; a board that is too small.
    """
    from tinydet.compiler.compiled_network import ARENA_PICTURE_FILE
    from tinydet.targets.board_emulator import emulated_board, run_firmware
    from tinydet.targets.firmware_project import build_firmware, memory_use, write_firmware_project
    from tinydet.targets.firmware_project.console import MARK

    pixels = network_image(image, detector.spec.preprocess)
    project = write_firmware_project(detector, board, output, image=pixels, external=external)
    detector.draw_arena(output / ARENA_PICTURE_FILE)
    elf = build_firmware(project, compiler=compiler, self_test=False)
    emulated = emulated_board(board)
    test_elf = build_firmware(replace(project, board=emulated), compiler=compiler, self_test=True)
    printed = run_firmware(test_elf, emulated).text.splitlines()
    if emulated != board:
        test_elf = build_firmware(project, compiler=compiler, self_test=True)
    return FirmwareResult(
        board=board.name,
        core=board.core,
        emulated_core=emulated.core,
        folder=output,
        program=elf,
        self_test=test_elf,
        memory=tuple(memory_use(project, elf)),
        printed=tuple(line for line in printed if not line.startswith(MARK)),
    )


def deploy_linux(
    detector: "CompiledDetector",
    board: "LinuxBoard",
    output: Path,
    *,
    host: "SshHost | None" = None,
    folder: str = FOLDER_ON_BOARD,
    source: "Source | None" = None,
) -> LinuxResult:
    """Compile for a Linux board, copy there, run there on images or a camera.

    Args:
        detector: The detector.
        board: The board.
        output: Gets C files, program and ``results.jsonl``.
        host: How it is reached; None only compiles.
        folder: On the board; relative: below the home folder.
        source: What to look at there; None only copies.

    Raises:
        TinydetError: The board cannot be reached, has another processor, no space, ...
    """
    from tinydet.targets import HostTarget, linux

    if host is None:
        program = linux.build_program(detector, board, output / "build")
        path, size = str(program.resolve()), program.stat().st_size
        return LinuxResult(board=board.name, program=path, program_bytes=size)
    source = source or linux.Source()
    done = linux.deploy_linux(
        detector, board, host, build_folder=output / "build", folder_on_board=folder, source=source
    )
    told = told_of_run(
        done,
        output,
        source.images,
        lambda: HostTarget().build(detector, output / "build" / "here"),
    )
    return LinuxResult(**told, program_bytes=done.program_bytes)


def board_of(name: str, where: str = "--board") -> "Board | LinuxBoard":
    """A board of any kind by its name, whatever its case.

    Args:
        name: As in the lists of boards.
        where: Option or key that says it, for the message.

    Raises:
        UnsupportedError: There is none.
    """
    from tinydet.targets import find_board, load_boards
    from tinydet.targets.linux import load_linux_boards

    boards: list[Board | LinuxBoard] = [*load_boards(), *load_linux_boards()]
    return find_board(name, boards, where)
