"""What the start of a training is worth on a small set of somebody's own images.

    python benchmarks/starts.py DATA --imagenet BACKBONE.h5 --work FOLDER [ROW ...] [--seed N]
    python benchmarks/make_tables.py

Each row is the configuration of ``tinydet init DATA`` with one start: weights of the backbone from
ImageNet, or the bundled person detector; and the same with scores that learn how well a box fits
(``quality``). AP is that of the float model of the last epoch on the validation images, a fifth of
the set that the training does not see: no epoch is chosen by them. A row that is in the result file
is not measured again; one that was stopped goes on where it was.
"""

import argparse
from pathlib import Path
from typing import Any

from record import read_rows, write_result
from validation_ap import ap_figures, validation_of

from tinydet.config.detector_spec import DETECTOR_FILE, load_detector_spec
from tinydet.config.loader import load_config
from tinydet.pipeline.first_config import facts_of, fitted_defaults
from tinydet.pipeline.run_folder import Run, RunLog
from tinydet.pipeline.train_stage import train_stage

NAME = "starts"
ROWS = ("imagenet", "person", "imagenet_quality", "person_quality")


def main() -> None:
    """Measure the missing rows and write results/starts.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)}; none: all")
    parser.add_argument("--imagenet", type=Path, required=True, help="weights of the backbone")
    parser.add_argument("--work", type=Path, required=True, help="folder for the run folders")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=123)
    parsed = parser.parse_intermixed_args()
    for name in parsed.rows or ROWS:
        if name not in ROWS:
            parser.error(f"{name} is no row: {', '.join(ROWS)}")
        key = {"data": parsed.data.name, "row": name, "epochs": parsed.epochs, "seed": parsed.seed}
        if not any(key.items() <= row.items() for row in read_rows(NAME)):
            row = key | measured(parsed, name)
            print(row, flush=True)
            command = f"python benchmarks/{NAME}.py DATA --imagenet BACKBONE.h5 --work FOLDER"
            write_result(NAME, command, {"rows": [*read_rows(NAME), row]})


def measured(parsed: argparse.Namespace, name: str) -> dict[str, Any]:
    """Train one row, and its figures."""
    folder = parsed.work / f"{parsed.data.name}_{name}_{parsed.epochs}_{parsed.seed}"
    class_names, anchors = facts_of(parsed.data)
    start, _, with_quality = name.partition("_")
    values: dict[str, Any] = {
        "general.global_seed": parsed.seed,
        "dataset.training_path": str(parsed.data),
        "dataset.class_names": list(class_names),
        "training.model.anchors": anchors,
        "training.model.pretrained_weights": parsed.imagenet if start == "imagenet" else start,
        "training.epochs": parsed.epochs,
        "training.validation_period": parsed.epochs,
        "training.loss.quality": 1 if with_quality else None,
        **fitted_defaults(parsed.epochs),
    }
    config = load_config(None, [values], {}).config
    saved = folder / "saved_models"
    model = saved / "last_model.keras"
    if not model.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        train_stage(Run(config, folder, RunLog(folder)))
    spec = load_detector_spec(saved / DETECTOR_FILE)
    return {"anchors": anchors, **ap_figures(validation_of(config, spec).result(model))}


if __name__ == "__main__":
    main()
