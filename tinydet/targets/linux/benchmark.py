"""Timing a detector on a Linux board, beside the TensorFlow Lite runtime that it may have."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tinydet.compiler import CompiledDetector
from tinydet.errors import ModelFileError
from tinydet.targets.linux import timing
from tinydet.targets.linux.boards import LinuxBoard
from tinydet.targets.linux.deploy import (
    FOLDER_ON_BOARD,
    build_program,
    check_end,
    check_threads,
    command_path,
    portable_image,
    thread_arguments,
)
from tinydet.targets.linux.install import board_folder, install, probe
from tinydet.targets.linux.ssh import run_on
from tinydet.targets.linux.ssh_host import RemoteError, SshHost
from tinydet.targets.linux.tflite_runtime import (
    RuntimeRun,
    RuntimeTiming,
    find_runtime_tools,
    time_runtime,
)

HOW = "measured on the board"


@dataclass(frozen=True)
class BenchmarkOptions:
    """What to measure.

    Attributes:
        runs: That count, > 0.
        warmup: Before them, for caches and clocks.
        image: Image file of this machine; None: 640 x 480 pixels of noise. Only scaling and box
            selection depend on it.
        tflite: The model file, to be timed in the board's runtime too; None: not.
        delegate: Library on the board that takes the network over in that runtime (NPU, GPU).
        threads: Of the program, beside one thread; None: one for each core, at most 4.
    """

    runs: int = 50
    warmup: int = 5
    image: Path | None = None
    tflite: Path | None = None
    delegate: str | None = None
    threads: int | None = None


@dataclass(frozen=True)
class ProgramTiming:
    """Times of the program with some number of threads.

    Attributes:
        threads: How many share the work.
        kernels: The set of kernels that the program chose for the processor.
        network: The network alone.
        whole: Scaling the image, network and boxes.
        peak_memory_kib: Most memory of the process, weights and image included.
    """

    threads: int
    kernels: str
    network: timing.Spread
    whole: timing.Spread
    peak_memory_kib: int

    def to_record(self) -> dict[str, Any]:
        """JSON-ready mapping."""
        return {
            "threads": self.threads,
            "kernels": self.kernels,
            "network_ms": self.network.to_record(),
            "image_ms": self.whole.to_record(),
            "peak_memory_kib": self.peak_memory_kib,
        }


@dataclass(frozen=True)
class LinuxBenchmark:
    """Times of one detector on one board.

    Attributes:
        board: What it was compiled for.
        kernel: Of the board, as ``Linux 6.1.82 armv7l``.
        machine: What the board says it is.
        before: Clocks and temperature before the first run.
        after: The same right after the last one.
        single: The program with one thread.
        parallel: The same with more; None where the board has one core.
        program_bytes: Size of the program, weights included.
        tflite: The board's own runtime on the same network; empty where it has none.
    """

    board: LinuxBoard
    kernel: str
    machine: timing.Machine
    before: timing.Moment
    after: timing.Moment
    single: ProgramTiming
    parallel: ProgramTiming | None
    program_bytes: int
    tflite: tuple[RuntimeTiming, ...]

    def to_record(self) -> dict[str, Any]:
        """JSON-ready mapping of all items; ``how`` says where the times are from."""
        return {
            "how": HOW,
            "board": self.board.name,
            "kernel": self.kernel,
            "machine": asdict(self.machine),
            "before": asdict(self.before),
            "after": asdict(self.after),
            **self.single.to_record(),
            "parallel": None if self.parallel is None else self.parallel.to_record(),
            "program_bytes": self.program_bytes,
            "tflite": [row.to_record() for row in self.tflite],
        }


def benchmark_linux(
    detector: CompiledDetector,
    board: LinuxBoard,
    host: SshHost,
    *,
    build_folder: Path,
    folder_on_board: str = FOLDER_ON_BOARD,
    options: BenchmarkOptions | None = None,
) -> LinuxBenchmark:
    """Compile a detector for a Linux board and time it there.

    Args:
        detector: The detector.
        board: What to compile for.
        host: How to reach it.
        build_folder: Of this machine, for sources and program.
        folder_on_board: Where program, image and .tflite go; created.
        options: What to measure.

    Returns:
        Times, and what the machine says of itself.

    Raises:
        RemoteError: The board cannot be reached, has another processor, no space, or the program
            failed there; a delegate was named and the board has no runtime for it.
        MissingToolError: ziglang or the OpenSSH client is not installed.
        DataError: The image cannot be read.
        ModelFileError: The .tflite cannot be read.
    """
    options = options or BenchmarkOptions()
    check_threads(options.threads)
    folder = board_folder(folder_on_board)
    kernel, _ = probe(host, board, folder)
    program = build_program(detector, board, build_folder)
    content = program.read_bytes()
    install(host, content, folder / detector.name)
    lines = _measure(host, folder / detector.name, options)
    single, parallel = _program_timings(lines)
    machine = timing.read_machine(timing.tagged_lines(lines, "fact"))
    return LinuxBenchmark(
        board,
        kernel,
        machine,
        timing.read_moment(timing.tagged_lines(lines, "before")),
        timing.read_moment(timing.tagged_lines(lines, "after")),
        single,
        parallel if parallel.threads > 1 else None,
        len(content),
        _time_tflite(host, folder / f"{detector.name}.tflite", machine.cores, options),
    )


def format_linux_benchmark(result: LinuxBenchmark) -> str:
    """The times as a table, with the machine above it."""
    machine = result.machine
    title = machine.model or result.board.name
    head = f"{title}: {machine.cores} x {machine.cpu}, {result.kernel}{_clocks(result)}"
    rows: list[tuple[str, str, timing.Spread | None, float | None, str]] = []
    for one in (result.single, result.parallel):
        if one is not None:
            name, threads = f"tinydet C ({one.kernels})", str(one.threads)
            rows.append((f"{name}, network", threads, one.network, None, ""))
            rows.append((f"{name}, scaling + network + boxes", threads, one.whole, None, ""))
    for row in result.tflite:
        name = f"{row.runtime} {row.version}".strip() + ", network"
        name += f", {PurePosixPath(row.delegate).name}" if row.delegate else ""
        rows.append((name, str(row.threads), row.spread, row.mean_ms, row.error))
    width = max(len(name) for name, *_ in rows)
    lines = [f"{'':<{width}}  threads  median ms   5 % .. 95 %"]
    for name, threads, spread, mean_ms, error in rows:
        lines.append(f"{name:<{width}}  {threads:>7}  {_times(spread, mean_ms, error)}")
    if not result.tflite:
        lines.append("No TensorFlow Lite runtime was timed on the board.")
    return "\n".join([head, *lines])


def _measure(host: SshHost, program: PurePosixPath, options: BenchmarkOptions) -> list[str]:
    """Facts, clocks, runs, clocks: in one session, so that no clock rests in between."""
    arguments = ["--benchmark", str(options.runs), "--warmup", str(options.warmup)]
    if options.image is not None:
        there = program.with_name(f"{program.name}-benchmark.ppm")
        install(host, portable_image(options.image), there)
        arguments += ["--", str(there)]
    moment = (*timing.MOMENT_FILES, "/proc/cpuinfo")
    command = command_path(str(program))
    single = shlex.join([command, *thread_arguments(1), *arguments])
    parallel = shlex.join([command, *thread_arguments(options.threads), *arguments])
    script = "; ".join(
        [
            timing.read_lines_script(timing.FACT_FILES, "fact"),
            timing.read_lines_script(moment, "before"),
            f"{single} && {parallel}",
            "status=$?",
            timing.read_lines_script(moment, "after"),
            "exit $status",
        ]
    )
    answer = run_on(host, script)
    check_end(host, str(program), answer)
    return answer.output.splitlines()


def _program_timings(lines: Sequence[str]) -> list[ProgramTiming]:
    """What each call of the program printed: its runs, and a last line of its own."""
    timings: list[ProgramTiming] = []
    runs: list[dict[str, float]] = []
    for record in (json.loads(line) for line in lines if line.startswith("{")):
        if "run" in record:
            runs.append(record)
            continue
        network = timing.spread([run["network_ms"] for run in runs])
        whole = timing.spread([run["image_ms"] for run in runs])
        how = (record["threads"], record["kernels"])
        timings.append(ProgramTiming(*how, network, whole, record["peak_memory_kib"]))
        runs = []
    return timings


def _time_tflite(
    host: SshHost, there: PurePosixPath, cores: int, options: BenchmarkOptions
) -> tuple[RuntimeTiming, ...]:
    """Rows of the board's runtime: one thread, all cores, the delegate."""
    if options.tflite is None:
        return ()
    tools = find_runtime_tools(host)
    if not tools:
        if options.delegate:
            raise RemoteError(
                host.address,
                "has no TensorFlow Lite runtime that could load a delegate",
                "Install tflite_runtime for its python3, or benchmark_model.",
            )
        return ()
    try:
        content = options.tflite.read_bytes()
    except OSError as error:
        raise ModelFileError(
            options.tflite, f"cannot be read ({error.strerror})", "Give the .tflite file."
        ) from None
    install(host, content, there)
    wishes: Sequence[tuple[int, str]] = [(threads, "") for threads in sorted({1, cores})]
    if options.delegate:
        wishes = [*wishes, (1, options.delegate)]
    model = str(there)
    return tuple(
        time_runtime(host, tools, RuntimeRun(model, threads, options.warmup, options.runs, library))
        for threads, library in wishes
    )


def _times(spread: timing.Spread | None, mean_ms: float | None, error: str) -> str:
    if spread is not None:
        return f"{spread.median:>9.2f}   {spread.p05:.2f} .. {spread.p95:.2f}"
    return f"failed: {error}" if mean_ms is None else f"{'':>9}   mean {mean_ms:.2f}"


def _clocks(result: LinuxBenchmark) -> str:
    """Clocks and temperature, as far as the machine tells them."""
    before, after = result.before, result.after
    text = ""
    if before.clocks_mhz and after.clocks_mhz:
        text += f", {max(before.clocks_mhz):.0f} MHz before, {max(after.clocks_mhz):.0f} after"
    if after.temperature_c is not None:
        text += f", {after.temperature_c:.0f} C"
    return text
