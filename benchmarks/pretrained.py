"""Makes the detectors that come with the package from finished runs, and measures them.

    tinydet run --config configs/coco_person_192_a035.yaml hydra.run.dir=RUN
    python benchmarks/pretrained.py DATASET[,DATASET...] person_192=RUN person_256=RUN_A,RUN_B

Of several run folders of a detector each started from the detector of the one before
(``training.model.pretrained_weights=RUN/saved_models/best_model.keras``), and that of the last one
is shipped; the model cards say how each was trained. The last run folder also needs the file with
one scale per layer, which is measured and not shipped (``tinydet quantize
RUN/saved_models/last_model.keras --images DATASET --granularity per_tensor --calibration percentile
--optimize --max-images 200 --output RUN/quantized_models/per_tensor``). Detectors that are not
named stay as they are, with their figures. DATASET is what the named ones were trained on, the
first one with the validation images; where its images come from and under which licences stands in
``pretrained_sources.yaml``. Writes the folders of the detectors in ``tinydet/pretrained``: int8
file, float file of those that serve as starting points, ``detector.json``, model card; beside the
folders the list of the training images. All figures are those of the files as they are shipped, on
the validation images.
"""

import argparse
import csv
import gzip
import json
import shutil
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pretrained_card import NOT_LISTED, write_card
from record import write_result
from small_keras_file import write_small_keras_file
from validation_ap import ap_figures

from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec, load_detector_spec
from tinydet.config.files import write_bytes_atomically
from tinydet.data.dataset import Dataset, load_dataset
from tinydet.evaluation import EvaluationSettings, evaluate
from tinydet.inference import load_detector
from tinydet.pretrained import (
    FLOAT,
    FOLDER,
    INPUT_SIDES_PX,
    LISTED,
    WITH_FLOAT_FILE,
    pretrained_model,
)

# AP at IoU 0.4 of the publisher's int8 files on the same validation images.
PUBLISHED_AP = {"person_192": 0.388, "person_256": 0.509}
SOURCES = Path(__file__).with_name("pretrained_sources.yaml")
RESULT = Path(__file__).parent / "results" / "pretrained.json"
BOX_VOTING_IOU = 0.7
CONFIG_SECTIONS = ("preprocessing", "data_augmentation", "training", "quantization")


def main() -> None:
    """Convert, measure, write the files and results/pretrained.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=named_data, help="data sets they were trained on")
    parser.add_argument("runs", type=named_runs, nargs="+", metavar="NAME=RUN[,RUN...]")
    parsed = parser.parse_args()
    figures = earlier_figures()
    for name, runs in parsed.runs:
        own = make(name, runs, parsed.data[0])
        own["configurations"] = [configuration(run, goes_on=run != runs[0]) for run in runs]
        own["training_list"], own["sources"] = write_training_images(parsed.data)
        figures["models"][name] = own
    figures["data"] = parsed.data[0].name
    data = ",".join(path.name for path in parsed.data)
    named = " ".join(f"{name}=RUN" for name, _ in parsed.runs)
    write_result("pretrained", f"python benchmarks/pretrained.py {data} {named}", figures)
    for name, _ in parsed.runs:
        write_card(name, figures)


def named_data(text: str) -> list[Path]:
    """``DATASET,DATASET`` of the command line."""
    return [Path(path) for path in text.split(",")]


def named_runs(text: str) -> tuple[str, list[Path]]:
    """``NAME=RUN,RUN`` of the command line."""
    name, _, runs = text.partition("=")
    if name not in INPUT_SIDES_PX or not runs:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=RUN, NAME one of {LISTED}")
    return name, [Path(run) for run in runs.split(",")]


def earlier_figures() -> dict[str, Any]:
    """The figures of the last time, which stay true of the detectors that are not made anew."""
    figures: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8"))["figures"]
    return {"models": figures["models"]}


def make(name: str, runs: list[Path], data: Path) -> dict[str, Any]:
    """Write the files of one detector and measure them."""
    run = runs[-1]
    trained = run / "saved_models" / "last_model.keras"  # no epoch is chosen by the images
    quantized = run / "quantized_models" / "quantized_model.tflite"
    per_tensor = quantized.parent / "per_tensor" / quantized.name
    spec = with_box_voting(without_paths(load_detector_spec(quantized.with_name(DETECTOR_FILE))))
    if spec.input_size != (INPUT_SIDES_PX[name],) * 2:
        raise SystemExit(f"{run}: its detector has the input size {spec.input_size}")
    dataset = load_dataset(data, spec.class_names, "val")
    int8_model = pretrained_model(name)
    int8_model.parent.mkdir(exist_ok=True)
    shutil.copyfile(quantized, int8_model)
    figures = {
        "images": len(dataset),
        "objects": int(sum((~sample.ignored).sum() for sample in dataset.samples)),
        "float_as_trained": measure(trained, spec, dataset),
        "int8": measure(int8_model, spec, dataset),
        "int8_per_tensor": measure(per_tensor, spec, dataset),
        "published_int8_ap@0.40": PUBLISHED_AP.get(name),
        "training": [training_facts(run) for run in runs],
    }
    if name in WITH_FLOAT_FILE:
        float_model = pretrained_model(name, FLOAT)
        write_small_keras_file(trained, float_model)
        figures["float"] = measure(float_model, spec, dataset)
    # People who try it want neither every doubtful box nor only the sure ones.
    threshold = figures["int8"]["score_of_best_f1"]
    postprocess = spec.postprocess.model_copy(update={"score_threshold": threshold})
    spec = spec.model_copy(update={"postprocess": postprocess})
    spec.save(int8_model.with_name(DETECTOR_FILE))
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


def with_box_voting(spec: DetectorSpec) -> DetectorSpec:
    """The same specification; runs from before box voting do not have it."""
    postprocess = spec.postprocess.model_copy(update={"box_voting_iou": BOX_VOTING_IOU})
    return spec.model_copy(update={"postprocess": postprocess})


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


def write_training_images(data: list[Path]) -> tuple[str, list[dict[str, Any]]]:
    """List the training images with source and licence, in a file for all detectors of a data set.

    Returns:
        Name of the file; the counts of each source.
    """
    sources = yaml.safe_load(SOURCES.read_text(encoding="utf-8"))
    sources.sort(key=lambda source: -len(source["prefix"]))
    rows = []
    for image in sorted({image for path in data for image in training_images(path)}):
        source = next(s for s in sources if image.startswith(s["prefix"]))
        rows.append((image, source["name"], licence_of(image, source, data[0])))
    lines = ["\t".join(row) for row in [("image", "source", "licence"), *rows]]
    file = f"training_images_{data[0].name}.tsv.gz"
    text = "\n".join(lines) + "\n"
    write_bytes_atomically(FOLDER / file, gzip.compress(text.encode(), mtime=0))
    counts = Counter((source, licence) for _, source, licence in rows)
    return file, [
        {
            "name": source["name"],
            "about": source["about"],
            "licences": {
                licence: count
                for (of, licence), count in counts.most_common()
                if of == source["name"]
            },
        }
        for source in sources[::-1]
        if source["name"] in {of for of, _ in counts}
    ]


def training_images(data: Path) -> list[str]:
    """Names of the images of a data set's training part, without the ending."""
    return [sample.path.stem for sample in load_dataset(data, split="train").samples]


def licence_of(image: str, source: dict[str, str], data: Path) -> str:
    """The licence of one image: its source's, or its own in the table of the data set."""
    if "licence" in source:
        return source["licence"]
    return licence_table(data / source["licences"]).get(image, NOT_LISTED)


@cache
def licence_table(path: Path) -> dict[str, str]:
    """Image to licence."""
    with path.open(encoding="utf-8") as file:
        return {row["image"]: row["licence"] for row in csv.DictReader(file, delimiter="\t")}


if __name__ == "__main__":
    main()
