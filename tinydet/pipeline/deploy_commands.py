"""The commands that bring a detector to a board, Linux or a browser, and time it there."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.config.files import write_text_atomically
from tinydet.errors import UnsupportedError
from tinydet.pipeline.int8_model import (
    CompileOptions,
    compile_int8,
    int8_model,
    network_image,
    write_record,
)

if TYPE_CHECKING:
    from tinydet.targets import Board
    from tinydet.targets.firmware_project.placement import External
    from tinydet.targets.linux import LinuxBoard, SshHost

RESULTS_FILE, BENCHMARK_FILE = "results.jsonl", "benchmark.json"


@dataclass(frozen=True)
class LinuxOptions:
    """How a Linux board is reached, and what the detector is to do there.

    Attributes:
        host: ``user@address``; None: nothing is copied.
        port: None: 22, or what ``ssh_config`` says.
        identity: Private key file; None: agent and ``ssh_config``.
        folder: On the board; relative: below the home folder.
        images: Of this machine; sent, and compared with what the same C finds here.
        camera: V4L2 device of the board.
        max_frames: Stop the camera after so many.
        delegate: To benchmark: library on the board that takes the network over (NPU, GPU).
    """

    host: str | None = None
    port: int | None = None
    identity: Path | None = None
    folder: str = "tinydet"
    images: tuple[Path, ...] = ()
    camera: str | None = None
    max_frames: int | None = None
    delegate: str | None = None

    def ssh(self) -> "SshHost":
        """The board's address.

        Raises:
            UnsupportedError: It is none, or missing.
        """
        from tinydet.targets.linux import SshHost

        if self.host is None:
            raise UnsupportedError(
                "--host", "no address", "user@address", "Name the board's address."
            )
        return SshHost(self.host, self.port, self.identity)


def deploy_to_board(
    model: Path,
    output: Path,
    board_name: str,
    *,
    image: Path | None,
    external: "tuple[External, ...]",
    linux: LinuxOptions,
    options: CompileOptions,
) -> str:
    """Bring a detector to a board of any kind; see ``deploy_firmware`` and ``deploy_to_linux``."""
    from tinydet.targets import Board

    board = board_of(board_name)
    if isinstance(board, Board):
        _refuse_host(board, linux)
        return deploy_firmware(
            model, output, board, image=image, external=external, options=options
        )
    if image is not None:
        linux = replace(linux, images=(*linux.images, image))
    return deploy_to_linux(model, output, board, linux, options=options)


def benchmark_on_board(
    model: Path,
    output: Path,
    board_name: str | None,
    *,
    image: Path | None,
    via: "tuple[str | None, float | None]",
    linux: LinuxOptions,
    options: CompileOptions,
) -> str:
    """Time a detector where it runs.

    Args:
        model: The ``.tflite``, or the folder of a run.
        output: Gets all files.
        board_name: The board; for ``via`` and ``linux.host`` it must be named.
        image: What to run on; None takes noise.
        via: ``gdb://HOST:PORT`` of a GDB server, and the clock in MHz.
        linux: How a Linux board is reached.
        options: How the C is made.
    """
    from tinydet.targets import Board

    if board_name is None:
        raise UnsupportedError(
            "--board", "no board", "the name of a board", "Name the board that is measured."
        )
    board = board_of(board_name)
    server, clock_mhz = via
    if not isinstance(board, Board):
        return benchmark_on_linux(model, output, board, linux, options=options, image=image)
    _refuse_host(board, linux)
    if server is None:
        from tinydet.pipeline.compile_commands import benchmark_for_board

        return benchmark_for_board(model, output, board, image=image, options=options)
    return benchmark_via(
        model, output, board, server, options=options, image=image, clock_mhz=clock_mhz
    )


def deploy_firmware(
    model: Path,
    output: Path,
    board: "Board",
    *,
    image: Path | None,
    external: "tuple[External, ...]",
    options: CompileOptions,
) -> str:
    """Make the firmware of a microcontroller board, and run it on an emulated core.

    Args:
        model: The ``.tflite``, or the folder of a run.
        output: Gets the firmware project.
        board: The board.
        image: Built in for the self-test; None takes noise.
        external: What goes to memories outside of the chip.
        options: How the C is made.

    Returns:
        What was made, what it takes of each memory, and what it printed, as text.

    Raises:
        TinydetError: Whatever the user can mend; a board that is too small.
    """
    from tinydet.compiler.compiled_detector import ARENA_PICTURE_FILE
    from tinydet.targets.board_emulator import run_firmware
    from tinydet.targets.firmware_project import (
        build_firmware,
        format_memory_use,
        memory_use,
        write_firmware_project,
    )
    from tinydet.targets.firmware_project.console import MARK

    files = compile_int8(int8_model(model), options)
    pixels = network_image(image, files.spec.preprocess)
    project = write_firmware_project(files, board, output, image=pixels, external=external)
    files.draw_arena(output / ARENA_PICTURE_FILE)
    elf = build_firmware(project, compiler=options.compiler, self_test=False)
    test_elf = build_firmware(project, compiler=options.compiler, self_test=True)
    run = run_firmware(test_elf, board)
    lines = [
        f"Firmware project for {board.name}: {output.resolve()} (see its README.md)",
        f"Program: {elf}",
        f"Self-test: {test_elf}",
        "",
        format_memory_use(memory_use(project, elf)),
        "",
        f"The self-test on an emulated {board.core}:",
        *(line for line in run.text.splitlines() if not line.startswith(MARK)),
    ]
    return "\n".join(lines)


def deploy_web(model: Path, output: Path, *, options: CompileOptions) -> str:
    """Make a web page that runs the detector, as text."""
    from tinydet.targets.web import write_web_folder

    files = compile_int8(int8_model(model), options)
    web = write_web_folder(files, output)
    size = (
        f"{web.page_bytes / 1024:.0f} KiB, {web.bytes_without_weights / 1024:.0f} without weights"
    )
    return f"Page: {web.page.resolve()} ({size}). Open it in any browser; it needs no server."


def deploy_to_linux(
    model: Path,
    output: Path,
    board: "LinuxBoard",
    linux: LinuxOptions,
    *,
    options: CompileOptions,
) -> str:
    """Compile for a Linux board, copy there, run there on images or a camera.

    Args:
        model: The ``.tflite``, or the folder of a run.
        output: Gets C files, program and ``results.jsonl``.
        board: The board.
        linux: How it is reached, and what to do there; without an address it only compiles.
        options: How the C is made.

    Returns:
        What was done, as text.

    Raises:
        TinydetError: The board cannot be reached, has another processor, no space, ...
    """
    from tinydet.targets import HostTarget
    from tinydet.targets.linux import (
        Source,
        build_program,
        compare_with_pc,
        deploy_linux,
    )

    files = compile_int8(int8_model(model), options)
    if linux.host is None:
        program = build_program(files, board, output / "build")
        return (
            f"Program for {board.name}: {program.resolve()} ({program.stat().st_size:,} bytes, "
            "static). Copy it to the board, or give --host user@address."
        )
    source = Source(images=linux.images, camera=linux.camera, max_frames=linux.max_frames)
    done = deploy_linux(
        files,
        board,
        linux.ssh(),
        build_folder=output / "build",
        folder_on_board=linux.folder,
        source=source,
    )
    text = "".join(json.dumps(record) + "\n" for record in done.results)
    write_text_atomically(output / RESULTS_FILE, text)
    how = "was there already" if done.was_there else "copied"
    lines = [f"{done.program} on {linux.host} ({done.kernel}): {how}"]
    if done.results:
        lines.append(f"{len(done.results)} results: {(output / RESULTS_FILE).resolve()}")
    if linux.images:
        program_here = HostTarget().build(files, output / "build" / "here")
        lines.append(str(compare_with_pc(program_here, linux.images, done.results)))
    return "\n".join(lines)


def benchmark_via(
    model: Path,
    output: Path,
    board: "Board",
    via: str,
    *,
    options: CompileOptions,
    image: Path | None = None,
    clock_mhz: float | None = None,
) -> str:
    """Check and time a detector on a board behind a GDB server, as text.

    Args:
        model: The ``.tflite``, or the folder of a run.
        output: Gets the firmware project and ``benchmark.json``.
        board: The board.
        via: ``gdb://HOST:PORT``.
        options: How the C is made.
        image: Built in; None takes noise.
        clock_mhz: Clock of the core, to tell milliseconds.
    """
    from tinydet.targets.firmware_project import build_firmware, write_firmware_project
    from tinydet.targets.gdb_remote import benchmark_via_gdb, format_board_timing

    server, port = gdb_address(via)
    files = compile_int8(int8_model(model), options)
    pixels = network_image(image, files.spec.preprocess)
    project = write_firmware_project(files, board, output, image=pixels)
    elf = build_firmware(project, compiler=options.compiler, self_test=True)
    clock_hz = None if clock_mhz is None else clock_mhz * 1e6
    timing = benchmark_via_gdb(elf, server, port, clock_hz=clock_hz)
    record = {"board": board.name, **timing.to_record()}
    write_record(output / BENCHMARK_FILE, int8_model(model), record)
    return format_board_timing(timing)


def benchmark_on_linux(
    model: Path,
    output: Path,
    board: "LinuxBoard",
    linux: LinuxOptions,
    *,
    options: CompileOptions,
    image: Path | None = None,
) -> str:
    """Time a detector on a Linux board, beside the board's own TFLite runtime, as text.

    Args:
        model: The ``.tflite``, or the folder of a run.
        output: Gets C files, program and ``benchmark.json``.
        board: The board.
        linux: How it is reached.
        options: How the C is made.
        image: Only scaling and box selection depend on it; None takes noise.
    """
    from tinydet.targets.linux import BenchmarkOptions, benchmark_linux, format_linux_benchmark

    files = compile_int8(int8_model(model), options)
    result = benchmark_linux(
        files,
        board,
        linux.ssh(),
        build_folder=output / "build",
        folder_on_board=linux.folder,
        options=BenchmarkOptions(image=image, tflite=int8_model(model), delegate=linux.delegate),
    )
    write_record(output / BENCHMARK_FILE, int8_model(model), result.to_record())
    return format_linux_benchmark(result)


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


def gdb_address(via: str) -> tuple[str, int]:
    """Host and port of ``gdb://HOST:PORT``.

    Raises:
        UnsupportedError: It is no such address.

    >>> gdb_address("gdb://localhost:3333")
    ('localhost', 3333)
    """
    host, _, port = via.removeprefix("gdb://").rpartition(":")
    if not (via.startswith("gdb://") and host and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise UnsupportedError(
            "--via", repr(via), "gdb://HOST:PORT", "Give the address of a GDB server."
        )
    return host.strip("[]"), int(port)


def _refuse_host(board: "Board", linux: LinuxOptions) -> None:
    if linux.host is not None:
        raise UnsupportedError(
            "--host",
            f"{board.name}, a microcontroller,",
            "a Linux board",
            "Build its firmware without --host; time it with --via gdb://HOST:PORT.",
        )
