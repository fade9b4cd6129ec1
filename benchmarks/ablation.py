"""What each part of the training recipe is worth: one change each, same images seen, same seed.

    python benchmarks/ablation.py coco-person --weights BACKBONE.h5 --work FOLDER [ROW ...]
    python benchmarks/make_tables.py

Trains the rows of ablation_rows.yaml that the result file does not hold yet, one after the other,
each in a process of its own, and adds each to the file as soon as it is measured; a row that was
stopped goes on where it was. AP is that of the float model of the last epoch, on the validation
images: no epoch is chosen by them.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from record import RESULTS, write_result

HERE = Path(__file__).parent
BASE, ROWS = HERE / "ablation_base.yaml", HERE / "ablation_rows.yaml"
MEASURED = "measured.json"  # in the folder of a row


def main() -> None:
    """Measure the missing rows and write results/ablation_<epochs>_epochs.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of coco-person")
    parser.add_argument("rows", nargs="*", help="names in ablation_rows.yaml; none: all of them")
    parser.add_argument("--weights", type=Path, required=True, help="of the backbone")
    parser.add_argument("--work", type=Path, required=True, help="folder for the run folders")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=123)
    parser.add_argument("--measure", metavar="ROW", help=argparse.SUPPRESS)
    parsed = parser.parse_intermixed_args()
    rows = yaml.safe_load(ROWS.read_text(encoding="utf-8"))
    if parsed.measure:
        measure(rows[parsed.measure]["overrides"], folder_of(parsed, parsed.measure), parsed)
        return
    for name in parsed.rows or rows:
        if name not in rows:
            parser.error(f"{name} is no row of {ROWS.name}: {', '.join(rows)}")
        folder = folder_of(parsed, name)
        if not (folder / MEASURED).is_file():
            print(f"{name}: {rows[name]['change']}", flush=True)
            subprocess.run([sys.executable, *sys.argv, "--measure", name], check=True)
        add_row(parsed, name, rows[name], json.loads((folder / MEASURED).read_text()))


def folder_of(parsed: argparse.Namespace, name: str) -> Path:
    """Where a row is trained."""
    work: Path = parsed.work
    return work / f"{name}_{parsed.epochs}_epochs_seed_{parsed.seed}"


def measure(overrides: list[str], folder: Path, parsed: argparse.Namespace) -> None:
    """Train one row and write its figures to ``measured.json`` of its folder."""
    from tinydet.config.detector_spec import load_detector_spec
    from tinydet.config.loader import load_config
    from tinydet.evaluation import EvaluationSettings, evaluate
    from tinydet.inference import load_detector
    from tinydet.pipeline.context import Run
    from tinydet.pipeline.datasets import load_evaluation
    from tinydet.pipeline.log import RunLog
    from tinydet.pipeline.train_stage import train_stage

    epochs, schedule = parsed.epochs, "training.callbacks.LRWarmupCosineDecay"
    shared = [
        f"training.model.pretrained_weights={parsed.weights}",
        f"training.epochs={epochs}",
        f"training.validation_period={epochs}",
        f"general.global_seed={parsed.seed}",
        f"{schedule}.warmup_steps={warm_up(epochs)}",
        f"{schedule}.decay_steps={epochs - warm_up(epochs)}",
    ]
    environment = {**os.environ, "COCO_PERSON": str(parsed.data)}
    config = load_config(BASE, [*shared, *overrides], environment).config
    folder.mkdir(parents=True, exist_ok=True)
    train_stage(Run(config, folder, RunLog(folder)))
    model = folder / "saved_models" / "last_model.keras"
    spec = load_detector_spec(model.with_name("detector.json"))
    dataset, data_path = load_evaluation(config.dataset, spec.class_names)
    settings = EvaluationSettings(
        postprocess=config.evaluation_postprocess_spec(),
        iou_thresholds=config.evaluation.iou_thresholds,
    )
    result = evaluate(
        load_detector(model, spec),
        dataset,
        model_path=model,
        data_path=data_path,
        run_folder=None,
        settings=settings,
    )
    figures: dict[str, Any] = {f"ap@{iou}": value.mean for iou, value in result.ap.items()}
    figures["coco_ap"] = result.coco["ap"]
    history = (folder / "logs" / "metrics" / "train_metrics.csv").read_text().splitlines()
    seconds = history[0].split(",").index("seconds")
    figures["minutes"] = round(sum(float(row.split(",")[seconds]) for row in history[1:]) / 60, 1)
    (folder / MEASURED).write_text(json.dumps(figures))
    print(figures, flush=True)


def warm_up(epochs: int) -> int:
    """Epochs until the full learning rate."""
    return max(1, min(3, epochs // 5))


def add_row(
    parsed: argparse.Namespace, name: str, row: dict[str, Any], figures: dict[str, Any]
) -> None:
    """Put the figures of one row into the result file."""
    stem = f"ablation_{parsed.epochs}_epochs"
    path = RESULTS / f"{stem}.json"
    known = json.loads(path.read_text())["figures"]["rows"] if path.is_file() else []
    key = (name, parsed.seed)
    rows = [r for r in known if (r["row"], r["seed"]) != key]
    rows.append({"row": name, "seed": parsed.seed, **row, **figures})
    command = f"python benchmarks/ablation.py coco-person --epochs {parsed.epochs} ..."
    write_result(stem, command, {"epochs": parsed.epochs, "images": 1668, "rows": rows})


if __name__ == "__main__":
    main()
