"""The example detections as the page's script needs them: pictures, boxes, hits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinydet.boxes import Detections
from tinydet.drawing import css_colours
from tinydet.evaluation.examples import Example, FoundObject, LabelledObject
from tinydet.metrics import GroundTruth, match_detections
from tinydet.report.pictures import Picture, PictureEmbedder

MAX_EXAMPLES = 24
EXAMPLE_SIDE_PX = 520


@dataclass(frozen=True)
class ExampleFigure:
    """One example image: its picture (None where the file is gone) and a caption."""

    picture: Picture | None
    name: str
    aspect: float


@dataclass(frozen=True)
class Examples:
    """The section of example detections.

    Attributes:
        figures: In the order of the boxes in ``data["examples"]``.
        model_labels: Key and label of every model that has examples.
        data: JSON for the page's script.
        start_score: Where the slider stands at first.
        hit_iou: IoU from which a box counts as having found its object.
        left_out: Number of examples beyond the most that are shown.
    """

    figures: list[ExampleFigure]
    model_labels: list[tuple[str, str]]
    data: dict[str, Any] = field(hash=False)
    start_score: float
    hit_iou: float
    left_out: int


def _judged_detections(
    example: Example, truth: Sequence[LabelledObject], classes: Mapping[str, int], iou: float
) -> list[tuple[FoundObject, int]]:
    """By class and falling score, each detection with 1: hit, 0: false alarm, -1: ignored object.

    A detection never changes the outcome of one with a higher score, so the outcomes hold for
    every position of the slider.
    """
    ordered = sorted(example.detections, key=lambda d: (classes[d.class_name], -d.score))
    detections = Detections(
        np.array([d.box for d in ordered], np.float32).reshape(-1, 4),
        np.array([d.score for d in ordered], np.float32),
        np.array([classes[d.class_name] for d in ordered], np.int64),
    )
    ground_truth = GroundTruth(
        np.array([t.box for t in truth], np.float32).reshape(-1, 4),
        np.array([classes[t.class_name] for t in truth], np.int64),
        np.array([t.ignored for t in truth], np.bool_),
    )
    outcomes = match_detections([detections], [ground_truth], len(classes)).outcomes(iou)
    return list(zip(ordered, outcomes.tolist(), strict=True))


def collect_examples(
    by_model: Mapping[str, tuple[str, Sequence[Example]]],
    class_names: Sequence[str],
    embedder: PictureEmbedder,
    *,
    start_score: float,
    hit_iou: float,
) -> Examples | None:
    """Everything the example section needs; None where no model has an example.

    Args:
        by_model: Model key to its label and its examples; the first model is shown first. The
            same image of several models is embedded once.
        class_names: In index order: the colours follow it.
        embedder: Takes the image files.
        start_score: First position of the slider, in [0, 1].
        hit_iou: Least overlap of a hit, in (0, 1].
    """
    images: list[str] = []
    records: dict[str, dict[str, Example]] = {}
    for key, (_, examples) in by_model.items():
        records[key] = {example.image: example for example in examples}
        images.extend(image for image in records[key] if image not in images)
    if not images:
        return None
    shown = images[:MAX_EXAMPLES]
    classes = _class_indices(class_names, records)
    figures, data = [], []
    for image in shown:
        of_models = {key: found[image] for key, found in records.items() if image in found}
        figures.append(_figure(image, next(iter(of_models.values())), embedder))
        data.append(_boxes(of_models, classes, hit_iou))
    return Examples(
        figures=figures,
        model_labels=[(key, label) for key, (label, _) in by_model.items()],
        data={
            "classes": [
                dict(zip(("name", "colour", "ink"), (name, *css_colours(index)), strict=True))
                for name, index in classes.items()
            ],
            "examples": data,
        },
        start_score=start_score,
        hit_iou=hit_iou,
        left_out=len(images) - len(shown),
    )


def _class_indices(
    class_names: Sequence[str], records: Mapping[str, Mapping[str, Example]]
) -> dict[str, int]:
    indices = {name: index for index, name in enumerate(class_names)}
    for of_model in records.values():
        for example in of_model.values():
            names = [t.class_name for t in example.ground_truth]
            for name in names + [d.class_name for d in example.detections]:
                indices.setdefault(name, len(indices))
    return indices


def _figure(image: str, example: Example, embedder: PictureEmbedder) -> ExampleFigure:
    picture = embedder.embed(image, EXAMPLE_SIDE_PX, photo=True)
    height, width = (picture.height, picture.width) if picture else example.size
    name = image.replace("\\", "/").rsplit("/", 1)[-1]
    return ExampleFigure(picture, name, round(width / max(height, 1), 4))


def _boxes(
    of_models: Mapping[str, Example], classes: Mapping[str, int], hit_iou: float
) -> dict[str, Any]:
    truth = next(iter(of_models.values())).ground_truth
    return {
        "truth": [
            {"box": _rounded(t.box), "class": classes[t.class_name], "ignored": t.ignored}
            for t in truth
        ],
        "detections": {
            key: [
                {
                    "box": _rounded(d.box),
                    "class": classes[d.class_name],
                    "score": round(d.score, 4),
                    "outcome": outcome,
                }
                for d, outcome in _judged_detections(example, truth, classes, hit_iou)
            ]
            for key, example in of_models.items()
        },
    }


def _rounded(box: Sequence[float]) -> list[float]:
    return [round(min(max(value, 0.0), 1.0), 4) for value in box]
