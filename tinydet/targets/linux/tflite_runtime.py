"""The TensorFlow Lite runtime of a board, timed beside the program, where the board has one."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydet.targets.linux.ssh import Answer, run_on
from tinydet.targets.linux.ssh_host import SshHost
from tinydet.targets.linux.timing import Spread, spread

TIMING_SCRIPT = Path(__file__).parent / "program" / "tflite_timing.py"
# Where distributions put it; the second is that of OpenSTLinux.
BENCHMARK_TOOLS = ("benchmark_model", "/usr/local/bin/tensorflow-lite-*/tools/benchmark_model")
PYTHON_PACKAGES = ("tflite_runtime", "ai_edge_litert")  # as in tflite_timing.py
FIND = (
    "for m in {packages}; do python3 -c 'import importlib.util as u, sys; "
    "sys.exit(u.find_spec(sys.argv[1]) is None)' $m 2>/dev/null && echo python=$m && break; "
    "done; for t in {tools}; do p=$(command -v $t) && echo tool=$p && break; done; exit 0"
)
MICRO = 1e-3  # milliseconds


@dataclass(frozen=True)
class RuntimeTools:
    """What a board has to run a .tflite file.

    Attributes:
        python: Its ``python3`` has a runtime.
        benchmark_model: Path of TensorFlow's own timing program; "" without.
    """

    python: bool
    benchmark_model: str

    def __bool__(self) -> bool:
        """There is one."""
        return self.python or bool(self.benchmark_model)


@dataclass(frozen=True)
class RuntimeTiming:
    """A .tflite file in the runtime of a board.

    Attributes:
        runtime: Python package, or ``benchmark_model``.
        version: Of the package; "" where it does not tell.
        threads: Threads of the CPU kernels.
        delegate: Library that took the network over; "" for the CPU.
        spread: Time of one inference of the network; None where it failed, or where only the mean
            is told.
        mean_ms: Mean; None where it failed.
        error: Why it failed; "" where it did not.
    """

    runtime: str
    version: str
    threads: int
    delegate: str
    spread: Spread | None = None
    mean_ms: float | None = None
    error: str = ""

    def to_record(self) -> dict[str, Any]:
        """JSON-ready mapping; ``network_ms`` like that of the program, or None."""
        return {
            "runtime": self.runtime,
            "version": self.version,
            "threads": self.threads,
            "delegate": self.delegate,
            "network_ms": self.spread.to_record() if self.spread else None,
            "mean_ms": None if self.mean_ms is None else round(self.mean_ms, 4),
            "error": self.error,
        }


@dataclass(frozen=True)
class RuntimeRun:
    """One measurement to be made.

    Attributes:
        model: The .tflite file on the board.
        threads: Threads of the CPU kernels.
        warmup: Runs before those that count.
        runs: Runs that count.
        delegate: Library on the board; "" for the CPU.
    """

    model: str
    threads: int
    warmup: int
    runs: int
    delegate: str = ""


def find_runtime_tools(host: SshHost) -> RuntimeTools:
    """What the board has.

    Raises:
        RemoteError: It cannot be reached.
    """
    script = FIND.format(packages=" ".join(PYTHON_PACKAGES), tools=" ".join(BENCHMARK_TOOLS))
    found = dict(line.partition("=")[::2] for line in run_on(host, script).output.splitlines())
    return RuntimeTools("python" in found, found.get("tool", ""))


def time_runtime(host: SshHost, tools: RuntimeTools, run: RuntimeRun) -> RuntimeTiming:
    """Time the network in the runtime of the board.

    A failure, as of a delegate that does not fit, is part of the result.

    Args:
        host: The board.
        tools: What it has; the Python package is taken first, because it tells every run.
        run: What to measure.

    Raises:
        RemoteError: The board cannot be reached.
    """
    if tools.python:
        arguments = [run.model, run.threads, run.warmup, run.runs, run.delegate]
        command = shlex.join(["python3", "-", *map(str, arguments)])
        answer = run_on(host, f"{command}; exit $?", content=TIMING_SCRIPT.read_bytes())
        return _python_timing(answer, run)
    command = shlex.join(benchmark_model_command(tools.benchmark_model, run))
    answer = run_on(host, f"{command} 2>&1; exit $?")
    return read_benchmark_model(answer, run)


def benchmark_model_command(tool: str, run: RuntimeRun) -> list[str]:
    """Command line of TensorFlow's timing program, as its documentation gives it.

    >>> benchmark_model_command("benchmark_model", RuntimeRun("a.tflite", 2, 5, 50))
    ... # doctest: +NORMALIZE_WHITESPACE
    ['benchmark_model', '--graph=a.tflite', '--num_threads=2', '--warmup_runs=5',
     '--num_runs=50']
    """
    delegate = [f"--external_delegate_path={run.delegate}"] if run.delegate else []
    return [
        tool,
        f"--graph={run.model}",
        f"--num_threads={run.threads}",
        f"--warmup_runs={run.warmup}",
        f"--num_runs={run.runs}",
        *delegate,
    ]


def read_benchmark_model(answer: Answer, run: RuntimeRun) -> RuntimeTiming:
    """What TensorFlow's timing program printed; its last line of statistics is that of the runs.

    Such a line is ``count=50 first=266601 curr=266931 min=265837 max=268116 avg=266473 std=419``
    in microseconds; newer ones have p5, median and p95 too.
    """
    lines = re.findall(r"^.*\bcount=\d+.*\bavg=.*$", answer.output, re.MULTILINE)
    if answer.status or not lines:
        return _failed("benchmark_model", "", run, answer)
    numbers = {key: float(n) for key, n in re.findall(r"(\w+)=([\d.e+]+)", lines[-1])}
    full = {"median", "p5", "p95", "min", "max"} <= numbers.keys()
    times = {key: value * MICRO for key, value in numbers.items()}
    return RuntimeTiming(
        "benchmark_model",
        "",
        run.threads,
        run.delegate,
        Spread(
            times["median"],
            times["p5"],
            times["p95"],
            times["min"],
            times["max"],
            int(numbers["count"]),
        )
        if full
        else None,
        times["avg"],
    )


def _python_timing(answer: Answer, run: RuntimeRun) -> RuntimeTiming:
    lines = [line for line in answer.output.splitlines() if line.startswith("{")]
    said = json.loads(lines[-1]) if lines else {}
    runtime, version = said.get("runtime") or "python3", said.get("version") or ""
    times = said.get("inference_ms")
    if not times:
        if said.get("error"):
            answer = Answer(answer.status, "", said["error"])
        return _failed(runtime, version, run, answer)
    mean_ms = sum(times) / len(times)
    return RuntimeTiming(runtime, version, run.threads, run.delegate, spread(times), mean_ms)


def _failed(runtime: str, version: str, run: RuntimeRun, answer: Answer) -> RuntimeTiming:
    said = (answer.complaint or answer.output).splitlines()
    error = said[-1] if said else f"exit status {answer.status}"
    return RuntimeTiming(runtime, version, run.threads, run.delegate, error=error)
