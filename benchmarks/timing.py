"""Estimated cycles of the generated C on boards.

    python benchmarks/timing.py [--random] [MODEL.tflite ...]

The models are int8 detectors with ``detector.json`` beside them. With ``--random`` also a network
of random weights at 192 pixels, alpha 0.35, whose channels are all kept. Weights lie in internal
flash, the arena in the fastest RAM that takes it; on the STM32H747I-DISCO also in the external
flash.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from record import write_result

from tinydet.compiler import CompileOptions, compile_detector
from tinydet.pipeline.detector_of import spec_for
from tinydet.targets import CortexMTarget
from tinydet.targets.boards import find_board
from tinydet.targets.timing import estimate, format_estimate

BOARDS = ("STM32H747I-DISCO", "STM32L4R9I-DISCO", "B-U585I-IOT02A")
EXTERNAL = ("STM32H747I-DISCO",)


def main() -> None:
    """Estimate and write results/timing.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="*")
    parser.add_argument("--random", action="store_true", help="a network of random weights")
    parsed = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        models = list(parsed.models)
        if parsed.random:
            from embedded import random_model

            models.append(random_model(192, Path(folder)))
        for number, model in enumerate(models):
            for board, weights in (
                *((board, "flash") for board in BOARDS),
                *((board, "external flash") for board in EXTERNAL),
            ):
                keep = parsed.random and model == models[-1]
                place = Path(folder) / f"{number}_{board}_{weights.split()[0]}"
                rows.append(row(model, board, weights, place, keep_constant=keep))
                print({k: v for k, v in rows[-1].items() if k != "steps"}, flush=True)
    write_result("timing", "python benchmarks/timing.py --random MODEL.tflite", {"rows": rows})


def row(
    model: Path, board: str, weights: str, folder: Path, *, keep_constant: bool
) -> dict[str, Any]:
    """One model on one board."""
    spec = spec_for(model, None)
    options = CompileOptions(remove_channels=not keep_constant)
    detector = compile_detector(model, options, spec=spec)
    image = np.random.default_rng(0).integers(0, 256, (*spec.input_size, 3), np.uint8)
    found = find_board(board)
    begin = time.perf_counter()
    result = estimate(CortexMTarget(found.core), detector, image, folder, found, weights=weights)
    record = {"model": model.stem, "all_channels": keep_constant} | result.to_record()
    record["seconds_taken"] = round(time.perf_counter() - begin, 1)
    record["cycles_per_mac"] = round(result.cycles / result.macs, 3)
    print(format_estimate(result))
    return record


if __name__ == "__main__":
    main()
