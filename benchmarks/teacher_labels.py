"""What labels of a teacher are worth: 417 labelled and 1,251 unlabelled images against 417 alone.

    python benchmarks/teacher_labels.py coco-person --weights BACKBONE.h5 --teacher MODEL \
        --work FOLDER [--epochs N] [ROW ...]
    python benchmarks/make_tables.py

The rows: ``labelled`` trains on the labelled quarter of coco-person alone, ``teacher`` also on the
rest as the teacher labels it (``tinydet data label``, two scores), ``distilled`` also has the
teacher in the training step (it must then be a float detector of the same input size and anchors,
named with --step-teacher), ``all`` on all images with their own labels. All see as many images, in
the recipe of ``tinydet init`` at 192 px with the stem frozen. AP is that of the last epoch's float
model on the validation images; the interval of the difference is from the bootstrap over images.

The bundled ``person_256`` has seen the labels of the 1,251 images in its own training: as the
teacher it stands for one that is strong on images of this kind, and the result says that it was
used. A teacher that was not trained on them labels somewhat worse.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from ablation import TRAINING_IMAGES, part_of
from record import RESULTS, write_result
from validation_ap import ap_figures

import tinydet
from tinydet.config.loader import load_config
from tinydet.inference import load_detector
from tinydet.pipeline.run_folder import Run, RunLog
from tinydet.pipeline.train_stage import train_stage
from tinydet.prediction.labels import LABELS_FILE, label_images

NAME, IMAGES = "teacher_labels", 417
ROWS = ("labelled", "teacher", "distilled", "all")
DEFAULT_ROWS = ("labelled", "teacher")
SCHEDULE = "training.callbacks.LRWarmupCosineDecay"


def main() -> None:
    """Measure the missing rows and write results/teacher_labels.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of coco-person")
    parser.add_argument("rows", nargs="*", default=DEFAULT_ROWS, help=f"of {', '.join(ROWS)}")
    parser.add_argument("--weights", required=True, help="of the backbone, or imagenet")
    parser.add_argument("--teacher", required=True, help="any detector, as person_256")
    parser.add_argument("--step-teacher", help="of the row distilled, as person_192")
    parser.add_argument("--work", type=Path, required=True, help="folder for data and runs")
    parser.add_argument("--epochs", type=int, default=10, help=f"of {TRAINING_IMAGES} images")
    parser.add_argument("--object-score", type=float, default=0.45)
    parser.add_argument("--ignore-score", type=float, default=0.25)
    parser.add_argument("--seed", type=int, default=123)
    parsed = parser.parse_intermixed_args()
    for row in parsed.rows:
        if row not in ROWS or (row == "distilled" and not parsed.step_teacher):
            parser.error(f"{row}: rows are {', '.join(ROWS)}; distilled needs --step-teacher")
    path = RESULTS / f"{NAME}.json"
    recipe = {key: str(value) for key, value in vars(parsed).items()
              if key not in ("data", "rows", "work", "weights", "step_teacher")}  # fmt: skip
    known = json.loads(path.read_text())["figures"] if path.is_file() else {}
    rows = known["rows"] if known.get("recipe") == recipe else []
    parts = {"labelled": part_of(parsed.data, IMAGES, parsed.work / "labelled")}
    for name in parsed.rows:
        if any(row["row"] == name for row in rows):
            continue
        if name in ("teacher", "distilled"):
            parts["teacher"], labels = labelled_by_teacher(parsed, parts["labelled"])
        model, minutes = trained(name, parsed, parts)
        row = {"row": name, "minutes": minutes, **measured(model, parsed.data)}
        if name in ("teacher", "distilled"):
            row["labels"] = labels
        rows.append(row)
        base = model_of("labelled", parsed)
        if name != "labelled" and base.is_file():
            row["difference"] = difference(base, model, parsed.data)
        print(row, flush=True)
        figures = {"recipe": recipe, "labelled": IMAGES, "images": TRAINING_IMAGES, "rows": rows}
        command = f"python benchmarks/teacher_labels.py coco-person --teacher {parsed.teacher} ..."
        write_result(NAME, command, figures)


def labelled_by_teacher(parsed: argparse.Namespace, labelled: Path) -> tuple[Path, dict[str, Any]]:
    """The other training images with the labels of the teacher, and how many of what."""
    folder: Path = parsed.work / "unlabelled"
    kept = {path.stem for path in (labelled / "images" / "train").iterdir()}
    folder.mkdir(parents=True, exist_ok=True)
    for path in (parsed.data / "images" / "train").iterdir():
        link = folder / path.name
        if path.stem not in kept and not link.is_symlink():
            link.symlink_to(path.resolve())
    counts = folder / "labels.json"
    if not (folder / LABELS_FILE).is_file():
        made = label_images(
            load_detector(parsed.teacher),
            folder,
            object_score=parsed.object_score,
            ignore_score=parsed.ignore_score,
        )
        counts.write_text(
            json.dumps({key: getattr(made, key) for key in ("images", "objects", "ignored")})
        )
    return folder, json.loads(counts.read_text())


def model_of(name: str, parsed: argparse.Namespace) -> Path:
    """Where the model of a row is."""
    run: Path = parsed.work / f"{name}_{parsed.epochs}_epochs_seed_{parsed.seed}"
    return run / "saved_models" / "last_model.keras"


def trained(name: str, parsed: argparse.Namespace, parts: dict[str, Path]) -> tuple[Path, float]:
    """Train a row, or go on where it was stopped; as many images are seen in every row."""
    paths = {
        "labelled": [parts["labelled"]],
        "teacher": [parts["labelled"], parts.get("teacher")],
        "distilled": [parts["labelled"], parts.get("teacher")],
        "all": [parsed.data],
    }[name]
    epochs = parsed.epochs * (TRAINING_IMAGES // IMAGES if name == "labelled" else 1)
    warm_up = max(1, epochs // 10)
    values: dict[str, Any] = {
        "operation_mode": "training",
        "general.global_seed": parsed.seed,
        "dataset.training_path": [str(path) for path in paths],
        "dataset.validation_path": str(parsed.data),
        "dataset.class_names": ["person"],
        "training.model.pretrained_weights": parsed.weights,
        "training.frozen_layers": "(0:27)",
        "training.epochs": epochs,
        "training.validation_period": epochs,
        "training.num_workers": 1,
        f"{SCHEDULE}.warmup_steps": warm_up,
        f"{SCHEDULE}.decay_steps": max(1, epochs - warm_up),
    }
    if name == "distilled":
        values["training.teacher_model"] = parsed.step_teacher
    model = model_of(name, parsed)
    start = time.monotonic()
    if not model.is_file():
        run = model.parent.parent
        run.mkdir(parents=True, exist_ok=True)
        train_stage(Run(load_config(None, [values]).config, run, RunLog(run)))
    return model, round((time.monotonic() - start) / 60, 1)


def measured(model: Path, data: Path) -> dict[str, Any]:
    """AP on the validation images."""
    return ap_figures(tinydet.evaluate(model, data, split="val"))


def difference(base: Path, model: Path, data: Path) -> list[dict[str, Any]]:
    """AP of a model minus that of the base, with the 95 % interval."""
    comparison = tinydet.evaluate(base, data, other=model, split="val").comparison
    return [
        {"figure": row.name, "points": row.points, "interval": row.interval}
        for row in comparison.overall
        if row.interval is not None
    ]


def teacher_labels_table(figures: dict[str, Any], table: Any) -> str:
    """The section of docs/benchmarks.md."""
    recipe = figures["recipe"]
    keys = ("ap@0.40", "ap@0.50", "ap@0.75", "coco_ap")
    rows = [
        [
            row["row"],
            *(f"{100 * row[key]:.1f}" for key in keys),
            *([_shown(row["difference"])] if "difference" in row else [""]),
        ]
        for row in figures["rows"]
    ]
    heads = ["row", "AP@0.4", "AP@0.5", "AP@0.75", "COCO AP", "AP@0.4 over labelled, 95 %"]
    return (
        f"## Labels of a teacher\n\n{figures['labelled']} labelled images of "
        f"{figures['images']}, the rest labelled by `{recipe['teacher']}` (object from "
        f"{recipe['object_score']}, ignored from {recipe['ignore_score']}), {recipe['epochs']} "
        f"epochs of {figures['images']} images each, at 192 px. `person_256` has seen the labels "
        "of the rest in its own training: a teacher that has not labels somewhat worse.\n\n"
        f"{table(heads, rows)}"
    )


def _shown(difference: list[dict[str, Any]]) -> str:
    first = difference[0]
    low, high = (100 * end for end in first["interval"])
    return f"{first['points']:+.1f} ({low:+.1f} to {high:+.1f})"


if __name__ == "__main__":
    main()
