"""A data set in one file: its size, and how fast images come out of it.

    python benchmarks/pack.py DATASET [--side 256]

Packs the data set as ``tinydet data pack`` does and augments images from the file into batches for
a 192 px network, without a training step, on all cores: by two threads, and by as many processes
as training starts where it is told of 4 workers or more. The machine should have nothing else to
do. What the process that trains itself has to do per image bounds what more cores can give.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from record import write_result

CONFIG = Path(__file__).parent.parent / "configs" / "coco_person_192_a035.yaml"
BATCH, BATCHES, WARM_UP = 32, 100, 10
MANY_IMAGES, MANY_CORES = 6_000, 16  # what the figures are extrapolated to


def main() -> None:
    """Measure, and write results/pack.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--pack", type=Path, help="a file to keep, and to take where it exists")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.measure:
        print(json.dumps(speeds(parsed.data)))
        return
    with tempfile.TemporaryDirectory() as folder:
        pack = parsed.pack or Path(folder) / "pack.zip"
        if not pack.exists():
            from tinydet.commands.data import pack_data

            print(pack_data(parsed.data, pack, side=parsed.side))
        command = [sys.executable, __file__, pack, "--measure"]
        environment = {**os.environ, "XDG_CACHE_HOME": folder}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        size = pack.stat().st_size
    mib, cores = size / (1 << 20), os.cpu_count() or 1
    by_processes = found["processes"]["images_per_second"]
    figures = {
        "side": parsed.side,
        "bytes": size,
        f"mib_of_{MANY_IMAGES}_images": round(mib / found["images"] * MANY_IMAGES, 1),
        **found,
        f"images_per_second_of_{MANY_CORES}_cores": round(by_processes / cores * MANY_CORES),
        "most_of_one_training_process": round(1e3 / found["processes"]["own_ms_per_image"]),
    }
    write_result("pack", f"python benchmarks/pack.py {parsed.data.name}", figures)


def speeds(pack: Path) -> dict[str, Any]:
    """How many images the file holds, and images per second by threads and by processes."""
    import cv2

    from tinydet.config.loader import load_config
    from tinydet.data.augment import make_augmentation
    from tinydet.pipeline.datasets import load_training
    from tinydet.training.batches import MOST_THREADS, TrainingBatches

    cv2.setNumThreads(1)
    config = load_config(CONFIG, (), {**os.environ, "COCO": str(pack)}).config
    training, validation = load_training(config.dataset)
    figures: dict[str, Any] = {"images": len(training) + len(validation)}
    for kind, workers in (
        ("one_thread", 1),
        ("two_threads", 2),
        ("processes", max(os.cpu_count() or 1, MOST_THREADS + 1)),
    ):
        batches = TrainingBatches(
            training.samples,
            make_augmentation(config.data_augmentation),
            config.preprocess_spec(),
            batch_size=BATCH,
            seed=1,
            num_workers=workers,
        )
        made = batches.epochs(0, BATCHES)
        for _ in range(WARM_UP):
            next(made)
        start, own_start = time.perf_counter(), time.process_time()
        count = sum(len(next(made)[1]) for _ in range(BATCHES))
        figures[kind] = {
            "workers": workers,
            "images_per_second": round(count / (time.perf_counter() - start)),
            "own_ms_per_image": round(1e3 * (time.process_time() - own_start) / count, 3),
        }
        batches.stop()
    return figures


if __name__ == "__main__":
    main()
