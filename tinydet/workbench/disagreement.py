"""Where a detector and the labels of an image disagree: hints at wrong labels, or a weak model."""

from dataclasses import dataclass

import numpy as np

from tinydet.boxes import Detections, FloatArray
from tinydet.metrics.matching import GroundTruth, overlaps

KINDS = {
    "missed": "labelled, not found",
    "false": "found, not labelled",
    "loose": "found, but the boxes differ",
    "mislabelled": "found as another class",
}
SAME = 0.5  # IoU from which two boxes are of the same object
APART = 0.1  # IoU below which they have nothing to do with each other


@dataclass(frozen=True)
class Disagreement:
    """One object on which detector and labels disagree.

    Attributes:
        kind: A key of ``KINDS``.
        box: ``[4]``, of the label; of the detection where there is no label.
        class_id: Of the label, or of the detection where there is none.
        other_class_id: What the detector says instead; None where that is no other class.
        score: Of the detection; None where nothing was found.
    """

    kind: str
    box: FloatArray
    class_id: int
    other_class_id: int | None = None
    score: float | None = None


def disagreements(truth: GroundTruth, found: Detections) -> list[Disagreement]:
    """What a detector sees otherwise than the labels of an image.

    A label is *missed* where no detection overlaps it, *loose* where one does with an IoU of 0.1
    to 0.5, and *mislabelled* where one of another class lies on it (IoU 0.5 and more) and none of
    its own. A detection that overlaps no label and does not lie in an ignored one is *false*.

    Args:
        truth: The labels; ignored ones are neither missed nor loose.
        found: Detections that are sure enough to be shown, of the same classes.
    """
    result = [_of_label(truth, found, int(index)) for index in np.flatnonzero(~truth.ignored)]
    iou, cover = overlaps(found.boxes, truth.boxes)
    for index in range(len(found)):
        is_near = bool((iou[index] >= APART).any())
        is_ignored = bool((cover[index][truth.ignored] >= SAME).any())
        if not is_near and not is_ignored:
            score = float(found.scores[index])
            box, class_id = found.boxes[index], int(found.class_ids[index])
            result.append(Disagreement("false", box, class_id, score=score))
    return [one for one in result if one is not None]


def _of_label(truth: GroundTruth, found: Detections, index: int) -> Disagreement | None:
    box, class_id = truth.boxes[index], int(truth.class_ids[index])
    iou = overlaps(truth.boxes[index : index + 1], found.boxes)[0][0]
    if not len(found) or iou.max() < APART:
        return Disagreement("missed", box, class_id)
    is_own = found.class_ids == class_id
    if (iou[is_own] >= SAME).any():
        return None
    best = int(iou.argmax())
    other, score = int(found.class_ids[best]), float(found.scores[best])
    if iou[best] >= SAME:
        return Disagreement("mislabelled", box, class_id, other, score)
    return Disagreement("loose", box, class_id, None if other == class_id else other, score)
