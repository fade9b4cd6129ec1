"""Precision over recall, and the figures read off it: average precision and the best F1."""

from dataclasses import dataclass

import numpy as np

from tinydet.boxes import IntArray
from tinydet.metrics.matching import HIT, IGNORED, DoubleArray, Matches


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision and recall of one class as the score threshold falls.

    Attributes:
        scores: ``[K]``, falling; one point per detection that is not ignored.
        precision: ``[K]``, share of the first k detections that hit.
        recall: ``[K]``, share of the objects that the first k detections hit; 0 where the class
            has no object.
        num_objects: Counted objects of the class.
    """

    scores: DoubleArray
    precision: DoubleArray
    recall: DoubleArray
    num_objects: int

    @property
    def envelope(self) -> DoubleArray:
        """Interpolated precision ``[K]``: the highest at this recall or a higher one."""
        return np.maximum.accumulate(self.precision[::-1])[::-1]

    @property
    def ap(self) -> float:
        """Area under the interpolated curve, in [0, 1]; nan where the class has no object.

        Reference:
            Pascal VOC 2010 development kit, section 3.4.1: "all-point" interpolation.
        """
        if not self.num_objects:
            return float("nan")
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.envelope))


@dataclass(frozen=True)
class BestF1:
    """The score threshold at which the harmonic mean of precision and recall is highest.

    Attributes:
        score: Threshold: detections with ``score >=`` this are kept; nan where nothing hits.
        f1: In [0, 1].
        precision: At this threshold.
        recall: At this threshold.
    """

    score: float
    f1: float
    precision: float
    recall: float


@dataclass(frozen=True)
class ScoreCounts:
    """What each score threshold from 0.01 to 0.99 would give.

    Attributes:
        objects: Counted objects.
        hits: At each threshold in steps of 0.01, the objects that are found.
        false_alarms: At each, the detections that hit nothing.
    """

    objects: int
    hits: list[int]
    false_alarms: list[int]


def score_counts(curve: PrecisionRecall) -> ScoreCounts:
    """Hits and false alarms of one class at score thresholds 0.01, 0.02 to 0.99."""
    thresholds = np.arange(1, 100) / 100
    kept = np.searchsorted(-curve.scores, -thresholds, side="right")  # score >= threshold
    precision = np.concatenate([[0.0], curve.precision])
    hits = np.rint(precision[kept] * kept).astype(np.int64)
    return ScoreCounts(curve.num_objects, hits.tolist(), (kept - hits).tolist())


def mean_ap(ap: DoubleArray) -> float:
    """Mean over the classes that have objects; nan where none has.

    >>> mean_ap(np.array([0.5, np.nan, 0.25]))
    0.375
    """
    known = ap[~np.isnan(ap)]
    return float(known.mean()) if len(known) else float("nan")


def precision_recall(matches: Matches, iou_threshold: float) -> list[PrecisionRecall]:
    """The curve of each class.

    Args:
        matches: From ``match_detections``.
        iou_threshold: In (0, 1].

    Returns:
        One per class, in order of class ids.
    """
    outcomes = matches.outcomes(iou_threshold)
    curves = []
    for class_id, num_objects in enumerate(matches.num_objects):
        span = matches.class_range(class_id)
        curves.append(_curve(matches.scores[span], outcomes[span], int(num_objects)))
    return curves


def pooled_curve(matches: Matches, iou_threshold: float) -> PrecisionRecall:
    """The curve of all classes together: one score threshold for every class."""
    order = np.argsort(-matches.scores, kind="stable")
    outcomes = matches.outcomes(iou_threshold)
    return _curve(matches.scores[order], outcomes[order], int(matches.num_objects.sum()))


def best_f1(curve: PrecisionRecall) -> BestF1:
    """The threshold with the highest F1; of equals the highest threshold.

    Only thresholds that can be set are looked at: detections of equal score stay together.

    Args:
        curve: Of one class, or of all.

    Returns:
        F1 0 and score nan where nothing hits.
    """
    nothing = BestF1(float("nan"), 0.0, 0.0, 0.0)
    if not len(curve.scores):
        return nothing
    ends = np.flatnonzero(np.diff(curve.scores, append=-np.inf))
    precision, recall = curve.precision[ends], curve.recall[ends]
    total = precision + recall
    f1 = 2 * precision * recall / np.where(total > 0, total, 1)
    best = int(f1.argmax())
    if not f1[best] > 0:
        return nothing
    return BestF1(
        float(curve.scores[ends[best]]),
        float(f1[best]),
        float(precision[best]),
        float(recall[best]),
    )


def _curve(scores: DoubleArray, outcomes: IntArray, num_objects: int) -> PrecisionRecall:
    judged = outcomes != IGNORED
    hits = np.cumsum(outcomes[judged] == HIT, dtype=np.float64)
    return PrecisionRecall(
        scores=scores[judged],
        precision=hits / np.arange(1, len(hits) + 1),
        recall=hits / max(num_objects, 1),
        num_objects=num_objects,
    )
