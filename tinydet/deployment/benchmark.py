"""A compiled detector measured: counted on an emulated core, or timed on a board."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydet.deployment.compiling import network_image, write_record
from tinydet.deployment.deploy import FOLDER_ON_BOARD
from tinydet.errors import UnsupportedError
from tinydet.result import Result

if TYPE_CHECKING:
    from tinydet.compiler import CompiledDetector
    from tinydet.targets import Benchmark, Board, Fit
    from tinydet.targets.gdb_remote import BoardTiming
    from tinydet.targets.linux import LinuxBenchmark, LinuxBoard, SshHost
    from tinydet.targets.toolchain import Compiler

FOOTPRINT_FILE, BENCHMARK_FILE = "footprint.json", "benchmark.json"
BENCHMARK_PICTURE_FILE = "benchmark.png"


@dataclass(frozen=True)
class CountResult(Result):
    """Instruction counts on an emulated core.

    Attributes:
        counts: Per operator, exact; with the footprint of the program.
        fit: Whether it fits the board, where one was named.
    """

    counts: "Benchmark"
    fit: "Fit | None" = None

    def __str__(self) -> str:
        from tinydet.targets import format_benchmark, format_footprint

        text = format_benchmark(self.counts)
        if self.fit is None:
            return text
        footprint = format_footprint(self.counts.footprint)
        return f"{text}\n\n{footprint}\n\n{self.fit.board.name}: {self.fit.verdict()}"

    def to_dict(self) -> dict[str, Any]:
        """The record of ``benchmark.json``, the footprint, and the fit."""
        record = {**self.counts.to_record(), "footprint": self.counts.footprint.to_record()}
        if self.fit is not None:
            record |= {
                "board": self.fit.board.name,
                "fits": self.fit.fits,
                "verdict": self.fit.verdict(),
            }
        return record


@dataclass(frozen=True)
class BoardTimingResult(Result):
    """Times of a board behind a GDB server.

    Attributes:
        board: Its name.
        timing: What was measured.
    """

    board: str
    timing: "BoardTiming"

    def __str__(self) -> str:
        from tinydet.targets.gdb_remote import format_board_timing

        return format_board_timing(self.timing)

    def to_dict(self) -> dict[str, Any]:
        """The record of ``benchmark.json``."""
        return {"board": self.board, **self.timing.to_record()}


@dataclass(frozen=True)
class LinuxTimingResult(Result):
    """Times of a Linux board, beside those of its own TensorFlow Lite runtime.

    Attributes:
        timing: What was measured.
    """

    timing: "LinuxBenchmark"

    def __str__(self) -> str:
        from tinydet.targets.linux import format_linux_benchmark

        return format_linux_benchmark(self.timing)

    def to_dict(self) -> dict[str, Any]:
        """The record of ``benchmark.json``."""
        return self.timing.to_record()


def count_on_core(
    detector: "CompiledDetector",
    output: Path,
    *,
    target: str | None = None,
    board: "Board | None" = None,
    image: str | Path | None = None,
    compiler: "Compiler" = "zig",
) -> CountResult:
    """Count the instructions of one inference on an emulated core, exactly, per operator.

    Args:
        detector: The detector.
        output: Gets C files, builds, ``benchmark.json`` and ``benchmark.png``; with a board also
            ``footprint.json``.
        target: A Cortex-M core; with a board that of the board.
        board: Also tells whether the program fits there.
        image: What to run on; None takes noise. Only the boxes' count depends on it.
        compiler: C compiler.
    """
    from tinydet.targets import CortexMTarget, benchmark, draw_benchmark, fit

    core = board.target if board is not None else str(target)
    detector.save(output / "c")
    pixels = network_image(image, detector.spec.preprocess)
    counts = benchmark(CortexMTarget(core, compiler=compiler), detector, pixels, output / "build")
    how = {"compiler": compiler, "input_mode": detector.input_mode}
    write_record(output / BENCHMARK_FILE, detector.where, counts.to_record() | how)
    draw_benchmark(counts, output / BENCHMARK_PICTURE_FILE)
    if board is None:
        return CountResult(counts)
    write_record(output / FOOTPRINT_FILE, detector.where, counts.footprint.to_record())
    return CountResult(counts, fit(board, counts.footprint))


def time_via_gdb(
    detector: "CompiledDetector",
    board: "Board",
    output: Path,
    via: str,
    *,
    image: str | Path | None = None,
    clock_mhz: float | None = None,
    compiler: "Compiler" = "zig",
) -> BoardTimingResult:
    """Check and time a detector on a board behind a GDB server.

    Args:
        detector: The detector.
        board: The board.
        output: Gets the firmware project and ``benchmark.json``.
        via: ``gdb://HOST:PORT``.
        image: Built in; None takes noise.
        clock_mhz: Clock of the core, to tell milliseconds.
        compiler: C compiler.
    """
    from tinydet.targets.firmware_project import build_firmware, write_firmware_project
    from tinydet.targets.gdb_remote import benchmark_via_gdb

    server, port = gdb_address(via)
    pixels = network_image(image, detector.spec.preprocess)
    project = write_firmware_project(detector, board, output, image=pixels)
    elf = build_firmware(project, compiler=compiler, self_test=True)
    clock_hz = None if clock_mhz is None else clock_mhz * 1e6
    result = BoardTimingResult(board.name, benchmark_via_gdb(elf, server, port, clock_hz=clock_hz))
    write_record(output / BENCHMARK_FILE, detector.where, result.to_dict())
    return result


def time_on_linux(
    detector: "CompiledDetector",
    board: "LinuxBoard",
    output: Path,
    host: "SshHost",
    *,
    folder: str = FOLDER_ON_BOARD,
    image: str | Path | None = None,
    delegate: str | None = None,
) -> LinuxTimingResult:
    """Time a detector on a Linux board, beside the board's own TFLite runtime.

    Args:
        detector: The detector.
        board: The board.
        output: Gets C files, program and ``benchmark.json``.
        host: How it is reached.
        folder: On the board; relative: below the home folder.
        image: Only scaling and box selection depend on it; None takes noise.
        delegate: Library on the board that takes the network over in its runtime (NPU, GPU).
    """
    from tinydet.targets.linux import BenchmarkOptions, benchmark_linux

    options = BenchmarkOptions(
        image=None if image is None else Path(image), tflite=Path(detector.where), delegate=delegate
    )
    timing = benchmark_linux(
        detector,
        board,
        host,
        build_folder=output / "build",
        folder_on_board=folder,
        options=options,
    )
    write_record(output / BENCHMARK_FILE, detector.where, timing.to_record())
    return LinuxTimingResult(timing)


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
