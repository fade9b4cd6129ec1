"""Time of one inference on this machine by one thread and by two, in the program for Linux boards.

    python benchmarks/threads.py [--models person_192 person_256] [--rounds 9] [--runs 40]
                                 [--kernels avx2] [--programs FOLDER]

In each round the program runs by one thread, by two, and twice at a time by one thread each, which
tells what the machine's two processors can do at best. Figures are medians over the rounds. For a
quiet machine with two cores or more. Each row goes into ``results/threads.json`` as soon as it is
measured, in place of an older one. ``--programs`` keeps the programs for another call. Needs
ziglang.
"""

import argparse
import json
import platform
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from record import read_rows, write_result

from tinydet.compiler import CompileOptions, compile_detector
from tinydet.pretrained import INT8, model_path
from tinydet.targets.linux import build_program, linux_board
from tinydet.targets.linux.boards import ARCHITECTURES

NAME = "threads"
MODELS = ("person_192", "person_256", "person_416")
MACHINES = {"x86_64": "linux-x86_64", "AMD64": "linux-x86_64", "aarch64": "linux-aarch64"}
WARM_UP = 5
Row = dict[str, Any]
Table = Callable[[list[str], list[list[str]]], str]


def main() -> None:
    """Measure each model with each kernel set that runs here."""
    board = linux_board(MACHINES[platform.machine()])
    architecture = ARCHITECTURES[board.architecture]
    sets = (*(each.name for each in architecture.kernel_sets), architecture.baseline)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS[:2])
    parser.add_argument("--kernels", nargs="+", choices=sets, default=sets)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--programs", type=Path, help="folder with a program for each model")
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for model in parsed.models:
            place = (parsed.programs or Path(folder)) / model
            program = place / f"{model}-{board.architecture}"
            if not program.is_file():
                options = CompileOptions(name=model, optimize="speed")
                build_program(compile_detector(model_path(model, INT8), options), board, place)
            for kernels in parsed.kernels:
                if runs_here(program, kernels):
                    figures = measure(program, kernels, parsed.rounds, parsed.runs)
                    keep({"model": model, "kernels": kernels} | figures)


def runs_here(program: Path, kernels: str) -> bool:
    """Whether this processor has what the kernels need."""
    command = [program, "--kernels", kernels, "--benchmark", "1"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def measure(program: Path, kernels: str, rounds: int, runs: int) -> Row:
    """Milliseconds of the network: one thread, two, and one each of two processes at a time."""
    one, two, faster, best = [], [], [], []
    for _ in range(rounds):
        one.append(network_ms(start(program, kernels, 1, runs)))
        two.append(network_ms(start(program, kernels, 2, runs)))
        pair = [start(program, kernels, 1, runs) for _ in range(2)]
        faster.append(one[-1] / two[-1])
        best.append(sum(one[-1] / network_ms(each) for each in pair))
    return {
        "rounds": rounds,
        "runs_of_each": runs,
        "one_thread_ms": round(median(one), 3),
        "two_threads_ms": round(median(two), 3),
        "times_faster": round(median(faster), 2),
        "least": round(min(faster), 2),
        "most": round(max(faster), 2),
        "two_processes_times_faster": round(median(best), 2),
    }


def start(program: Path, kernels: str, threads: int, runs: int) -> "subprocess.Popen[str]":
    """The program, which times itself."""
    words = ["--threads", threads, "--kernels", kernels, "--warmup", WARM_UP, "--benchmark", runs]
    command = [str(program), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def network_ms(running: "subprocess.Popen[str]") -> float:
    """Median time of the network alone, when the program is done."""
    output, _ = running.communicate()
    lines = [json.loads(line) for line in output.splitlines()]
    return median(line["network_ms"] for line in lines if "run" in line)


def keep(row: Row) -> None:
    """Put a row into the results, in place of an older one of the same model and kernels."""
    print(row, flush=True)
    new = (row["model"], row["kernels"])
    others = [old for old in read_rows(NAME) if (old["model"], old["kernels"]) != new]
    rows = sorted([*others, row], key=lambda each: (each["model"], each["one_thread_ms"]))
    write_result(NAME, "python benchmarks/threads.py", {"rows": rows})


def threads_table(figures: dict[str, Any], table: Table) -> str:
    """One thread beside two, and what the machine allows."""
    heads = ["model", "kernels", "one thread", "two threads", "times faster, median (range)"]
    rows = [
        [
            row["model"],
            row["kernels"],
            f"{row['one_thread_ms']:.2f} ms",
            f"{row['two_threads_ms']:.2f} ms",
            f"{row['times_faster']:.2f} ({row['least']:.2f} to {row['most']:.2f})",
            f"{row['two_processes_times_faster']:.2f} times as much",
        ]
        for row in figures["rows"]
    ]
    return (
        "## Threads\n\n"
        + table([*heads, "two processes at a time, of one thread each"], rows)
        + "\nProgram for Linux on a PC with two processors, network alone. The last column is the "
        "most that two threads could reach.\n"
    )


if __name__ == "__main__":
    main()
