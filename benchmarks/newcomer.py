"""The newcomer's path, from a clone to a report and to boxes printed by firmware, with its times.

    .ci/run                                       # times every step, and calls this at its end
    cp build/newcomer.json benchmarks/results/    # keeps the figures; then make_tables.py

    python benchmarks/newcomer.py TIMES [--output FOLDER]

TIMES has one line for each step, as ``  123 s  name: command``.
"""

import argparse
import re
from pathlib import Path

from record import RESULTS, write_result

# What .ci/run calls the steps of the path, in order, and what is there after each.
PATH = {
    "clone": "the checkout",
    "install": "an environment with TensorFlow, a C compiler and an emulator",
    "data, training, int8, report": "a trained int8 detector and `demo/run/report.html`",
    "report again": "the report, from the files of the run",
    "firmware with boxes": "a firmware project; its self-test and boxes in an emulator",
}
LINE = re.compile(r"^\s*(\d+) s  (.+?): (.+)$")


def main() -> None:
    """Write newcomer.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("times", type=Path)
    parser.add_argument("--output", type=Path, default=RESULTS)
    asked = parser.parse_args()
    matches = map(LINE.match, asked.times.read_text(encoding="utf-8").splitlines())
    steps = {match[2]: (int(match[1]), match[3]) for match in matches if match}
    if missing := PATH.keys() - steps.keys():
        raise SystemExit(f"newcomer: no time of {', '.join(sorted(missing))}")
    rows = [
        {"step": name, "command": steps[name][1], "seconds": steps[name][0], "gives": gives}
        for name, gives in PATH.items()
    ]
    others = {name: seconds for name, (seconds, _) in steps.items() if name not in PATH}
    write_result("newcomer", ".ci/run", {"rows": rows, "other_steps_s": others}, asked.output)


if __name__ == "__main__":
    main()
