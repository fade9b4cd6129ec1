"""How far the timing model is from boards that others measured.

    python benchmarks/timing_validation.py PROGRAMS.json

The programs are int8 networks of MLPerf Tiny in a code generator that is not ours (Bosch HALE), as
firmware images that were submitted together with the throughput measured on the board. None of
them comes with tinydet: PROGRAMS.json is a list of
``{"name", "core", "board", "clock_mhz", "image", "calibration", "inferences_per_s", "places"}``,
``image`` a raw image for address 0x08000000 and ``places`` a list of ``[begin, end, memory]``.

Each runs in the emulator with a serial port and what else its start-up waits for, gets the commands
``infer 1`` and ``infer 2`` of the benchmark's protocol, and is estimated by the difference: one
inference with warm caches. Programs marked ``calibration`` were looked at when the waits of
memories were set, the others were run once, afterwards.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from record import write_result
from timing_firmware import FirmwareBoard

from tinydet.targets.boards import find_board
from tinydet.targets.timing.board_memories import board_timing, memories
from tinydet.targets.timing.cost import CostModel
from tinydet.targets.timing.recorder import FRACTION, Recorder
from tinydet.targets.timing.recorder_hosts import UnicornHost

FLASH = (0x0800_0000, 0x0840_0000)


@dataclass(frozen=True)
class Cycles:
    """Of one inference."""

    core: float
    memory: float
    unknown_accesses: float


def main() -> None:
    """Estimate all programs and write results/timing_validation.json."""
    rows = rows_of_programs(str(__doc__), row)
    errors = {
        name: sorted(abs(r["error"]) for r in rows if name == "all" or not r["calibration"])
        for name in ("all", "held_back")
    }
    summary = {
        name: {"points": len(e), "median": median(e), "worst": e[-1]} for name, e in errors.items()
    }
    content = {"summary": summary, "rows": rows}
    write_result(
        "timing_validation", "python benchmarks/timing_validation.py PROGRAMS.json", content
    )


def rows_of_programs(
    description: str, row_of: Callable[[dict[str, Any], Path], dict[str, Any]]
) -> list[dict[str, Any]]:
    """A row for each program of the PROGRAMS.json that the command line names.

    Args:
        description: Of the script.
        row_of: From a program and the folder of its files to a row.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("programs", type=Path)
    parsed = parser.parse_args()
    rows = []
    for program in json.loads(parsed.programs.read_text(encoding="utf-8")):
        rows.append(row_of(program, parsed.programs.parent))
        print(rows[-1], flush=True)
    return rows


def row(program: dict[str, Any], folder: Path) -> dict[str, Any]:
    """One program: estimated, measured, error."""
    cycles = estimated(program, folder)
    measured = program["clock_mhz"] * 1e6 / program["inferences_per_s"]
    total = cycles.core + cycles.memory
    return {
        "program": program["name"],
        "core": program["core"],
        "board": program["board"],
        "calibration": program["calibration"],
        "measured_cycles": round(measured),
        "estimated_cycles": round(total),
        "memory_cycles": round(cycles.memory),
        "unknown_accesses": round(cycles.unknown_accesses, 3),
        "error": round(total / measured - 1, 4),
    }


def estimated(program: dict[str, Any], folder: Path) -> Cycles:
    """Run a firmware in the emulator and estimate one inference."""
    device = FirmwareBoard(program["core"], (folder / program["image"]).read_bytes())
    device.boot()
    timing = board_timing(find_board(program["board"]))
    places = {FLASH: "flash"} | {(b, e): name for b, e, name in program["places"]}
    cost = CostModel(program["core"], memories(timing, places), device.read)
    host = UnicornHost(device.engine, folder)
    recorder = Recorder(host, cost.memories, cost.pipeline.unaligned_cycles)
    device.infer(2)
    recorder.price(cost.price)
    recorder.locate(cost.accesses)
    sums = []
    for count in (1, 2):
        recorder.reset()
        stamps: list[tuple[float, float]] = []

        def note(stamps: list[tuple[float, float]] = stamps) -> None:
            group = recorder.totals().groups[0]
            stamps.append((int(group["issue"]), int(group["fetch"]) + int(group["data"])))

        device.on_timestamp = note
        device.infer(count)
        sums.append(tuple(stamps[-1][k] - stamps[0][k] for k in range(2)))
    core, memory = ((sums[1][k] - sums[0][k]) / FRACTION for k in range(2))
    return Cycles(core, memory, cost.unknown / max(cost.known + cost.unknown, 1))


if __name__ == "__main__":
    main()
