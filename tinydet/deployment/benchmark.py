"""A compiled network measured: counted on an emulated core, or timed on a board."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydet.deployment.compiling import network_image, network_input, write_record
from tinydet.deployment.deploy import FOLDER_ON_BOARD
from tinydet.errors import MissingToolError, UnsupportedError
from tinydet.result import Result

if TYPE_CHECKING:
    from tinydet.compiler import CompiledDetector, CompiledNetwork
    from tinydet.targets import Benchmark, Board, Builds, Fit
    from tinydet.targets.base import CodeArray
    from tinydet.targets.gdb_remote import BoardTiming
    from tinydet.targets.linux import BenchmarkOptions, LinuxBenchmark, LinuxBoard, SshHost
    from tinydet.targets.timing import TimingEstimate
    from tinydet.targets.toolchain import Compiler

FOOTPRINT_FILE, BENCHMARK_FILE = "footprint.json", "benchmark.json"
BENCHMARK_PICTURE_FILE, ROOFLINE_FILE = "benchmark.png", "roofline.png"
NO_BOARD = "name a board (--board) whose memories are known."


@dataclass(frozen=True)
class CountResult(Result):
    """Instruction counts on an emulated core.

    Attributes:
        counts: Per operator, exact; with the footprint of the program.
        fit: Whether it fits the board, where one was named.
        estimate: How long it takes there, estimated.
        no_estimate: Why that is not known; empty where it is.
    """

    counts: "Benchmark"
    fit: "Fit | None" = None
    estimate: "TimingEstimate | None" = None
    no_estimate: str = NO_BOARD

    def __str__(self) -> str:
        from tinydet.targets import format_benchmark, format_footprint
        from tinydet.targets.timing import estimate_columns, estimate_notes

        if self.estimate is None:
            text = f"{format_benchmark(self.counts)}\nInstructions only, no estimate of cycles: "
            text += self.no_estimate
        else:
            text = format_benchmark(self.counts, estimate_columns(self.estimate))
            text += f"\n{estimate_notes(self.estimate)}"
        if self.fit is None:
            return text
        footprint = format_footprint(self.counts.footprint)
        return f"{text}\n\n{footprint}\n\n{self.fit.board.name}: {self.fit.verdict()}"

    def to_dict(self) -> dict[str, Any]:
        """The record of ``benchmark.json``, the footprint, and the fit."""
        record = {
            **self.counts.to_record(),
            "footprint": self.counts.footprint.to_record(),
            **_estimate_record(self.estimate, self.no_estimate),
        }
        if self.fit is not None:
            record |= {
                "board": self.fit.board.name,
                "fits": self.fit.fits,
                "verdict": self.fit.verdict(),
            }
        return record


def _estimate_record(estimate: "TimingEstimate | None", why_not: str) -> dict[str, Any]:
    """``timing_estimate``, or why there is none."""
    if estimate is None:
        return {"timing_estimate": None, "no_timing_estimate": why_not}
    return {"timing_estimate": estimate.to_record()}


@dataclass(frozen=True)
class BoardTimingResult(Result):
    """Times of a board behind a GDB server, beside the estimate for it.

    Attributes:
        board: Its name.
        timing: What was measured.
        estimate: How long the network takes there, estimated.
        no_estimate: Why that is not known; empty where it is.
    """

    board: str
    timing: "BoardTiming"
    estimate: "TimingEstimate | None" = None
    no_estimate: str = ""

    def __str__(self) -> str:
        from tinydet.targets.gdb_remote import format_board_timing
        from tinydet.targets.timing import estimate_notes

        measured = f"Measured:\n{format_board_timing(self.timing)}"
        if self.estimate is None:
            return f"{measured}\n\nNo estimate beside it: {self.no_estimate}"
        return f"{measured}\n\n{estimate_notes(self.estimate)}"

    def to_dict(self) -> dict[str, Any]:
        """The record of ``benchmark.json``."""
        record = {"board": self.board, **self.timing.to_record()}
        return record | _estimate_record(self.estimate, self.no_estimate)


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
    network: "CompiledNetwork",
    output: Path,
    *,
    target: str | None = None,
    board: "Board | None" = None,
    image: str | Path | None = None,
    compiler: "Compiler" = "zig",
) -> CountResult:
    """Count the instructions of one inference on an emulated core, exactly, per operator.

    With a board the cycles are estimated too, where the timing model knows the board.

    Args:
        network: The network, or detector.
        output: Gets C files, builds, ``benchmark.json`` and ``benchmark.png``; with a board also
            ``footprint.json``, and with an estimate ``roofline.png``.
        target: A Cortex-M core; with a board that of the board.
        board: Also tells whether the program fits there, and how long it may take.
        image: What to run a detector on; None takes noise. Only the boxes' count depends on it.
        compiler: C compiler.
    """
    from tinydet.targets import Builds, CortexMTarget, benchmark, fit

    core = board.core if board is not None else str(target)
    network.save(output / "c")
    codes = network_input(network, image)
    builds = Builds.of(CortexMTarget(core, compiler=compiler), network, output / "build")
    counts = benchmark(builds, codes)
    result = CountResult(counts)
    if board is not None:
        found = fit(board, counts.footprint)
        time, why = _estimate(builds, codes, found)
        result = CountResult(counts, found, time, why)
        write_record(output / FOOTPRINT_FILE, network.where, counts.footprint.to_record())
    how = {"compiler": compiler, "input_mode": network.input_mode}
    record = counts.to_record() | how | _estimate_record(result.estimate, result.no_estimate)
    write_record(output / BENCHMARK_FILE, network.where, record)
    _draw(result, output)
    return result


def _estimate(
    builds: "Builds", codes: "CodeArray", found: "Fit"
) -> "tuple[TimingEstimate | None, str]":
    """The estimate, or why there is none: what was counted is worth keeping without it."""
    from tinydet.targets.timing import estimate

    if not found.fits:
        return None, f"{found.board.name}: {found.verdict()}"
    external = found.flash_spare_bytes < 0
    try:
        return estimate(builds, codes, found.board, external_weights=external), ""
    except (MissingToolError, UnsupportedError) as error:
        return None, str(error)


def _estimate_beside(
    detector: "CompiledDetector",
    board: "Board",
    output: Path,
    image: str | Path | None,
    compiler: "Compiler",
) -> "tuple[TimingEstimate | None, str]":
    """The estimate for a board that was timed, or why there is none."""
    from tinydet.targets import Builds, CortexMTarget
    from tinydet.targets.timing import board_timing, estimate

    try:
        board_timing(board)  # before anything is built
        target = CortexMTarget(board.core, compiler=compiler)
        builds = Builds.of(target, detector, output / "estimate")
        return estimate(builds, network_input(detector, image), board), ""
    except (MissingToolError, UnsupportedError) as error:
        return None, str(error)


def _draw(result: CountResult, output: Path) -> None:
    from tinydet.targets import draw_benchmark
    from tinydet.targets.timing import draw_roofline

    path, time = output / BENCHMARK_PICTURE_FILE, result.estimate
    if time is None:
        draw_benchmark(result.counts, path)
        return
    note = (
        f"{time.board} at {time.clock_mhz:g} MHz: {time.milliseconds:.1f} ms, "
        f"{time.cycles / 1e6:.1f} M cycles ({time.error.text()})"
    )
    draw_benchmark(result.counts, path, {step.op: step.cycles for step in time.steps}, note)
    draw_roofline(time, output / ROOFLINE_FILE)


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
    timing = benchmark_via_gdb(elf, server, port, clock_hz=clock_hz)
    result = BoardTimingResult(
        board.name, timing, *_estimate_beside(detector, board, output, image, compiler)
    )
    write_record(output / BENCHMARK_FILE, detector.where, result.to_dict())
    return result


def time_on_linux(
    detector: "CompiledDetector",
    board: "LinuxBoard",
    output: Path,
    host: "SshHost",
    *,
    folder: str = FOLDER_ON_BOARD,
    options: "BenchmarkOptions | None" = None,
) -> LinuxTimingResult:
    """Time a detector on a Linux board, beside the board's own TFLite runtime.

    Args:
        detector: The detector.
        board: The board.
        output: Gets C files, program and ``benchmark.json``.
        host: How it is reached.
        folder: On the board; relative: below the home folder.
        options: What to measure; the model file is added.
    """
    from tinydet.targets.linux import BenchmarkOptions, benchmark_linux

    options = replace(options or BenchmarkOptions(), tflite=Path(detector.where))
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
