"""Read mutated inputs of every kind for a long time and keep what happened.

    TMPDIR=/dev/shm python benchmarks/fuzz_readers.py 1000000

Adds to ``benchmarks/results/fuzz_readers.json``, seed by seed, until so many inputs were read; so
it can be stopped and started again; several can run at once, each with a ``--first-seed`` and a
``--result`` of its own, which ``--add`` brings together. An input that breaks a promise (see
``tests/mutated_inputs.py``), or ends the process that reads it, is kept in the result with its seed
and number:

    python benchmarks/fuzz_readers.py --again 17 4711      # that one alone
    python benchmarks/fuzz_readers.py --again 17           # the whole seed, in place of the old one
"""

import argparse
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks/results/fuzz_readers.json"
PER_SEED = 5000
LARGEST = ("longest_cpu_s", "longest_message_bytes", "peak_mib")
MOST_WALL_SECONDS = 300  # for one input, on a busy machine: what waits forever
EXTRA_CPU_SECONDS = 1  # so that the reader's own measure comes first

sys.path.insert(0, str(ROOT))  # what is tried is this checkout
from record import write_result  # noqa: E402

from tests import mutated_inputs  # noqa: E402


def main() -> int:
    """Add seeds to the result, or try one again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, nargs="?", help="inputs the result shall have in all")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--result", type=Path, default=RESULT)
    parser.add_argument("--add", type=Path, nargs="+", default=[], help="other results")
    parser.add_argument("--again", type=int, nargs="+", metavar=("SEED", "NUMBER"))
    parsed = parser.parse_args()
    if parsed.again and parsed.again[1:]:
        return try_one(*parsed.again)
    seeds = seeds_of(parsed.result) if parsed.result.exists() else {}
    for other in parsed.add:
        seeds |= seeds_of(other)
        write(parsed.result, seeds)
    if parsed.again:
        seeds[str(parsed.again[0])] = read_seed(parsed.again[0])
        write(parsed.result, seeds)
    seed = parsed.first_seed
    while parsed.count and len(seeds) * PER_SEED < parsed.count:
        if str(seed) not in seeds:
            seeds[str(seed)] = read_seed(seed)
            write(parsed.result, seeds)
        seed += 1
    return 1 if any(record["faults"] for record in seeds.values()) else 0


def seeds_of(path: Path) -> dict[str, dict]:
    """What each seed of a result gave."""
    return json.loads(path.read_text())["figures"]["seeds"]


def try_one(seed: int, number: int) -> int:
    """Read one input in this process, so that a fault shows its traceback."""
    mutated_inputs.quiet()
    with tempfile.TemporaryDirectory() as folder:
        inputs = mutated_inputs.write_inputs(Path(folder))
        print(mutated_inputs.run(inputs, range(number, number + 1), seed))
    return 0


def read_seed(seed: int) -> dict:
    """All inputs of a seed, in a process of their own; without those that end the process."""
    deadly: list[int] = []
    faults: list[str] = []
    while True:
        at = multiprocessing.Value("q", -1)
        receive, send = multiprocessing.Pipe(duplex=False)
        with tempfile.TemporaryDirectory() as folder:
            arguments = (Path(folder), seed, deadly, at, send)
            process = multiprocessing.Process(target=read_others, args=arguments)
            process.start()
            send.close()
            try:
                result = receive.recv()
            except EOFError:
                result = None
            process.join()
        if result is not None:
            result["faults"] += faults
            return result
        deadly.append(at.value)
        faults.append(f"seed {seed}, number {at.value}: the process ended ({process.exitcode})")
        print(faults[-1], flush=True)


def read_others(folder: Path, seed: int, deadly: list[int], at: object, send: object) -> None:
    """What a process does: all inputs of a seed but the deadly ones."""
    mutated_inputs.quiet()
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders write their remarks there
    start = time.process_time()

    def begin(number: int) -> None:
        at.value = number
        # The system ends what hangs, also where a library does not come back to Python.
        signal.setitimer(signal.ITIMER_PROF, mutated_inputs.MOST_SECONDS + EXTRA_CPU_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, MOST_WALL_SECONDS)

    inputs = mutated_inputs.write_inputs(folder)
    numbers = (number for number in range(PER_SEED) if number not in deadly)
    result = mutated_inputs.run(inputs, numbers, seed, begin)
    send.send(result | {"cpu_s": round(time.process_time() - start, 1)})


def write(path: Path, seeds: dict[str, dict]) -> None:
    """The sums in front, then what each seed gave."""
    outcomes = Counter()
    for record in seeds.values():
        outcomes.update(record["outcomes"])
    figures = {
        "inputs": sum(outcomes.values()),
        "faults": [fault for record in seeds.values() for fault in record["faults"]],
        "outcomes": dict(sorted(outcomes.items())),
        **{key: max(record[key] for record in seeds.values()) for key in LARGEST},
        "cpu_minutes": round(sum(record["cpu_s"] for record in seeds.values()) / 60),
        "seeds": seeds,
    }
    write_result(path.stem, "python benchmarks/fuzz_readers.py COUNT", figures, path.parent)


if __name__ == "__main__":
    sys.exit(main())
