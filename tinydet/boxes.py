"""The one box format, IoU, suppression and voting: the NumPy reference of the C code.

Boxes are ``[N, 4]`` float32 ``(x_min, y_min, x_max, y_max)``, fractions of the image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

CHUNK = 128  # boxes that are compared with others at a time; only speed depends on it


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

    def to_pixels(self, height: int, width: int) -> FloatArray:
        """Boxes in pixels of an image of this size, ``[N, 4]`` float32, same corner order."""
        return self.boxes * np.array([width, height, width, height], np.float32)

    def to_supervision(self, height: int, width: int) -> dict[str, npt.NDArray[Any]]:
        """The arguments of ``supervision.Detections``: ``Detections(**this)`` makes one.

        Args:
            height: Image height, pixels.
            width: Image width, pixels.

        Returns:
            ``xyxy`` ``[N, 4]`` in pixels, ``confidence`` ``[N]`` and ``class_id`` ``[N]``.
        """
        boxes_xyxy_px = self.to_pixels(height, width)
        return {"xyxy": boxes_xyxy_px, "confidence": self.scores, "class_id": self.class_ids}

    def plot(
        self, image: npt.NDArray[np.uint8], class_names: Sequence[str]
    ) -> npt.NDArray[np.uint8]:
        """A copy of an image with the boxes, their class names and scores drawn on it.

        Args:
            image: ``[H, W, 3]`` uint8 RGB.
            class_names: Names in index order, without the background.

        Returns:
            ``[H, W, 3]`` uint8 RGB.
        """
        from tinydet.drawing import draw_boxes

        labels = [
            f"{class_names[class_id]} {score:.2f}"
            for class_id, score in zip(self.class_ids, self.scores, strict=True)
        ]
        return draw_boxes(image, self.boxes, labels, self._colours())

    def _colours(self) -> list[tuple[int, int, int]]:
        from tinydet.drawing import class_colour

        return [class_colour(int(class_id)) for class_id in self.class_ids]

    def _repr_html_(self) -> str:
        """How a notebook shows it: a table, and a sketch of where the boxes lie."""
        from tinydet.notebook import boxes_html

        found = (self.boxes.tolist(), self.scores.tolist(), self.class_ids.tolist())
        return boxes_html(*found, self._colours())

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
    # Column by column: several times faster than on [N, M, 2] arrays.
    width, height = (
        np.maximum(
            np.minimum(boxes_a[:, None, axis + 2], boxes_b[:, axis + 2])
            - np.maximum(boxes_a[:, None, axis], boxes_b[:, axis]),
            0,
        )
        for axis in (0, 1)
    )
    area: FloatArray = width * height
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
    # Two empty boxes share nothing: 0 / tiny = 0. The union of others is larger than 1e-38.
    iou: FloatArray = shared / np.maximum(union, np.finfo(union.dtype).tiny)
    return iou


def clip_boxes(boxes: FloatArray) -> FloatArray:
    """Boxes cut at the edges of the image."""
    return np.clip(boxes, 0, 1)


def suppress_non_maxima(
    boxes: FloatArray, scores: FloatArray, iou_threshold: float, max_kept: int
) -> IntArray:
    """Greedy non-maximum suppression of the boxes of one class.

    Takes the box with the highest score, drops every box that overlaps it by more than the
    threshold, and continues with the rest. Equal scores: the lower index first.

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
    one_class = np.zeros(len(boxes), np.int64)
    return order[_keep_greedily(boxes[order], one_class, iou_threshold, max_kept)]


def _keep_greedily(
    boxes: FloatArray, class_ids: IntArray, iou_threshold: float, max_kept: int
) -> IntArray:
    """Non-maximum suppression of boxes that are in order already; only boxes of one class clash.

    Goes through the boxes in chunks: the first few hundred give most detections, and what comes
    after the last one that is needed is never looked at.
    """
    kept = np.zeros(0, np.int64)
    for start in range(0, len(boxes), CHUNK):
        if len(kept) >= max_kept:
            break
        chunk = np.arange(start, min(start + CHUNK, len(boxes)))
        clash = _clashes(boxes, class_ids, kept, chunk, iou_threshold)
        chunk = chunk[~clash.any(axis=0)]
        clash = _clashes(boxes, class_ids, chunk, chunk, iou_threshold)
        alive = np.ones(len(chunk), np.bool_)
        for index in range(len(chunk)):
            if alive[index]:
                alive[index + 1 :] &= ~clash[index, index + 1 :]
        kept = np.concatenate([kept, chunk[alive]])
    return kept[:max_kept]


def _clashes(
    boxes: FloatArray, class_ids: IntArray, rows: IntArray, columns: IntArray, iou_threshold: float
) -> BoolArray:
    overlap = iou_matrix(boxes[rows], boxes[columns]) > iou_threshold
    clash: BoolArray = overlap & (class_ids[rows][:, None] == class_ids[columns])
    return clash


def vote_boxes(
    boxes: FloatArray, scores: FloatArray, class_ids: IntArray, kept: IntArray, voting_iou: float
) -> FloatArray:
    """Box voting: each kept box becomes the mean, weighted by score, of those that agree with it.

    Dozens of anchors see one object, and the one with the highest score is not the best placed.

    Args:
        boxes: Candidates ``[N, 4]``, clipped, highest score first.
        scores: ``[N]``, >= 0. They are summed in this order, in float32.
        class_ids: ``[N]``.
        kept: Indices of the boxes that suppression kept, ``[K]``.
        voting_iou: A candidate counts for a kept box of its class with ``IoU >= voting_iou``; the
            box itself does.

    Returns:
        ``[K, 4]``: inside the image and with an area, as the candidates are. A box for which no
        other candidate votes stays as it is, bit for bit.

    Reference:
        Gidaris and Komodakis, 2015, "Object detection via a multi-region and semantic
        segmentation-aware CNN model", section 3.4.
    """
    voted = boxes[kept]
    for class_id in np.unique(class_ids[kept]):
        voters = np.flatnonzero(class_ids == class_id)
        weights = scores[voters]
        ballots = [weights, *(weights * corner for corner in boxes[voters].T)]
        places = np.flatnonzero(class_ids[kept] == class_id)
        for some in np.split(places, range(CHUNK, len(places), CHUNK)):
            agree = iou_matrix(boxes[kept[some]], boxes[voters]) >= voting_iou
            rows, columns = np.nonzero(agree)
            sums = np.zeros((len(ballots), len(some)), np.float32)
            for total, ballot in zip(sums, ballots, strict=True):
                np.add.at(total, rows, ballot[columns])  # one after the other, unlike np.sum
            by_others = sums[0] > scores[kept[some]]
            moved = (sums[1:, by_others] / sums[0, by_others]).T
            has_area = box_area(moved) > 0  # rounding may take it from a box without any pixel
            voted[some[by_others][has_area]] = moved[has_area]
    return voted


def select_detections(
    class_scores: FloatArray,
    boxes: FloatArray,
    score_threshold: float,
    nms_iou_threshold: float,
    max_detections: int,
    box_voting_iou: float | None = None,
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
        box_voting_iou: See ``vote_boxes``; None leaves the boxes as suppression kept them.

    Returns:
        The detections, highest score first. Boxes without area are never among them.
    """
    boxes = clip_boxes(boxes)
    candidate = (class_scores[:, 1:] >= score_threshold) & (box_area(boxes) > 0)[:, None]
    class_ids, anchor_ids = np.nonzero(candidate.T)
    scores = class_scores[anchor_ids, class_ids + 1]
    # Going through all classes at once in order of score gives what one class after the other
    # gives, and can stop at the last detection that is needed.
    order = np.argsort(-scores, kind="stable")
    class_ids, anchor_ids, scores = class_ids[order], anchor_ids[order], scores[order]
    boxes = boxes[anchor_ids]
    kept = _keep_greedily(boxes, class_ids, nms_iou_threshold, max_detections)
    if box_voting_iou is None:
        return Detections(boxes[kept], scores[kept], class_ids[kept])
    voted = vote_boxes(boxes, scores, class_ids, kept, box_voting_iou)
    return Detections(voted, scores[kept], class_ids[kept])
