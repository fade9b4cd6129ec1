"""How soon the command line answers: processor time and time on the clock.

python benchmarks/answer_time.py [--repeats 20]
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

from record import write_result

START = [sys.executable, "-c", "pass"]
TINYDET = [sys.executable, "-m", "tinydet.cli"]
COMMANDS = {
    "python -c pass": START,
    "tinydet --help": [*TINYDET, "--help"],
    "tinydet --version": [*TINYDET, "--version"],
    "tinydet compile --help": [*TINYDET, "compile", "--help"],
    "tinydet run --config missing.yaml": [*TINYDET, "run", "--config", "missing.yaml"],
}


def main() -> None:
    """Measure and write results/answer_time.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args().repeats
    rows = []
    for name, words in COMMANDS.items():
        times = [once(words) for _ in range(repeats)]
        row = {
            "command": name,
            "processor_s": statistics.median(processor for processor, _ in times),
            "least_s": min(elapsed for _, elapsed in times),
        }
        rows.append(row)
        print(row, flush=True)
    command = f"python benchmarks/answer_time.py --repeats {repeats}"
    write_result("answer_time", command, {"repeats": repeats, "rows": rows})


def once(words: list[str]) -> tuple[float, float]:
    """Processor seconds and seconds on the clock of one process."""
    before, start = spent(), time.perf_counter()
    subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return spent() - before, time.perf_counter() - start


def spent() -> float:
    """Processor seconds of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
