"""Estimated cycles of the generated C on boards whose core has Helium.

    python benchmarks/timing_vectors.py MODEL.tflite ...

Each model, of which constant channels are removed, runs in QEMU as a program of the core of each
board. Weights lie in the memory that the program runs from, or in external flash. The file is
written after each row.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from record import write_result

from tinydet.compiler import CompileOptions, compile_detector
from tinydet.targets import Builds, CortexMTarget
from tinydet.targets.boards import find_board
from tinydet.targets.timing import estimate, format_estimate

# Board, and whether the weights lie in external flash. The STM32N6 has no other; its program runs
# from RAM, where weights may lie as well.
BOARDS = (("STM32N6570-DK", True), ("STM32N6570-DK", False), ("ALIF-DK-E7", False),
          ("EK-RA8M1", False))  # fmt: skip
PARTS = ("instructions", "issue_cycles", "stall_cycles", "memory_cycles")


def main() -> None:
    """Estimate and write results/timing_vectors.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="+")
    models: list[Path] = parser.parse_args().models
    command = " ".join(["python benchmarks/timing_vectors.py", *(m.name for m in models)])
    rows: list[dict[str, Any]] = []
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            builds: dict[str, Builds] = {}
            for name, external in BOARDS:
                core = find_board(name).core
                if core not in builds:
                    detector = compile_detector(model, CompileOptions(core=core))
                    target = CortexMTarget(core)
                    builds[core] = Builds.of(target, detector, Path(folder) / core)
                rows.append(row(model, name, builds[core], external=external))
                write_result("timing_vectors", command, {"rows": rows})


def row(model: Path, name: str, builds: Builds, *, external: bool) -> dict[str, Any]:
    """Estimate one."""
    network = builds.program.network
    image = np.random.default_rng(0).integers(0, 256, network.input_shape, np.uint8)
    result = estimate(builds, image, find_board(name), external_weights=external)
    print(format_estimate(result), flush=True)
    record: dict[str, Any] = {
        "model": model.stem,
        "input": network.input_shape[0],
        "arena_bytes": network.arena_bytes,
    }
    record |= result.to_record()
    steps = record.pop("steps")  # too long for a file that is kept
    record |= {part: sum(step[part] for step in steps) for part in PARTS}
    record["cycles_per_mac"] = round(result.cycles / result.macs, 3)
    return record


if __name__ == "__main__":
    main()
