"""How far a predicted box is from its object, per anchor.

Both kinds of loss take corner offsets in units of the anchor's sides (``encode_boxes``), where the
anchor itself is the unit square: IoU and GIoU are the same there as in the image.
"""

from typing import Any

from keras import ops

IOU_LOSSES = ("giou", "diou")
SMALLEST_AREA = 1e-7  # of a union; keeps the quotient finite where both boxes are empty


def smooth_l1(box_deltas: Any, target_deltas: Any, beta: float) -> Any:
    """Sum over the four corner offsets: ``e**2 / (2 * beta)`` for e < beta, else ``e - beta / 2``.

    Args:
        box_deltas: ``[..., 4]``, predicted.
        target_deltas: ``[..., 4]``, of the object.
        beta: Error where the loss turns from square to linear, > 0.

    Returns:
        ``[...]``, >= 0.

    Reference:
        Girshick, 2015, "Fast R-CNN", section 2.3.
    """
    error = ops.abs(target_deltas - box_deltas)
    return ops.sum(ops.where(error < beta, 0.5 * error * error / beta, error - 0.5 * beta), axis=-1)


def iou(box_deltas: Any, target_deltas: Any) -> Any:
    """IoU of the predicted box and the object's.

    Args:
        box_deltas: ``[..., 4]``, predicted.
        target_deltas: ``[..., 4]``, of the object.

    Returns:
        ``[...]``, in [0, 1].
    """
    shared, union = _shared_and_union(box_deltas, target_deltas)
    return shared / ops.maximum(union, SMALLEST_AREA)


def iou_loss(box_deltas: Any, target_deltas: Any, kind: str) -> Any:
    """``1 - IoU``, and a penalty that has a slope where the boxes do not meet.

    ``giou`` adds the share of the enclosing box that neither of the two covers; ``diou`` the
    squared distance of the centres, over that of the enclosing box's corners. A predicted box that
    is turned inside out (``x_max < x_min``) counts as empty.

    Args:
        box_deltas: ``[..., 4]``, predicted.
        target_deltas: ``[..., 4]``, of the object; its box is not empty.
        kind: One of ``IOU_LOSSES``.

    Returns:
        ``[...]``, in [0, 2].

    Reference:
        Rezatofighi et al., 2019, "Generalized Intersection over Union"; Zheng et al., 2020,
        "Distance-IoU Loss".
    """
    low, high = _corners(box_deltas)
    target_low, target_high = _corners(target_deltas)
    shared, union = _shared_and_union(box_deltas, target_deltas)
    miss = 1.0 - shared / ops.maximum(union, SMALLEST_AREA)
    # Over all four corners: also the box that is turned inside out lies in it.
    first = ops.minimum(ops.minimum(low, high), target_low)
    last = ops.maximum(ops.maximum(low, high), target_high)
    if kind == "giou":
        enclosing = ops.maximum(_area(last - first), SMALLEST_AREA)
        return miss + (enclosing - union) / enclosing
    apart = (low + high - target_low - target_high) / 2
    diagonal = ops.maximum(ops.sum(ops.square(last - first), axis=-1), SMALLEST_AREA)
    return miss + ops.sum(ops.square(apart), axis=-1) / diagonal


def _corners(deltas: Any) -> tuple[Any, Any]:
    """``(x_min, y_min)`` and ``(x_max, y_max)`` where the anchor is the unit square."""
    return deltas[..., :2], deltas[..., 2:] + 1.0


def _shared_and_union(box_deltas: Any, target_deltas: Any) -> tuple[Any, Any]:
    low, high = _corners(box_deltas)
    target_low, target_high = _corners(target_deltas)
    shared = _area(ops.minimum(high, target_high) - ops.maximum(low, target_low))
    return shared, _area(high - low) + _area(target_high - target_low) - shared


def _area(sides: Any) -> Any:
    """Product of width and height ``[..., 2]``; 0 where one of them is negative."""
    sides = ops.maximum(sides, 0.0)
    return sides[..., 0] * sides[..., 1]
