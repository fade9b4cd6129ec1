"""Which detection belongs to which object: the step all metrics share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tinydet.boxes import Detections, FloatArray, IntArray

DoubleArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)

HIT, MISS, IGNORED = 1, 0, -1  # what a detection is, at an IoU threshold


@dataclass(frozen=True)
class GroundTruth:
    """The labelled objects of one image.

    Attributes:
        boxes: ``[N, 4]`` float32, ``(x_min, y_min, x_max, y_max)``, fractions of the image.
        class_ids: ``[N]`` int64, 0-based, without the background.
        ignored: ``[N]`` bool: crowds and difficult objects. They need not be found, and what is
            found on them is neither right nor wrong.
    """

    boxes: FloatArray
    class_ids: IntArray
    ignored: BoolArray

    def __len__(self) -> int:
        return len(self.class_ids)

    @property
    def counted(self) -> "GroundTruth":
        """The objects that are not ignored."""
        keep = ~self.ignored
        return GroundTruth(self.boxes[keep], self.class_ids[keep], self.ignored[keep])


@dataclass(frozen=True)
class Matches:
    """Detections of all images, each with the object that it overlaps most.

    What does not depend on the IoU threshold is kept here, so that a list of thresholds costs
    little more than one. Order: class, then falling score, then image, then place in the image.

    Attributes:
        scores: ``[D]``.
        class_ids: ``[D]``, rising.
        image_index: ``[D]``, place of the image in the sequences that were matched.
        best_object: ``[D]``, number of the counted object of this class and image with the
            highest IoU (of equals the first); -1 where there is none.
        best_iou: ``[D]``, that IoU; 0 where there is none.
        ignored_cover: ``[D]``, largest share of the detection's area that lies in one ignored
            object of its class.
        num_objects: ``[num_classes]``, counted objects of each class.
    """

    scores: DoubleArray
    class_ids: IntArray
    image_index: IntArray
    best_object: IntArray
    best_iou: DoubleArray
    ignored_cover: DoubleArray
    num_objects: IntArray

    def outcomes(self, iou_threshold: float) -> IntArray:
        """``HIT``, ``MISS`` or ``IGNORED`` for each detection.

        A detection hits when ``best_iou >= iou_threshold`` and no detection before it has hit
        the same object. One that does not is ignored when ``ignored_cover >= iou_threshold``,
        else it is a miss: a second detection of an object is a miss even where it overlaps
        another, unfound object a little less (the rule of Pascal VOC and of the model zoo).

        Args:
            iou_threshold: In (0, 1].

        Returns:
            ``[D]`` int64.
        """
        claims = np.flatnonzero((self.best_object >= 0) & (self.best_iou >= iou_threshold))
        _, first = np.unique(self.best_object[claims], return_index=True)
        outcomes = np.where(self.ignored_cover >= iou_threshold, IGNORED, MISS).astype(np.int64)
        outcomes[claims[first]] = HIT
        return outcomes

    def class_range(self, class_id: int) -> slice:
        """Where the detections of a class lie."""
        low, high = np.searchsorted(self.class_ids, (class_id, class_id + 1))
        return slice(int(low), int(high))


def overlaps(boxes_a: FloatArray, boxes_b: FloatArray) -> tuple[DoubleArray, DoubleArray]:
    """IoU of each pair, and the share of each box of ``boxes_a`` that each of ``boxes_b`` covers.

    In double precision, so that a quotient such as 2/5 meets the threshold 0.4. No "+1 pixel":
    widths are ``x_max - x_min``.

    Args:
        boxes_a: ``[N, 4]``.
        boxes_b: ``[M, 4]``.

    Returns:
        ``(iou [N, M], cover [N, M])`` in [0, 1], 0 where an area is 0.
    """
    a, b = boxes_a.astype(np.float64), boxes_b.astype(np.float64)
    width = np.minimum(a[:, None, 2], b[:, 2]) - np.maximum(a[:, None, 0], b[:, 0])
    height = np.minimum(a[:, None, 3], b[:, 3]) - np.maximum(a[:, None, 1], b[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    area_a = np.maximum(a[:, 2] - a[:, 0], 0) * np.maximum(a[:, 3] - a[:, 1], 0)
    area_b = np.maximum(b[:, 2] - b[:, 0], 0) * np.maximum(b[:, 3] - b[:, 1], 0)
    union = area_a[:, None] + area_b - shared
    iou = shared / np.where(union > 0, union, 1)
    cover = shared / np.where(area_a > 0, area_a, 1)[:, None]
    return iou, cover


def match_detections(
    detections: Sequence[Detections], ground_truth: Sequence[GroundTruth], num_classes: int
) -> Matches:
    """Find the object that each detection overlaps most, among those of its class and image.

    Args:
        detections: One per image, in any order of scores.
        ground_truth: One per image, in the same order of images.
        num_classes: Without the background.

    Returns:
        The matches of all images.

    Raises:
        ValueError: The two sequences differ in length.
    """
    if len(detections) != len(ground_truth):
        raise ValueError(f"{len(detections)} detections for {len(ground_truth)} images")
    parts = []
    objects_before = 0
    num_objects = np.zeros(num_classes, np.int64)
    for found, truth in zip(detections, ground_truth, strict=True):
        best, best_iou, cover = _match_image(found, truth)
        parts.append((np.where(best >= 0, best + objects_before, -1), best_iou, cover))
        objects_before += len(truth)
        num_objects += np.bincount(truth.class_ids[~truth.ignored], minlength=num_classes)
    scores = _joined([d.scores for d in detections], np.float64)
    class_ids = _joined([d.class_ids for d in detections], np.int64)
    image_index = np.repeat(np.arange(len(detections)), [len(d) for d in detections])
    order = np.lexsort((-scores, class_ids))  # a stable sort: equals stay in order of images
    return Matches(
        scores=scores[order],
        class_ids=class_ids[order],
        image_index=image_index[order].astype(np.int64),
        best_object=_joined([p[0] for p in parts], np.int64)[order],
        best_iou=_joined([p[1] for p in parts], np.float64)[order],
        ignored_cover=_joined([p[2] for p in parts], np.float64)[order],
        num_objects=num_objects,
    )


def _match_image(
    found: Detections, truth: GroundTruth
) -> tuple[IntArray, DoubleArray, DoubleArray]:
    if not len(truth) or not len(found):
        nothing = np.zeros(len(found))
        return np.full(len(found), -1, np.int64), nothing, nothing
    iou, cover = overlaps(found.boxes, truth.boxes)
    same_class = found.class_ids[:, None] == truth.class_ids
    iou = np.where(same_class & ~truth.ignored, iou, -1)
    best = iou.argmax(axis=1)
    best_iou = iou.max(axis=1)
    ignored_cover = np.where(same_class & truth.ignored, cover, 0).max(axis=1)
    return np.where(best_iou >= 0, best, -1), np.maximum(best_iou, 0), ignored_cover


def _joined(parts: Sequence[npt.NDArray[Any]], dtype: type[Scalar]) -> npt.NDArray[Scalar]:
    return np.concatenate(parts).astype(dtype) if parts else np.zeros(0, dtype)
