"""The one box format, IoU and non-maximum suppression: the NumPy reference of the C code.

Boxes are ``[N, 4]`` float32 ``(x_min, y_min, x_max, y_max)``, fractions of the image.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Detections:
    """The objects found in one image, highest score first.

    Attributes:
        boxes: ``[N, 4]`` float32, ``(x_min, y_min, x_max, y_max)``, fractions of the image.
        scores: ``[N]`` float32 in [0, 1].
        class_ids: ``[N]`` int64, 0-based, without the background.
    """

    boxes: FloatArray
    scores: FloatArray
    class_ids: IntArray

    def __len__(self) -> int:
        return len(self.scores)

    def above(self, score_threshold: float) -> "Detections":
        """Those with at least this score."""
        keep = self.scores >= score_threshold
        return Detections(self.boxes[keep], self.scores[keep], self.class_ids[keep])

    def to_records(self, class_names: tuple[str, ...]) -> list[dict[str, Any]]:
        """One JSON-ready mapping per detection: class, score and box (fractions of the image)."""
        return [
            {
                "class_id": int(class_id),
                "class_name": class_names[class_id],
                "score": round(float(score), 6),
                "box": [round(float(v), 6) for v in box],
            }
            for box, score, class_id in zip(self.boxes, self.scores, self.class_ids, strict=True)
        ]


def no_detections() -> Detections:
    """The result for an image in which nothing was found."""
    return Detections(
        np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64)
    )


def box_area(boxes: FloatArray) -> FloatArray:
    """Area of boxes ``[..., 4]``, 0 where a box is empty or inverted.

    >>> box_area(np.array([[0.1, 0.2, 0.6, 0.4]], np.float32)).round(3)
    array([0.1], dtype=float32)
    """
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    area: FloatArray = sides[..., 0] * sides[..., 1]
    return area


def intersection_area(boxes_a: FloatArray, boxes_b: FloatArray) -> FloatArray:
    """Area shared by each pair.

    Args:
        boxes_a: ``[N, 4]``.
        boxes_b: ``[M, 4]``.

    Returns:
        ``[N, M]``.
    """
    low = np.maximum(boxes_a[:, None, :2], boxes_b[None, :, :2])
    high = np.minimum(boxes_a[:, None, 2:], boxes_b[None, :, 2:])
    sides = np.maximum(high - low, 0)
    area: FloatArray = sides[..., 0] * sides[..., 1]
    return area


def iou_matrix(boxes_a: FloatArray, boxes_b: FloatArray) -> FloatArray:
    """Intersection over union of each pair; 0 where both boxes are empty.

    Args:
        boxes_a: ``[N, 4]``.
        boxes_b: ``[M, 4]``.

    Returns:
        ``[N, M]`` in [0, 1].
    """
    shared = intersection_area(boxes_a, boxes_b)
    union = box_area(boxes_a)[:, None] + box_area(boxes_b)[None, :] - shared
    iou: FloatArray = np.where(union > 0, shared / np.where(union > 0, union, 1), 0)
    return iou


def clip_boxes(boxes: FloatArray) -> FloatArray:
    """Boxes cut at the edges of the image."""
    return np.clip(boxes, 0, 1)


def suppress_non_maxima(
    boxes: FloatArray, scores: FloatArray, iou_threshold: float, max_kept: int
) -> IntArray:
    """Greedy non-maximum suppression of the boxes of one class.

    Takes the box with the highest score, drops every box that overlaps it by more than the
    threshold, and goes on with the rest. Equal scores: the lower index first.

    Args:
        boxes: ``[N, 4]``.
        scores: ``[N]``.
        iou_threshold: A box with ``IoU > iou_threshold`` to a kept one is dropped.
        max_kept: Stop after this many.

    Returns:
        Indices of the kept boxes, highest score first, ``[K]`` with ``K <= max_kept``.

    Reference:
        Felzenszwalb et al., 2010, "Object Detection with Discriminatively Trained Part-Based
        Models", section 5.
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order) and len(kept) < max_kept:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        overlap = iou_matrix(boxes[best : best + 1], boxes[rest])[0]
        order = rest[overlap <= iou_threshold]
    return np.array(kept, np.int64)


def select_detections(
    class_scores: FloatArray,
    boxes: FloatArray,
    score_threshold: float,
    nms_iou_threshold: float,
    max_detections: int,
) -> Detections:
    """Detections of one image from the scores and decoded boxes of all anchors.

    Every class is suppressed by itself; the highest scores over all classes are kept. Equal
    scores: the lower class first, then the lower anchor.

    Args:
        class_scores: ``[NA, 1 + num_classes]``, background at index 0.
        boxes: Decoded boxes ``[NA, 4]``; clipped to the image here.
        score_threshold: Candidates need ``score >= score_threshold``.
        nms_iou_threshold: See ``suppress_non_maxima``.
        max_detections: Most detections kept.

    Returns:
        The detections, highest score first. Boxes without area are never among them.
    """
    boxes = clip_boxes(boxes)
    has_area = box_area(boxes) > 0
    found: list[Detections] = []
    for class_id in range(class_scores.shape[1] - 1):
        scores = class_scores[:, class_id + 1]
        candidates = np.flatnonzero((scores >= score_threshold) & has_area)
        kept = candidates[
            suppress_non_maxima(
                boxes[candidates], scores[candidates], nms_iou_threshold, max_detections
            )
        ]
        found.append(
            Detections(boxes[kept], scores[kept], np.full(len(kept), class_id, np.int64))
        )
    if not found:
        return no_detections()
    scores = np.concatenate([d.scores for d in found])
    order = np.argsort(-scores, kind="stable")[:max_detections]
    return Detections(
        np.concatenate([d.boxes for d in found])[order],
        scores[order],
        np.concatenate([d.class_ids for d in found])[order],
    )
