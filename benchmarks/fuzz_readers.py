"""Read mutated data sets of every format for a long time and keep what happened.

    python benchmarks/fuzz_readers.py 1000000 --processes 2

The result goes to ``benchmarks/results/fuzz_readers.json``; a data set that breaks a promise ends
the run with its number.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks/results/fuzz_readers.json"
CHUNK = 2000  # data sets of one seed


def main() -> None:
    """Run the fuzzer over seeds 0, 1, 2, ..., and sum up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, help="mutated data sets, rounded up to thousands")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parsed = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from tests.data.readers.mutated_data import run
    from tinydet.versions import installed_versions

    seeds = range(parsed.first_seed, parsed.first_seed + -(-parsed.count // CHUNK))
    start = time.perf_counter()
    with ProcessPoolExecutor(parsed.processes, max_tasks_per_child=50) as pool:
        results = list(pool.map(run, [CHUNK] * len(seeds), seeds))
    summary = {
        "first_seed": seeds[0],
        "data_sets_per_seed": CHUNK,
        **{key: sum(r.get(key, 0) for r in results) for key in ("mutations", "read", "refused")},
        **{
            key: max(r[key] for r in results)
            for key in ("longest_cpu_s", "longest_message", "peak_mib")
        },
        "seconds": round(time.perf_counter() - start),
        "versions": installed_versions(["numpy", "opencv-python-headless", "pillow", "pyyaml"]),
    }
    RESULT.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main()
