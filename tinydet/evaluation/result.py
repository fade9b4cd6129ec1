"""What an evaluation gives: the content of ``result.json``.

These are plain dataclasses; the types are those that a file is held to when a report reads it.
"""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from tinydet.config.detector_spec import DetectorSpec, PostprocessSpec
from tinydet.metrics import BestF1, Interval, ScoreCounts, interval_of

Fraction = Annotated[float, Field(ge=0, le=1)]

RESULT_FILE = "result.json"
ALWAYS_EVALUATED_IOUS = (0.5, 0.75)
BACKGROUND = "background"
AP_POSTPROCESS = PostprocessSpec(score_threshold=0.001, nms_iou_threshold=0.5, max_detections=100)


@dataclass(frozen=True)
class EvaluationSettings:
    """How a detector is evaluated. The defaults are those of the published accuracy tables.

    Attributes:
        postprocess: Thresholds for AP; None: ``AP_POSTPROCESS``, where nearly everything the
            network says counts, because AP ranks by score, with the box voting of the detector.
        iou_thresholds: IoUs at which AP is taken, in (0, 1]; 0.50 and 0.75 are always added. The
            first is the one that curves, best F1, confusion and worst images are made at.
        confusion_score: Detections below this score are left out of the confusion and of the
            worst images; None takes the score with the best F1 over all classes together.
        workers: Threads; None takes one per core.
        engine: Kernels of a ``.tflite``, noted in the result: ``litert`` or ``litert-ref``.
        plot_metrics: Also draw one precision-recall picture per class.
    """

    postprocess: PostprocessSpec | None = None
    iou_thresholds: tuple[float, ...] = (0.4,)
    confusion_score: float | None = None
    workers: int | None = None
    engine: str = "litert"
    plot_metrics: bool = False

    def __post_init__(self) -> None:
        if not self.iou_thresholds or not all(0 < iou <= 1 for iou in self.iou_thresholds):
            raise ValueError(f"IoU thresholds must be in (0, 1], got {self.iou_thresholds}")

    def postprocess_for(self, spec: DetectorSpec) -> PostprocessSpec:
        """The thresholds for the AP of a detector."""
        voting = {"box_voting_iou": spec.postprocess.box_voting_iou}
        return self.postprocess or AP_POSTPROCESS.model_copy(update=voting)

    @property
    def all_ious(self) -> tuple[float, ...]:
        """The IoUs asked for, then those that are always evaluated; each once."""
        return tuple(dict.fromkeys([*self.iou_thresholds, *ALWAYS_EVALUATED_IOUS]))


@dataclass(frozen=True)
class ModelFacts:
    """Which model file was evaluated.

    Attributes:
        path: As given.
        name: File name.
        kind: ``float keras``, ``int8 tflite`` or ``float tflite``.
        size_bytes: None where there is no such file (a detector made in memory).
    """

    path: str
    name: str
    kind: str
    size_bytes: int | None


@dataclass(frozen=True)
class DataFacts:
    """On which images it was evaluated.

    Attributes:
        path: As given.
        images: Number of images.
        boxes: Objects that count.
        ignored_boxes: Objects that do not.
        digest: Of file names and labels: what was evaluated on the same images has the same;
            empty in results of earlier versions.
    """

    path: str
    images: int
    boxes: int
    ignored_boxes: int
    digest: str = ""


@dataclass(frozen=True)
class ApAtIou:
    """AP at one IoU, fractions; None for a class without ground truth.

    Attributes:
        mean: Over the classes that have objects.
        per_class: Class name to AP.
        draws: ``mean`` for each draw of images of the bootstrap (``tinydet.metrics.bootstrap``),
            None for one without an object; empty in results of earlier versions. The draws are
            the same for every detector that is evaluated on the same images, so the differences
            of two lists are draws as well.
    """

    mean: Fraction | None
    per_class: dict[str, Fraction | None]
    draws: tuple[Fraction | None, ...] = ()

    @property
    def interval(self) -> Interval | None:
        """95 % interval of ``mean``: what another set of such images might have given."""
        return interval_of(np.array(self.draws, np.float64))


@dataclass(frozen=True)
class Confusion:
    """Counts, rows are the truth and columns the detection; the background is the last of both."""

    labels: tuple[str, ...]
    matrix: list[list[int]]
    score_threshold: float
    iou_threshold: float


@dataclass(frozen=True)
class EvaluationResult:
    """All figures of one detector on one data set.

    Attributes:
        model: The model file.
        data: The data set.
        class_names: In index order.
        settings: Thresholds and engine.
        ap: By IoU with two decimals, as ``"0.40"``; the first is the headline.
        coco: See ``tinydet.evaluation.coco_figures``.
        f1_best: By class name: threshold with the best F1 at the headline IoU; None where no
            object was found.
        confusion: At the headline IoU.
        images_per_second: From image files to AP, pictures and COCO figures not counted.
        seconds: The time that took.
        versions: Package name to version.
        score_counts: By class name: hits and false alarms at the headline IoU for every score
            threshold; empty in results of earlier versions.
    """

    model: ModelFacts
    data: DataFacts
    class_names: tuple[str, ...]
    settings: dict[str, Any]
    ap: dict[str, ApAtIou]
    coco: dict[str, Any]
    f1_best: dict[str, BestF1 | None]
    confusion: Confusion
    images_per_second: float
    seconds: float
    versions: dict[str, str]
    score_counts: dict[str, ScoreCounts] = field(default_factory=dict)

    @property
    def headline_iou(self) -> str:
        """Key of ``ap`` that was asked for first."""
        return next(iter(self.ap))

    def mean_ap(self, iou: str) -> float | None:
        """Mean AP over the classes at a key of ``ap``; None where it was not evaluated."""
        return self.ap[iou].mean if iou in self.ap else None

    def coco_figure(self, name: str) -> float | None:
        """One COCO figure, a fraction; None where it is absent or undefined."""
        value = self.coco.get(name)
        return value if isinstance(value, float | int) and 0 <= value <= 1 else None

    def to_record(self) -> dict[str, Any]:
        """JSON-ready; see ``RESULT_FILE``."""
        record: dict[str, Any] = json.loads(json.dumps(asdict(self), allow_nan=False))
        return record


def iou_key(iou_threshold: float) -> str:
    """Name of an IoU in the result.

    >>> iou_key(0.4), iou_key(0.123)
    ('0.40', '0.123')
    """
    key = f"{iou_threshold:.2f}"
    return key if math.isclose(float(key), iou_threshold, abs_tol=1e-9) else f"{iou_threshold:g}"
