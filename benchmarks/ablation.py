"""What each part of the training recipe is worth: one change each, same images seen, same seed.

    python benchmarks/ablation.py coco-person --weights BACKBONE.h5 --work FOLDER [ROW ...]
    python benchmarks/ablation.py PEOPLE --recipe 2 --epochs 20 --weights BACKBONE.h5 --work FOLDER
    python benchmarks/make_tables.py

Trains the rows of ablation_rows.yaml that the result file does not hold yet, one after the other,
each in a process of its own, and adds each to the file as soon as it is measured; a row that was
stopped goes on where it was. AP is that of the float model of the last epoch, on the validation
images: no epoch is chosen by them. A row with ``images`` trains on so many of them, in as many
more epochs: as many are seen. ``--recipe 2`` changes the recipe of ``tinydet init`` instead of the
first base: rows of ablation_rows_2.yaml, into a result file of their own.
"""

import argparse
import csv
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from record import read_rows, write_result

from tinydet.config.loader import load_config
from tinydet.config.schema import UserConfig

HERE = Path(__file__).parent
# Recipe -> its configuration, the rows that change it, and the beginning of the result's name.
RECIPES = {
    1: ("benchmarks/ablation_base.yaml", HERE / "ablation_rows.yaml", "ablation"),
    2: ("configs/coco_person_192_a035.yaml", HERE / "ablation_rows_2.yaml", "ablation_2"),
}
MEASURED = "measured.json"  # in the folder of a row
EMA_MOMENTUM = 0.999
TRAINING_IMAGES = 1668  # of coco-person


def main() -> None:
    """Measure the missing rows and write results/ablation_<epochs>_epochs.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of coco-person")
    parser.add_argument("rows", nargs="*", help="names of rows; none: all of them")
    parser.add_argument("--weights", type=Path, required=True, help="of the backbone")
    parser.add_argument("--work", type=Path, required=True, help="folder for the run folders")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=123)
    parser.add_argument("--recipe", type=int, choices=RECIPES, default=1)
    parser.add_argument("--measure", metavar="ROW", help=argparse.SUPPRESS)
    parsed = parser.parse_intermixed_args()
    _, rows_file, _ = RECIPES[parsed.recipe]
    rows = yaml.safe_load(rows_file.read_text(encoding="utf-8"))
    if parsed.measure:
        measure(rows[parsed.measure], parsed, folder_of(parsed, parsed.measure))
        return
    for name in parsed.rows or rows:
        if name not in rows:
            parser.error(f"{name} is no row of {rows_file.name}: {', '.join(rows)}")
        folder = folder_of(parsed, name)
        if not (folder / MEASURED).is_file():
            print(f"{name}: {rows[name]['change']}", flush=True)
            subprocess.run([sys.executable, *sys.argv, "--measure", name], check=True)
        add_row(parsed, name, rows[name], json.loads((folder / MEASURED).read_text()))


def folder_of(parsed: argparse.Namespace, name: str) -> Path:
    """Where a row is trained."""
    work: Path = parsed.work
    recipe = "" if parsed.recipe == 1 else f"recipe_{parsed.recipe}_"
    return work / f"{recipe}{name}_{parsed.epochs}_epochs_seed_{parsed.seed}"


def measure(row: dict[str, Any], parsed: argparse.Namespace, folder: Path) -> None:
    """Train what a row changes, or take the run that it says, and write down the figures.

    Every run keeps the running average of the weights beside them, which does not touch the
    training, so that rows may tell what the average or other statistics of the same run are worth.
    """
    from validation_ap import ap_figures, validation_of

    from tinydet.config.detector_spec import load_detector_spec
    from tinydet.pipeline.run_folder import Run, RunLog
    from tinydet.pipeline.train_stage import train_stage

    run = folder_of(parsed, row["run"]) if "run" in row else folder
    for path in (run, folder):
        path.mkdir(parents=True, exist_ok=True)
    data = part_of(parsed.data, row["images"], folder) if "images" in row else parsed.data
    images = images_of(parsed.data)
    epochs = round(parsed.epochs * images / row.get("images", images))
    config = configuration(row, parsed, data, epochs)
    saved = run / "saved_models"
    if not (saved / "last_model.keras").is_file():
        train_stage(Run(config, run, RunLog(run)))
    spec = load_detector_spec(saved / "detector.json")
    model_path = folder / "measured.keras"
    finished_model(row, config, saved, spec).save(model_path)
    figures = ap_figures(validation_of(config, spec).result(model_path))
    with (run / "logs" / "metrics" / "train_metrics.csv").open(encoding="utf-8") as file:
        seconds = [float(epoch["seconds"]) for epoch in csv.DictReader(file)]
    figures["minutes"] = round(sum(seconds) / 60, 1)
    (folder / MEASURED).write_text(json.dumps(figures))
    print(figures, flush=True)


def images_of(data: Path) -> int:
    """Number of training images of a YOLO data set."""
    return sum(1 for _ in (data / "images" / "train").iterdir())


def part_of(data: Path, images: int, folder: Path) -> Path:
    """A data set of links to all validation images and to so many training images.

    A smaller part is within a larger one: they are taken in the order of the hashes of their names.
    """
    part = folder / "data"
    names = sorted(
        (path.stem for path in (data / "images" / "train").iterdir()),
        key=lambda name: hashlib.sha256(name.encode()).hexdigest(),
    )[:images]
    for kind, suffix in (("images", ".jpg"), ("labels", ".txt")):
        (part / kind / "train").mkdir(parents=True, exist_ok=True)
        for name in names:
            link = part / kind / "train" / f"{name}{suffix}"
            source = data.resolve() / kind / "train" / link.name
            if source.exists() and not link.is_symlink():
                link.symlink_to(source)
        if not (part / kind / "val").is_symlink():
            (part / kind / "val").symlink_to(data.resolve() / kind / "val")
    (part / "data.yaml").write_bytes((data / "data.yaml").read_bytes())
    return part


def configuration(
    row: dict[str, Any], parsed: argparse.Namespace, data: Path, epochs: int
) -> UserConfig:
    """The recipe with the changes of a row."""
    warm_up = max(1, min(3, parsed.epochs // 5)) * epochs // parsed.epochs
    schedule = "training.callbacks.LRWarmupCosineDecay"
    overrides = [
        f"training.model.pretrained_weights={parsed.weights}",
        f"training.epochs={epochs}",
        f"training.validation_period={epochs}",
        f"training.ema_momentum={EMA_MOMENTUM}",
        f"general.global_seed={parsed.seed}",
        f"{schedule}.warmup_steps={warm_up}",
        f"{schedule}.decay_steps={epochs - warm_up}",
        *row.get("overrides", []),
    ]
    environment = {**os.environ, "COCO_PERSON": str(data), "COCO": str(data)}
    base = HERE.parent / RECIPES[parsed.recipe][0]
    return load_config(base, overrides, environment).config


def finished_model(row: dict[str, Any], config: UserConfig, saved: Path, spec: Any) -> Any:
    """The network of the last epoch: its weights, or what the row says."""
    import keras

    from tinydet.data.augment import make_augmentation
    from tinydet.pipeline.datasets import load_training
    from tinydet.training.batch_norm import reestimate_batch_norm
    from tinydet.training.batches import TrainingBatches

    model = keras.models.load_model(saved / "last_model.keras")
    if not row.get("average"):
        model.load_weights(saved / "last_weights.weights.h5")
    if "batch_norm_batches" in row:
        batches = TrainingBatches(
            load_training(config.dataset)[0].samples,
            make_augmentation(config.data_augmentation),
            spec.preprocess,
            batch_size=config.training.batch_size,
            seed=1,
        )
        steps = range(row["batch_norm_batches"])
        reestimate_batch_norm(model, (batches.batch(0, step)[0] for step in steps))
    return model


def add_row(
    parsed: argparse.Namespace, name: str, row: dict[str, Any], figures: dict[str, Any]
) -> None:
    """Put the figures of one row into the result file."""
    base, _, begin = RECIPES[parsed.recipe]
    stem = f"{begin}_{parsed.epochs}_epochs"
    key = (name, parsed.seed)
    rows = [r for r in read_rows(stem) if (r["row"], r["seed"]) != key]
    rows.append({"row": name, "seed": parsed.seed, **row, **figures})
    recipe = "" if parsed.recipe == 1 else f" --recipe {parsed.recipe}"
    command = (
        f"python benchmarks/ablation.py {parsed.data.name}{recipe} --epochs {parsed.epochs} ..."
    )
    facts = {"base": base, "epochs": parsed.epochs, "images": images_of(parsed.data)}
    write_result(stem, command, {**facts, "rows": rows})


if __name__ == "__main__":
    main()
