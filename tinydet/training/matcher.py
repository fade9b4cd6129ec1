"""Which anchor learns which object: vectorised over the batch, inside the training step."""

from typing import Any, NamedTuple

from keras import ops

from tinydet.backends import choose_backend

# Columns of the ground truth tensor: the box, the class and what the row is.
PADDING, OBJECT, IGNORED = 0.0, 1.0, 2.0
COVERED_SHARE = 0.5  # an anchor this much inside an ignored region learns nothing


class Assignment(NamedTuple):
    """What every anchor of a batch learns.

    Attributes:
        positive: ``[B, NA]`` bool, learns its object's class and box.
        negative: ``[B, NA]`` bool, learns the background. Neither of the two: ignored.
        class_ids: ``[B, NA]`` int32 class of the object, 0-based; arbitrary where not positive.
        boxes: ``[B, NA, 4]`` box of the object; arbitrary where not positive.
    """

    positive: Any
    negative: Any
    class_ids: Any
    boxes: Any


def match(
    ground_truth: Any,
    anchors: Any,
    positive_iou: float,
    negative_iou: float,
    anchors_per_object: int = 1,
) -> Assignment:
    """Assign objects to anchors by IoU.

    An anchor is positive for the object it overlaps most if that IoU is at least
    ``positive_iou``. Every object also takes its own best anchors, however low the IoU above 0, and
    even where another object overlaps such an anchor more; only where an anchor is among the best
    of several objects the one that overlaps it most has it. Anchors whose best
    IoU lies between the thresholds learn nothing, unless they are positive; nor do those of whose
    area more than half lies inside one ignored region, nor those that would not be background if
    the region were an object: a region may be an object that nobody is sure of, and a small one
    covers no anchor. Of equals the first object or anchor is taken.

    Args:
        ground_truth: ``[B, M, 6]`` ``(x_min, y_min, x_max, y_max, class_id, kind)``, kind one of
            ``PADDING``, ``OBJECT``, ``IGNORED``.
        anchors: ``[NA, 4]``.
        positive_iou: In (0, 1].
        negative_iou: In [0, positive_iou].
        anchors_per_object: How many best anchors an object takes.

    Returns:
        The assignment.

    Reference:
        Liu et al., 2016, "SSD", section 2.2; Lin et al., 2017, "Focal Loss", section 4.
    """
    ground_truth, anchors = ops.convert_to_tensor(ground_truth), ops.convert_to_tensor(anchors)
    gt_boxes, kind = ground_truth[..., :4], ground_truth[..., 5]
    is_object, is_ignored = (ops.equal(kind, which)[..., None] for which in (OBJECT, IGNORED))
    shared, overlap = _overlaps(gt_boxes, anchors)
    overlap = ops.where(ops.logical_or(is_object, is_ignored), overlap, -1.0)
    iou = ops.where(is_object, overlap, -1.0)
    best_iou = ops.max(iou, axis=1)
    matched = ops.argmax(iou, axis=1)

    num_anchors = anchors.shape[0]
    num_best = min(anchors_per_object, num_anchors)
    best_anchors = choose_backend().best_indices(overlap, num_best)[..., None]
    is_best = ops.logical_and(
        ops.any(ops.equal(best_anchors, ops.arange(num_anchors, dtype=best_anchors.dtype)), axis=2),
        overlap > 0,  # an object that no anchor touches has no best one
    )
    is_own = ops.logical_and(is_best, is_object)
    forced = ops.any(is_own, axis=1)
    # Several objects with the same best anchor: the one that overlaps it most.
    matched = ops.where(forced, ops.argmax(ops.where(is_own, iou, -2.0), axis=1), matched)

    positive = ops.logical_or(best_iou >= positive_iou, forced)
    area = _area(anchors)
    touches = ops.logical_or(overlap >= negative_iou, shared / area > COVERED_SHARE)
    in_ignored = ops.any(ops.logical_and(is_ignored, ops.logical_or(touches, is_best)), axis=1)
    negative = ops.logical_not(
        ops.logical_or(ops.logical_or(best_iou >= negative_iou, positive), in_ignored)
    )
    rows = ops.take_along_axis(ground_truth[..., :5], matched[..., None], axis=1)
    return Assignment(positive, negative, ops.cast(rows[..., 4], "int32"), rows[..., :4])


def _area(boxes: Any) -> Any:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _overlaps(gt_boxes: Any, anchors: Any) -> tuple[Any, Any]:
    """Shared area and IoU of ``[B, M, 4]`` and ``[NA, 4]``, each ``[B, M, NA]``."""

    def shared_side(low: int, high: int) -> Any:
        end = ops.minimum(gt_boxes[..., None, high], anchors[:, high])
        return ops.maximum(end - ops.maximum(gt_boxes[..., None, low], anchors[:, low]), 0.0)

    shared = shared_side(0, 2) * shared_side(1, 3)
    union = _area(gt_boxes)[..., None] + _area(anchors) - shared
    return shared, shared / ops.maximum(union, 1e-9)
