"""What is taken for what, and how well a single image is understood."""

from collections.abc import Sequence

import numpy as np

from tinydet.boxes import Detections, IntArray
from tinydet.metrics.matching import HIT, IGNORED, DoubleArray, GroundTruth, Matches, overlaps


def confusion_matrix(
    detections: Sequence[Detections],
    ground_truth: Sequence[GroundTruth],
    num_classes: int,
    score_threshold: float,
    iou_threshold: float,
) -> IntArray:
    """Count which class the objects of each class are detected as.

    Within an image, detections go by falling score; each takes the free counted object that it
    overlaps most, whatever its class, if their IoU reaches the threshold. The last row and column
    are the background: detections without an object, objects without a detection. A detection
    without an object that lies on an ignored one (see ``Matches.outcomes``; here whatever its
    class) is not counted.

    Args:
        detections: One per image.
        ground_truth: One per image, in the same order of images.
        num_classes: Without the background.
        score_threshold: Detections below this score do not take part.
        iou_threshold: In (0, 1].

    Returns:
        ``[num_classes + 1, num_classes + 1]`` int64; rows are the truth, columns the detection.
    """
    matrix = np.zeros((num_classes + 1, num_classes + 1), np.int64)
    for found, truth in zip(detections, ground_truth, strict=True):
        kept = found.above(score_threshold)
        objects = truth.counted
        detected_as = np.full(len(objects), num_classes, np.int64)
        taken = _take_objects(kept, objects, iou_threshold)
        matched = taken >= 0
        detected_as[taken[matched]] = kept.class_ids[matched]
        np.add.at(matrix, (objects.class_ids, detected_as), 1)
        _, cover = overlaps(kept.boxes, truth.boxes[truth.ignored])
        excused = (cover >= iou_threshold).any(axis=1)
        np.add.at(matrix[num_classes], kept.class_ids[~matched & ~excused], 1)
    return matrix


def image_f1(
    matches: Matches,
    ground_truth: Sequence[GroundTruth],
    score_threshold: float,
    iou_threshold: float,
) -> DoubleArray:
    """F1 of each image by itself, at a score threshold.

    ``2 * hits / (detections + objects)``, without what is ignored; 1 where there is nothing to
    find and nothing is found.

    Args:
        matches: Of these images.
        ground_truth: One per image.
        score_threshold: Detections below this score do not take part.
        iou_threshold: In (0, 1].

    Returns:
        ``[images]`` float64 in [0, 1].
    """
    outcomes = matches.outcomes(iou_threshold)
    judged = (matches.scores >= score_threshold) & (outcomes != IGNORED)
    num_images = len(ground_truth)
    found = np.bincount(matches.image_index[judged], minlength=num_images)
    hits = np.bincount(matches.image_index[judged & (outcomes == HIT)], minlength=num_images)
    objects = np.array([np.count_nonzero(~truth.ignored) for truth in ground_truth], np.int64)
    total = found + objects
    return np.where(total > 0, 2 * hits / np.maximum(total, 1), 1.0)


def _take_objects(found: Detections, objects: GroundTruth, iou_threshold: float) -> IntArray:
    """Index of the object that each detection takes, -1 for none."""
    taken = np.full(len(found), -1, np.int64)
    if not len(objects):
        return taken
    iou, _ = overlaps(found.boxes, objects.boxes)
    for index in np.argsort(-found.scores, kind="stable"):
        best = int(iou[index].argmax())
        if iou[index, best] >= iou_threshold:
            taken[index] = best
            iou[:, best] = -1
    return taken
