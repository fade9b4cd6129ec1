"""Makes the detectors that come with the package from finished runs, and measures them.

    tinydet run --config configs/coco_person_192_a035.yaml hydra.run.dir=RUN_192
    tinydet run --config configs/coco_person_256_a035.yaml hydra.run.dir=RUN_256
    python benchmarks/pretrained.py DATASET --run-192 RUN_192 --run-256 RUN_256

Of several run folders after an option each started from the detector of the one before
(``training.model.pretrained_weights=RUN/saved_models/best_model.keras``), and that of the last one
is shipped; the model cards say how each was trained. DATASET is what they were trained on: labelled
images with ``ATTRIBUTION.tsv``, the licence of each. Writes ``tinydet/pretrained``: float and int8
files, ``detector.json``, model cards, the list of the training images. All figures are those of the
files as they are shipped, on the validation images.
"""

import argparse
import csv
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from pretrained_card import write_card
from record import write_result
from small_keras_file import write_small_keras_file
from validation_ap import ap_figures

from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec, load_detector_spec
from tinydet.config.files import write_text_atomically
from tinydet.data.dataset import Dataset, load_dataset
from tinydet.evaluation import EvaluationSettings, evaluate
from tinydet.inference import load_detector
from tinydet.pretrained import FLOAT, FOLDER, INPUT_SIDES_PX, INT8, pretrained_model

# AP at IoU 0.4 of the publisher's int8 files on the same validation images.
PUBLISHED_AP = {"person_192": 0.388, "person_256": 0.509}
TRAINING_IMAGES = FOLDER / "training_images.tsv"
NOT_LISTED = "not listed"
CONFIG_SECTIONS = ("preprocessing", "data_augmentation", "training", "quantization")


def main() -> None:
    """Convert, measure, write the files and results/pretrained.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    for side in INPUT_SIDES_PX.values():
        parser.add_argument(
            f"--run-{side}", type=Path, required=True, nargs="+", help="run folders, in order"
        )
    parser.add_argument("data", type=Path, help="data set the two were trained on")
    parsed = parser.parse_args()
    licences = write_training_images(parsed.data)
    figures: dict[str, Any] = {"data": parsed.data.name, "licences": licences, "models": {}}
    configurations = {}
    for name, side in INPUT_SIDES_PX.items():
        runs = getattr(parsed, f"run_{side}")
        figures["models"][name] = make(name, runs, parsed.data)
        configurations[name] = [configuration(run, goes_on=run != runs[0]) for run in runs]
    command = f"python benchmarks/pretrained.py {parsed.data.name} --run-192 RUN --run-256 RUN"
    write_result("pretrained", command, figures)
    for name, texts in configurations.items():
        write_card(name, figures, texts)


def make(name: str, runs: list[Path], data: Path) -> dict[str, Any]:
    """Write the files of one detector and measure them."""
    run = runs[-1]
    trained = run / "saved_models" / "best_model.keras"
    quantized = run / "quantized_models" / "quantized_model.tflite"
    spec = without_paths(load_detector_spec(quantized.with_name(DETECTOR_FILE)))
    if spec.input_size != (INPUT_SIDES_PX[name],) * 2:
        raise SystemExit(f"{run}: its detector has the input size {spec.input_size}")
    dataset = load_dataset(data, spec.class_names, "val")
    float_model, int8_model = (pretrained_model(name, suffix) for suffix in (FLOAT, INT8))
    write_small_keras_file(trained, float_model)
    shutil.copyfile(quantized, int8_model)
    figures = {
        "images": len(dataset),
        "objects": int(sum((~sample.ignored).sum() for sample in dataset.samples)),
        "float_as_trained": measure(trained, spec, dataset),
        "float": measure(float_model, spec, dataset),
        "int8": measure(int8_model, spec, dataset),
        "published_int8_ap@0.40": PUBLISHED_AP[name],
        "training": [training_facts(run) for run in runs],
    }
    # People who try it want neither every doubtful box nor only the sure ones.
    threshold = figures["int8"]["score_of_best_f1"]
    postprocess = spec.postprocess.model_copy(update={"score_threshold": threshold})
    spec = spec.model_copy(update={"postprocess": postprocess})
    spec.save(float_model.with_name(DETECTOR_FILE))
    return figures


def measure(path: Path, spec: DetectorSpec, dataset: Dataset) -> dict[str, Any]:
    """AP of one file."""
    result = evaluate(
        load_detector(path, spec),
        dataset,
        model_path=path,
        data_path=Path("validation images"),
        run_folder=None,
        settings=EvaluationSettings(iou_thresholds=(0.4,)),
    )
    best = result.f1_best[dataset.class_names[0]]
    if best is None:
        raise SystemExit(f"{path}: it finds nothing")
    return {
        **ap_figures(result),
        **{f"coco_ap_{size}": result.coco[f"ap_{size}"] for size in ("small", "medium", "large")},
        "score_of_best_f1": round(best.score, 2),
        "precision": best.precision,
        "recall": best.recall,
        "size_bytes": path.stat().st_size,
    }


def without_paths(spec: DetectorSpec) -> DetectorSpec:
    """The same specification; of paths on somebody's machine the last part only."""
    return spec.model_copy(update={"provenance": _without_paths(spec.provenance)})


def _without_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_paths(item) for item in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def configuration(run: Path, goes_on: bool) -> str:
    """What decided how a run trained, as YAML; it may go on from the run before it."""
    content = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    if goes_on:
        content["training"]["model"]["pretrained_weights"] = "the detector above"
    chosen = {key: _without_paths(content[key]) for key in CONFIG_SECTIONS if key in content}
    return yaml.safe_dump(chosen, sort_keys=False, allow_unicode=True, width=100)


def training_facts(run: Path) -> dict[str, Any]:
    """What it took to train."""
    made = load_detector_spec(run / "saved_models" / DETECTOR_FILE).provenance
    facts = {
        "images": made["data"]["training_images"],
        "epochs": made["epochs"],
        "seed": made["seed"],
        "recipe": made["recipe"],
    }
    metrics = run / "logs" / "metrics" / "train_metrics.csv"
    if metrics.is_file():
        with metrics.open(encoding="utf-8") as file:
            seconds = sum(float(row["seconds"]) for row in csv.DictReader(file))
        facts["minutes"] = round(seconds / 60, 1)
    return facts


def write_training_images(data: Path) -> dict[str, int]:
    """List the training images with their licences; how many have which, most first."""
    with (data / "ATTRIBUTION.tsv").open(encoding="utf-8") as file:
        licence_of = {row["image"]: row["licence"] for row in csv.DictReader(file, delimiter="\t")}
    images = sorted(sample.path.stem for sample in load_dataset(data, split="train").samples)
    rows = [(image, licence_of.get(image, NOT_LISTED)) for image in images]
    text = "".join(f"{image}\t{licence}\n" for image, licence in [("image", "licence"), *rows])
    write_text_atomically(TRAINING_IMAGES, text)
    return dict(Counter(licence for _, licence in rows).most_common())


if __name__ == "__main__":
    main()
