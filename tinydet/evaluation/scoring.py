"""From detections and labels of all images to figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan

import numpy as np

from tinydet.boxes import Detections, IntArray
from tinydet.data.dataset import Sample
from tinydet.evaluation.result import BACKGROUND, ApAtIou, Confusion, EvaluationSettings, iou_key
from tinydet.metrics import (
    BestF1,
    GroundTruth,
    Matches,
    PrecisionRecall,
    ScoreCounts,
    best_f1,
    confusion_matrix,
    draw_images,
    image_f1,
    match_detections,
    mean_ap,
    pooled_curve,
    precision_recall,
    resampled_ap,
    score_counts,
)
from tinydet.metrics.matching import DoubleArray
from tinydet.progress import track

NO_SCORE = 0.5  # threshold of the confusion where nothing was found and none is the best


@dataclass(frozen=True)
class ScoredImages:
    """Images, their labels and what was found in them; the figures follow when asked for.

    Attributes:
        samples: Images and labels.
        detections: One per sample, at the thresholds for AP.
        image_sizes: ``(height, width)`` of each, pixels.
        class_names: In index order.
        settings: IoUs and thresholds.
    """

    samples: Sequence[Sample]
    detections: Sequence[Detections]
    image_sizes: Sequence[tuple[int, int]]
    class_names: tuple[str, ...]
    settings: EvaluationSettings

    @property
    def headline_iou(self) -> float:
        """The IoU at which curves, best F1, confusion and worst images are made."""
        return self.settings.iou_thresholds[0]

    @cached_property
    def ground_truth(self) -> list[GroundTruth]:
        """The labels, one per sample."""
        return [GroundTruth(s.boxes, s.class_ids, s.ignored) for s in self.samples]

    @cached_property
    def matches(self) -> Matches:
        """Which detection belongs to which object."""
        return match_detections(self.detections, self.ground_truth, len(self.class_names))

    @cached_property
    def curves(self) -> dict[float, list[PrecisionRecall]]:
        """By IoU: the curve of each class."""
        return {iou: precision_recall(self.matches, iou) for iou in self.settings.all_ious}

    @cached_property
    def draws(self) -> IntArray:
        """How often each image is in each draw of the bootstrap."""
        return draw_images(len(self.samples))

    @cached_property
    def ap(self) -> dict[str, ApAtIou]:
        """By IoU as text: AP of each class and their mean."""
        found = {}
        for iou, curves in track(self.curves.items(), "Resampling AP"):
            values = np.array([curve.ap for curve in curves], np.float64)
            per_class = dict(zip(self.class_names, map(_known, values), strict=True))
            draws = resampled_ap(self.matches, self.ground_truth, iou, self.draws)
            rounded = tuple(map(_known, np.round(draws, 5)))
            found[iou_key(iou)] = ApAtIou(_known(mean_ap(values)), per_class, rounded)
        return found

    @cached_property
    def f1_best(self) -> dict[str, BestF1 | None]:
        """By class name: the best threshold; None where nothing hits."""
        best = [best_f1(curve) for curve in self.curves[self.headline_iou]]
        return {
            name: None if isnan(b.score) else b
            for name, b in zip(self.class_names, best, strict=True)
        }

    @property
    def score_counts(self) -> dict[str, ScoreCounts]:
        """By class name: hits and false alarms at each score threshold."""
        counts = map(score_counts, self.curves[self.headline_iou])
        return dict(zip(self.class_names, counts, strict=True))

    @cached_property
    def working_score(self) -> float:
        """Score threshold of the confusion and of the worst images."""
        if self.settings.confusion_score is not None:
            return self.settings.confusion_score
        best = best_f1(pooled_curve(self.matches, self.headline_iou)).score
        return NO_SCORE if isnan(best) else best

    @cached_property
    def confusion(self) -> Confusion:
        """What is taken for what, at ``working_score``."""
        matrix = confusion_matrix(
            self.detections,
            self.ground_truth,
            len(self.class_names),
            self.working_score,
            self.headline_iou,
        )
        labels = (*self.class_names, BACKGROUND)
        return Confusion(labels, matrix.tolist(), self.working_score, self.headline_iou)

    @cached_property
    def image_f1(self) -> DoubleArray:
        """F1 of each image by itself, at ``working_score``."""
        return image_f1(self.matches, self.ground_truth, self.working_score, self.headline_iou)


def _known(value: float) -> float | None:
    return None if isnan(value) else float(value)
