"""Time of one inference on this machine by one thread and by two, in the program for Linux boards.

    python benchmarks/threads.py [--models person_192 person_256] [--rounds 9] [--runs 40]

The program runs by one thread and by two in turn, so that whatever else the machine does meets
both; a row has the median over the rounds of the ratio of their medians. For a quiet machine with
two cores or more. Writes ``results/threads.json`` after each row. Needs ziglang.
"""

import argparse
import json
import platform
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from record import write_result

from tinydet.compiler import CompileOptions, compile_detector
from tinydet.pretrained import INT8, model_path
from tinydet.targets.linux import build_program, linux_board
from tinydet.targets.linux.boards import ARCHITECTURES

MODELS = ("person_192", "person_256")
MACHINES = {"x86_64": "linux-x86_64", "AMD64": "linux-x86_64", "aarch64": "linux-aarch64"}
THREADS = (1, 2)
WARM_UP = 5


def main() -> None:
    """Measure each model with each kernel set that runs here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--runs", type=int, default=40)
    parsed = parser.parse_args()
    board = linux_board(MACHINES[platform.machine()])
    architecture = ARCHITECTURES[board.architecture]
    sets = (*(each.name for each in architecture.kernel_sets), architecture.baseline)
    rows: list[dict[str, Any]] = []
    for model in parsed.models:
        options = CompileOptions(name=model, optimize="speed")
        detector = compile_detector(model_path(model, INT8), options)
        with tempfile.TemporaryDirectory() as folder:
            program = build_program(detector, board, Path(folder))
            for kernels in sets:
                if subprocess.run([program, "--kernels", kernels, "--benchmark", "1"],
                                  capture_output=True, check=False).returncode:  # fmt: skip
                    continue  # another processor
                row = {"model": model, "kernels": kernels}
                rows.append(row | measure(program, kernels, parsed.rounds, parsed.runs))
                print(rows[-1], flush=True)
                write_result("threads", "python benchmarks/threads.py", {"rows": rows})


def measure(program: Path, kernels: str, rounds: int, runs: int) -> dict[str, Any]:
    """Milliseconds of the network by one thread and by two, and how many times faster two are."""
    times: dict[int, list[float]] = {threads: [] for threads in THREADS}
    for _ in range(rounds):
        for threads in THREADS:
            times[threads].append(network_ms(program, kernels, threads, runs))
    ratios = [one / two for one, two in zip(times[1], times[2], strict=True)]
    return {
        "rounds": rounds,
        "runs_of_each": runs,
        "one_thread_ms": round(median(times[1]), 3),
        "two_threads_ms": round(median(times[2]), 3),
        "times_faster": round(median(ratios), 2),
        "least": round(min(ratios), 2),
        "most": round(max(ratios), 2),
    }


def network_ms(program: Path, kernels: str, threads: int, runs: int) -> float:
    """Median time of the network alone."""
    words = ["--threads", threads, "--kernels", kernels, "--warmup", WARM_UP, "--benchmark", runs]
    command = [str(program), *map(str, words)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return median(line["network_ms"] for line in lines if "run" in line)


if __name__ == "__main__":
    main()
