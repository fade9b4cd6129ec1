"""How training scales: images/s of the data pipeline, of several processes, and a large data set.

    python benchmarks/scaling.py pipeline DATASET
    python benchmarks/scaling.py processes DATASET
    python benchmarks/scaling.py large FOLDER

``pipeline``: batches without a training step, on one core and on all, decoding every file, from
the disk cache, and from memory. ``processes``: a training by one process with all cores against
two with half of them each, in turns, with the same batch. ``large``: 100,000 images that are links
to a few generated ones, each with a label file of its own; made in FOLDER, which is to be deleted
afterwards.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from record import write_result

if TYPE_CHECKING:
    from tinydet.data.decoded_images import DecodedImages
    from tinydet.training.batches import TrainingBatches

HERE = Path(__file__).parent
CONFIG = HERE.parent / "configs" / "coco_person_192_a035.yaml"
NUM_IMAGES, NUM_FILES, NUM_SUBSET = 100_000, 64, 768
MOST_STARTUP_S, LARGEST_SIDE = 60, 416


def main() -> None:
    """Measure one part and add it to results/scaling.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("pipeline", "processes", "large", *WORKERS))
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Path("scaling_cache").resolve())
    parsed = parser.parse_args()
    if parsed.part in WORKERS:
        print(json.dumps(WORKERS[parsed.part](parsed)))
        return
    figures = {"pipeline": pipeline, "processes": processes, "large": large}[parsed.part](parsed)
    command = f"python benchmarks/scaling.py {parsed.part} {parsed.data.name}"
    write_result(f"scaling_{parsed.part}", command, figures)


def worker(part: str, parsed: argparse.Namespace, cores: str) -> dict[str, float]:
    """Run a part of this file in a process that has some of the cores."""
    command = [sys.executable, __file__, part, str(parsed.data), "--cache", str(parsed.cache)]
    done = subprocess.run(
        ["taskset", "-c", cores, *command], stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


# --------------------------------------------------------------------------------- data pipeline


def pipeline(parsed: argparse.Namespace) -> dict[str, object]:
    """Images per second by cores and by where decoded images come from."""
    rounds: dict[str, list[dict[str, float]]] = {}
    for _ in range(parsed.rounds):
        for cores in (1, os.cpu_count() or 1):
            found = worker("pipeline-alone", parsed, ",".join(map(str, range(cores))))
            rounds.setdefault(f"{cores}_cores", []).append(found)
    shutil.rmtree(parsed.cache, ignore_errors=True)
    return {
        cores: {name: round(statistics.median(r[name] for r in found), 1) for name in found[0]}
        for cores, found in rounds.items()
    } | {"rounds": rounds, "largest_image_side": LARGEST_SIDE}


def _batches(parsed: argparse.Namespace, images: "DecodedImages") -> "TrainingBatches":
    from tinydet.config.loader import load_config
    from tinydet.data.augment import make_augmentation
    from tinydet.pipeline.datasets import load_training
    from tinydet.training.batches import TrainingBatches

    environment = {**os.environ, "COCO": str(parsed.data)}
    config = load_config(CONFIG, (), environment).config
    samples = load_training(config.dataset)[0].samples[:NUM_SUBSET]
    return TrainingBatches(
        samples,
        make_augmentation(config.data_augmentation),
        config.preprocess_spec(),
        batch_size=32,
        seed=1,
        num_workers=len(os.sched_getaffinity(0)),
        images=images,
    )


def pipeline_alone(parsed: argparse.Namespace) -> dict[str, float]:
    """Images per second of this process."""
    import cv2

    from tinydet.data.decoded_images import DecodedImages, DiskCache

    cv2.setNumThreads(1)
    sources = {
        "decoding": DecodedImages(),
        "disk_cache": DecodedImages(0, DiskCache(parsed.cache / "full", 8 << 30)),
        "disk_cache_416": DecodedImages(0, DiskCache(parsed.cache / "416", 8 << 30), LARGEST_SIDE),
        "memory_416": DecodedImages(3 << 30, None, LARGEST_SIDE),
    }
    speeds = {}
    for name, images in sources.items():
        batches = _batches(parsed, images)
        for measured in (False, True):  # the first pass fills the caches
            start = time.perf_counter()
            count = sum(len(rows) for _, rows in batches.epochs(0, 1))
            if measured:
                speeds[name] = count / (time.perf_counter() - start)
    return speeds


# ------------------------------------------------------------------------------------- processes


def processes(parsed: argparse.Namespace) -> dict[str, object]:
    """Images per second of a training by one and by two processes, in turns."""
    data = make_subset(parsed.data, parsed.cache / "data")
    rounds: dict[str, list[float]] = {"one_process": [], "two_processes": []}
    for index in range(parsed.rounds):
        for count, name in enumerate(rounds, start=1):
            folder = parsed.cache / f"run_{index}_{count}"
            command = [
                *(sys.executable, "-m", "tinydet.cli", "run", "--config", str(CONFIG)),
                *("operation_mode=training", "training.epochs=2", f"hydra.run.dir={folder}"),
                *("training.model.pretrained_weights=None", f"general.processes={count}"),
                *("training.validation_period=2", "training.callbacks={}"),
            ]
            environment = {**os.environ, "COCO": str(data)}
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
            text = (folder / "logs/metrics/train_metrics.csv").read_text().splitlines()
            last = dict(zip(text[0].split(","), text[-1].split(","), strict=True))
            rounds[name].append(round(float(last["images_per_second"]), 1))
            print(name, rounds[name], file=sys.stderr)
    shutil.rmtree(parsed.cache, ignore_errors=True)
    ratios = [two / one for one, two in zip(*rounds.values(), strict=True)]
    medians = {name: statistics.median(speeds) for name, speeds in rounds.items()}
    return {
        **medians,
        "ratio": round(statistics.median(ratios), 3),
        "rounds": rounds,
        "batch_size": 32,
        "images": NUM_SUBSET,
    }


def make_subset(data: Path, folder: Path) -> Path:
    """The first images of a YOLO data set, as links."""
    for part, count in (("train", NUM_SUBSET), ("val", 32)):
        for kind in ("images", "labels"):
            (folder / kind / part).mkdir(parents=True)
        for image in sorted((data / "images" / part).iterdir())[:count]:
            label = data / "labels" / part / f"{image.stem}.txt"
            (folder / "images" / part / image.name).symlink_to(image.resolve())
            if label.exists():
                (folder / "labels" / part / label.name).symlink_to(label.resolve())
    shutil.copyfile(data / "data.yaml", folder / "data.yaml")
    return folder


# --------------------------------------------------------------------------------- large data set


def large(parsed: argparse.Namespace) -> dict[str, object]:
    """Start-up time and memory with 100,000 images."""
    if not (parsed.data / "data.yaml").exists():
        make_large(parsed.data)
    figures = {}
    for part in ("large-start", "large-check", "large-epoch"):
        start = time.perf_counter()
        found = worker(part, parsed, ",".join(map(str, range(os.cpu_count() or 1))))
        figures[part] = {**found, "wall_s": round(time.perf_counter() - start, 1)}
    return {"images": NUM_IMAGES, "limit_s": MOST_STARTUP_S, **figures}


def make_large(folder: Path) -> None:
    """100,000 links to a few generated images, each with a label file of its own."""
    from tinydet.data.generate import CLASS_NAMES, generate_dataset

    generate_dataset(folder / "source", images=NUM_FILES, seed=1)
    files = sorted((folder / "source").rglob("*.jpg"))
    for part, count in (("train", NUM_IMAGES), ("val", 200)):
        for kind in ("images", "labels"):
            (folder / kind / part).mkdir(parents=True)
        for index in range(count):
            image = files[index % len(files)]
            label = Path(str(image.with_suffix(".txt")).replace("/images/", "/labels/"))
            os.link(image, folder / "images" / part / f"{index:06d}.jpg")
            shutil.copyfile(label, folder / "labels" / part / f"{index:06d}.txt")
    names = json.dumps(list(CLASS_NAMES))
    text = f"path: .\ntrain: images/train\nval: images/val\nnames: {names}\n"
    (folder / "data.yaml").write_text(text)


def _peak_mib() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def large_start(parsed: argparse.Namespace) -> dict[str, float]:
    """Reading the labels."""
    from tinydet.data.dataset import load_dataset

    before, start = _peak_mib(), time.perf_counter()
    dataset = load_dataset(parsed.data, split="train")
    seconds = time.perf_counter() - start
    return {"images": len(dataset), "read_labels_s": round(seconds, 1), "before_mib": before,
            "peak_mib": _peak_mib()}  # fmt: skip


def large_check(parsed: argparse.Namespace) -> dict[str, float]:
    """The data check of a run."""
    from tinydet.data.check import check_dataset
    from tinydet.data.dataset import load_dataset
    from tinydet.pipeline.data_check import MOST_DECODED

    dataset = load_dataset(parsed.data, split="train")
    start = time.perf_counter()
    check_dataset(dataset, parsed.data / "check", MOST_DECODED)
    return {"check_s": round(time.perf_counter() - start, 1), "peak_mib": _peak_mib()}


def large_epoch(parsed: argparse.Namespace) -> dict[str, float]:
    """Memory at the beginning and at the end of an epoch's batches, without a training step."""
    from tinydet.config.detector_spec import PreprocessSpec
    from tinydet.data.augment import make_augmentation
    from tinydet.data.dataset import load_dataset
    from tinydet.data.decoded_images import DecodedImages
    from tinydet.training.batches import TrainingBatches

    samples = load_dataset(parsed.data, split="train").samples
    batches = TrainingBatches(
        samples, make_augmentation({}), PreprocessSpec(height=192, width=192),
        batch_size=64, seed=1, num_workers=os.cpu_count() or 1, images=DecodedImages(256 << 20),
    )  # fmt: skip
    peaks = []
    start = time.perf_counter()
    for index, _ in enumerate(batches.epochs(0, 1)):
        if index in (200, 400, 600, 800):
            peaks.append(_peak_mib())
        if index == 800:
            break
    seconds = time.perf_counter() - start
    return {"peak_mib_after_12800_images": peaks[0], "peak_mib_after_51200_images": peaks[-1],
            "images_per_second": round(800 * 64 / seconds, 1)}  # fmt: skip


WORKERS = {
    "pipeline-alone": pipeline_alone,
    "large-start": large_start,
    "large-check": large_check,
    "large-epoch": large_epoch,
}

if __name__ == "__main__":
    main()
