"""``report.html``: from the files of a run folder to one page that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tinydet.config.detector_spec import UNNAMED_PROJECT
from tinydet.config.files import write_text_atomically
from tinydet.errors import DataError
from tinydet.pages import render
from tinydet.report.accuracy import (
    Accuracy,
    Evaluation,
    compare,
    operating_points,
    read_evaluations,
    read_examples,
)
from tinydet.report.charts import training_charts
from tinydet.report.data_warnings import data_warnings
from tinydet.report.deployment import ARENA_PICTURES, read_deployment
from tinydet.report.examples import Examples, collect_examples
from tinydet.report.facts import bytes_text, count_text, find_number, to_facts
from tinydet.report.pictures import Picture, PictureEmbedder
from tinydet.report.quantized_model import read_quantized_model
from tinydet.report.run_files import RunFiles
from tinydet.report.summary import TFLITE, percent, read_detector, signed, summarize

REPORT_FILE = "report.html"
SPLITS = ("train", "validation", "test")
DATA_PICTURES = (
    ("samples.png", "Samples with their labels"),
    ("class_histogram.png", "Objects per class"),
    ("box_sizes.png", "Sizes of the objects"),
)
CHART_FILES = (
    *("class_histogram.png", "box_sizes.png", "precision_recall.png", "confusion.png"),
    "arena.png",
)
LOST_IMAGES = ("lost_images.png", "Images that lose most, float on the left and int8 on the right")
PICTURE_SIDE_PX = 1100
SHEET_SIDE_PX = 1500  # sheets of many photos, looked at closely
MAX_PREDICTIONS = 12
PREDICTION_SIDE_PX = 480
DEFAULT_SCORE = 0.5
DEFAULT_HIT_IOU = 0.5
FILTERS = {"percent": percent, "signed": signed, "count": count_text, "bytes": bytes_text}


@dataclass(frozen=True)
class Captioned:
    """A picture (never absent here) with what it shows."""

    caption: str
    picture: Picture


@dataclass(frozen=True)
class Split:
    """One part of the data: its counts and its pictures."""

    name: str
    facts: tuple[Any, ...]
    pictures: tuple[Captioned, ...]


def write_report(run_folder: Path) -> Path:
    """Write the report of a run: one HTML file with everything in it, for any browser.

    Whatever the run folder holds is shown; what is missing or damaged is named in the report.
    The same files give the same report, byte for byte.

    Args:
        run_folder: Folder of the run, as ``tinydet run`` leaves it.

    Returns:
        Path of the report, ``report.html`` in the run folder.

    Raises:
        DataError: There is no such folder.
        OutputError: The report cannot be written.
    """
    if not run_folder.is_dir():
        raise DataError(run_folder, "is not a folder", "Give the output folder of a run.")
    report = run_folder / REPORT_FILE
    write_text_atomically(report, render("report.html.j2", _gather(RunFiles(run_folder)), FILTERS))
    return report


def _gather(files: RunFiles) -> dict[str, Any]:
    config_text = files.text("config.yaml")
    detector = read_detector(files)
    evaluations = read_evaluations(files)
    config = _config(files, config_text)
    accuracy = compare(evaluations, find_number(config, "IoU_eval_thresh", "iou_eval_thresh"))
    metrics = files.columns("logs/metrics/train_metrics.csv")
    quantization = read_quantized_model(files)
    checks = _checks(files)
    embedder = PictureEmbedder(files)  # pictures in the order of their worth
    return {
        "run_name": _run_name(files, config),
        "summary": summarize(files, detector, accuracy, checks, metrics),
        "accuracy": accuracy,
        "examples": _examples(files, accuracy, embedder),
        "evaluation_pictures": _evaluation_pictures(evaluations, embedder),
        "operating_points": operating_points(accuracy),
        "deployment": read_deployment(files),
        "arena": _arena(files, embedder),
        "data_warnings": data_warnings(checks),
        "splits": _splits(checks, embedder),
        "charts": training_charts(metrics) if metrics else [],
        "quantization": quantization,
        "lost_images": _lost_images(files, embedder),
        "tflite_bytes": files.size_bytes(TFLITE),
        "float_bytes": files.size_bytes("saved_models/best_model.keras"),
        "predictions": _predictions(files, embedder),
        "config_text": config_text,
        "detector": to_facts(detector.model_dump(mode="json") if detector else {}),
        "versions": [(e.label, to_facts(e.result.versions)) for e in evaluations],
        "settings": [(e.label, to_facts(e.result.settings)) for e in evaluations],
        "files": files.states,
    }


def _config(files: RunFiles, config_text: str | None) -> dict[str, Any]:
    try:
        config = yaml.safe_load(config_text or "")
    except (yaml.YAMLError, RecursionError) as error:
        files.broken("config.yaml", error)
        return {}
    return config if isinstance(config, dict) else {}


def _run_name(files: RunFiles, config: dict[str, Any]) -> str:
    """The project with the folder of the run; the folder alone where no project is named."""
    general = config.get("general")
    project = general.get("project_name") if isinstance(general, dict) else None
    folder = files.folder.resolve().name
    return folder if project in (None, UNNAMED_PROJECT) else f"{project} · {folder}"


def _checks(files: RunFiles) -> dict[str, dict[str, Any]]:
    checks = {}
    for split in SPLITS:
        if (files.folder / "data" / split).is_dir():
            check = files.mapping(f"data/{split}/check.json")
            checks[split] = check or {}
    if not checks:
        files.missing("data/train/check.json")
    return checks


def _splits(checks: dict[str, dict[str, Any]], embedder: PictureEmbedder) -> list[Split]:
    return [
        Split(
            name,
            tuple(to_facts(check)),
            tuple(
                _captioned(
                    embedder,
                    [(f"data/{name}/{file}", caption) for file, caption in DATA_PICTURES],
                    PICTURE_SIDE_PX,
                )
            ),
        )
        for name, check in checks.items()
    ]


def _captioned(
    embedder: PictureEmbedder, wanted: Sequence[tuple[str, str]], side_px: int
) -> list[Captioned]:
    embedded = [
        (caption, embedder.embed(path, side_px, photo=not path.endswith(CHART_FILES)))
        for path, caption in wanted
    ]
    return [Captioned(caption, picture) for caption, picture in embedded if picture is not None]


def _evaluation_pictures(
    evaluations: Sequence[Evaluation], embedder: PictureEmbedder
) -> dict[str, list[Captioned]]:
    def each(file: str, side_px: int) -> list[Captioned]:
        wanted = [(f"evaluation/{e.stem}/{file}", e.label) for e in evaluations]
        return _captioned(embedder, wanted, side_px)

    return {
        "curves": each("precision_recall.png", PICTURE_SIDE_PX),
        "confusion": each("confusion.png", PICTURE_SIDE_PX),
        "worst": each("worst_images.png", SHEET_SIDE_PX),
    }


def _examples(
    files: RunFiles, accuracy: Accuracy | None, embedder: PictureEmbedder
) -> Examples | None:
    if accuracy is None:
        return None
    by_model = {}
    # The int8 model first: it is the one that will be used.
    for evaluation in sorted(accuracy.evaluations, key=lambda e: e.kind != "int8"):
        records = read_examples(files, evaluation)
        if records:
            by_model[evaluation.stem] = (evaluation.label, records)
    first = accuracy.evaluations[0].result
    score = accuracy.advised_score
    return collect_examples(
        by_model,
        first.class_names,
        embedder,
        start_score=DEFAULT_SCORE if score is None else score,
        hit_iou=float(accuracy.headline_iou) or DEFAULT_HIT_IOU,
    )


def _lost_images(files: RunFiles, embedder: PictureEmbedder) -> list[Captioned]:
    """The sheet of images that quantization costs most, where a run was asked for it."""
    if not (files.folder / LOST_IMAGES[0]).is_file():
        return []
    return _captioned(embedder, [LOST_IMAGES], SHEET_SIDE_PX)


def _arena(files: RunFiles, embedder: PictureEmbedder) -> list[Captioned]:
    """The memory plan, where the run drew one."""
    found = next((path for path in ARENA_PICTURES if (files.folder / path).is_file()), None)
    caption = "RAM over time: each block is a tensor or a ring of rows, from left to right"
    return [] if found is None else _captioned(embedder, [(found, caption)], SHEET_SIDE_PX)


def _predictions(files: RunFiles, embedder: PictureEmbedder) -> dict[str, Any]:
    names = [name for name in files.names("predictions") if name.lower().endswith(".jpg")]
    pictures = _captioned(
        embedder,
        [(f"predictions/{name}", name) for name in names[:MAX_PREDICTIONS]],
        PREDICTION_SIDE_PX,
    )
    return {"pictures": pictures, "total": len(names)}
