"""The evaluation of one detector: run it on every image, take the figures, write the files."""

import csv
import hashlib
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tinydet.config.files import make_folder, write_text_atomically
from tinydet.data.dataset import Dataset
from tinydet.errors import DataError
from tinydet.evaluation.charts import unique_paths
from tinydet.evaluation.coco_figures import coco_figures
from tinydet.evaluation.examples import examples
from tinydet.evaluation.result import (
    RESULT_FILE,
    DataFacts,
    EvaluationResult,
    EvaluationSettings,
    ModelFacts,
)
from tinydet.evaluation.scoring import ScoredImages
from tinydet.inference import Detector, detect_files, model_kind
from tinydet.look_ahead import usable_cores
from tinydet.progress import stage, track, work
from tinydet.versions import installed_versions

EVALUATION_FOLDER = "evaluation"
CURVES_FOLDER = "precision_vs_recall_curves"
# What follows the detecting, with the seconds that each usually takes, for the bar.
SCORING = (("resample AP", 3), ("COCO's figures", 5), ("write figures and pictures", 4))
PACKAGES = ("tinydet", "numpy", "pycocotools", "ai-edge-litert", "keras", "tensorflow")


def evaluate(
    detector: Detector,
    dataset: Dataset,
    *,
    model_path: Path,
    data_path: Path,
    run_folder: Path | None,
    settings: EvaluationSettings | None = None,
    on_scored: Callable[[ScoredImages], None] | None = None,
) -> EvaluationResult:
    """Measure a detector on labelled images and write figures and pictures.

    Files, below the run folder: ``evaluation/<model stem>/`` with ``result.json`` (written last:
    where it is, the rest is whole), ``per_class.csv``, ``precision_recall.png``,
    ``confusion.png``, ``worst_images.png`` and ``examples.json``; with ``plot_metrics`` also
    ``precision_vs_recall_curves/<model stem>/<class>.png``.

    Args:
        detector: What to evaluate.
        dataset: With the class names of the detector, in its order; at least one image.
        model_path: The detector's file; its stem names the folders.
        data_path: Where the images come from, for the record.
        run_folder: Where to write; None writes nothing.
        settings: None takes the defaults.
        on_scored: Given the detections of every image, for pictures of several detectors.

    Returns:
        All figures.

    Raises:
        DataError: There is no image, an image cannot be read, or the classes are not those of
            the detector. Nothing is written then.
        OutputError: The run folder cannot be written to; found out before the first image.
    """
    settings = settings or EvaluationSettings()
    postprocess = settings.postprocess_for(detector.spec)
    _check(detector, dataset, data_path)
    if run_folder is not None:
        make_folder(run_folder)
    start = time.perf_counter()
    paths = [sample.path for sample in dataset.samples]
    workers = settings.workers or usable_cores()
    found = detect_files(detector, paths, postprocess, workers=workers)
    rows = list(track(found, f"Evaluating {detector.name}", total=len(paths)))
    scored = ScoredImages(
        dataset.samples,
        [detections for _, detections, _ in rows],
        [size for _, _, size in rows],
        dataset.class_names,
        settings,
    )
    if on_scored is not None:
        on_scored(scored)
    with work("evaluate", *SCORING):
        with stage("resample AP"):
            ap = scored.ap
        seconds = time.perf_counter() - start
        with stage("COCO's figures"):
            coco = coco_figures(
                scored.detections, scored.ground_truth, scored.image_sizes, dataset.class_names
            )
        result = EvaluationResult(
            model=_model_facts(detector, model_path),
            data=_data_facts(scored, data_path),
            class_names=dataset.class_names,
            settings={
                **postprocess.model_dump(),
                "iou_thresholds": list(settings.all_ious),
                "engine": settings.engine,
                "workers": workers,
            },
            ap=ap,
            coco=coco,
            f1_best=scored.f1_best,
            confusion=scored.confusion,
            images_per_second=len(rows) / seconds,
            seconds=seconds,
            versions=installed_versions(PACKAGES),
            score_counts=scored.score_counts,
        )
        if run_folder is not None:
            with stage("write figures and pictures"):
                _write(result, scored, run_folder, model_path.stem)
    return result


def _check(detector: Detector, dataset: Dataset, data_path: Path) -> None:
    if not dataset.samples:
        raise DataError(data_path, "has no image to evaluate on", "Give a folder with images.")
    known = detector.spec.class_names
    if dataset.class_names != known:
        raise DataError(
            data_path,
            f"has the classes {_listed(dataset.class_names)}, but {detector.name} detects "
            f"{_listed(known)}",
            "Set dataset.class_names to the classes of the model, in its order.",
        )


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _model_facts(detector: Detector, path: Path) -> ModelFacts:
    size_bytes = path.stat().st_size if path.is_file() else None
    return ModelFacts(str(path), detector.name, model_kind(path), size_bytes)


def _data_facts(scored: ScoredImages, path: Path) -> DataFacts:
    ignored = sum(int(truth.ignored.sum()) for truth in scored.ground_truth)
    boxes = sum(len(truth) for truth in scored.ground_truth) - ignored
    digest = hashlib.sha256()
    for sample, truth in zip(scored.samples, scored.ground_truth, strict=True):
        digest.update(sample.path.name.encode(errors="surrogateescape"))
        for array in (truth.boxes, truth.class_ids, truth.ignored):
            digest.update(np.ascontiguousarray(array).tobytes())
    return DataFacts(str(path), len(scored.samples), boxes, ignored, digest.hexdigest()[:16])


def _write(result: EvaluationResult, scored: ScoredImages, run_folder: Path, stem: str) -> None:
    from tinydet.drawing import save_image
    from tinydet.evaluation.charts import (
        class_figure,
        confusion_figure,
        precision_recall_figure,
        save_figure,
    )
    from tinydet.evaluation.sheets import worst_images

    folder = make_folder(run_folder / EVALUATION_FOLDER / stem)
    # An older result must not stand beside newer pictures if the writing is cut short.
    (folder / RESULT_FILE).unlink(missing_ok=True)
    title = f"{result.model.name} ({result.model.kind})"
    write_text_atomically(folder / "per_class.csv", _per_class_csv(result, scored))
    write_text_atomically(folder / "examples.json", json.dumps(examples(scored)) + "\n")
    save_figure(precision_recall_figure(scored, title), folder / "precision_recall.png")
    save_figure(confusion_figure(result.confusion, title), folder / "confusion.png")
    save_image(folder / "worst_images.png", worst_images(scored))
    if scored.settings.plot_metrics:
        curves = unique_paths(run_folder / CURVES_FOLDER / stem, result.class_names, ".png")
        for class_id, path in enumerate(track(curves, "Drawing a curve for each class")):
            save_figure(class_figure(scored, class_id, title), path)
    write_text_atomically(folder / RESULT_FILE, json.dumps(result.to_record(), indent=1) + "\n")


def _per_class_csv(result: EvaluationResult, scored: ScoredImages) -> str:
    """One line per class: objects, AP at each IoU, COCO AP, best F1; empty where undefined."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = ["f1_score_threshold", "f1", "precision", "recall"]
    writer.writerow(["class", "objects", *(f"ap_{iou}" for iou in result.ap), "coco_ap", *columns])
    for class_id, name in enumerate(result.class_names):
        best = result.f1_best[name]
        figures = [ap.per_class[name] for ap in result.ap.values()]
        figures.append(result.coco["per_class"][name])
        figures += (
            [None] * 4 if best is None else [best.score, best.f1, best.precision, best.recall]
        )
        objects = int(scored.matches.num_objects[class_id])
        writer.writerow([name, objects, *("" if f is None else f"{f:.6f}" for f in figures)])
    return text.getvalue()
