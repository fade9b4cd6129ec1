"""The training loss: focal cross-entropy of the classes, smooth L1 of the boxes."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tinydet.boxes import FloatArray
from tinydet.training.matcher import match

SMALLEST_MISS = 1e-7  # about the step of float32 below 1


class DetectionLoss(keras.losses.Loss):  # type: ignore[misc]  # keras ships no types
    """Matches anchors to objects and sums both losses, divided by the number of positives.

    ``y_true`` is ``[B, M, 6]`` (see ``match``), ``y_pred`` the network's output
    ``[B, NA, 1 + num_classes + 4]``.

    Args:
        anchors: ``[NA, 4]``.
        positive_iou: See ``match``.
        negative_iou: See ``match``.
        focal_gamma: Exponent that plays down the easy anchors; 0 is plain cross-entropy.
        focal_alpha: Weight of the positives' class loss against that of the background.
        box_weight: Weight of the box loss.
        smooth_l1_beta: The box loss is quadratic below this error (in anchor sides), linear above.

    Reference:
        Lin et al., 2017, "Focal Loss for Dense Object Detection".
    """

    def __init__(
        self,
        anchors: FloatArray,
        *,
        positive_iou: float = 0.5,
        negative_iou: float = 0.4,
        focal_gamma: float = 2.0,
        focal_alpha: float = 1.0,
        box_weight: float = 1.0,
        smooth_l1_beta: float = 1 / 9,
    ) -> None:
        super().__init__(name="detection_loss", reduction=None)
        self.anchors = np.asarray(anchors, np.float32)
        self.positive_iou = positive_iou
        self.negative_iou = negative_iou
        self.focal_gamma = focal_gamma
        self.focal_alpha = focal_alpha
        self.box_weight = box_weight
        self.smooth_l1_beta = smooth_l1_beta

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of a batch, a scalar."""
        anchors = ops.convert_to_tensor(self.anchors)
        targets = match(y_true, anchors, self.positive_iou, self.negative_iou)
        positive = ops.cast(targets.positive, "float32")
        negative = ops.cast(targets.negative, "float32")
        count = ops.maximum(ops.sum(positive), 1.0)

        num_scores = y_pred.shape[-1] - 4
        log_scores = ops.log_softmax(ops.cast(y_pred[..., :num_scores], "float32"), axis=-1)
        labels = ops.where(targets.positive, targets.class_ids + 1, 0)
        log_score = ops.sum(log_scores * ops.one_hot(labels, num_scores), axis=-1)
        # Not 0: the slope of a power below 1 is infinite there, and infinity * 0 is nan.
        miss = ops.maximum(1.0 - ops.exp(log_score), SMALLEST_MISS)
        focal = -log_score * ops.power(miss, self.focal_gamma)
        class_loss = ops.sum(focal * (positive * self.focal_alpha + negative))

        unit = ops.concatenate([anchors[:, 2:] - anchors[:, :2]] * 2, axis=-1)
        error = ops.abs(
            (targets.boxes - anchors) / unit - ops.cast(y_pred[..., num_scores:], "float32")
        )
        beta = self.smooth_l1_beta
        smooth = ops.where(error < beta, 0.5 * error * error / beta, error - 0.5 * beta)
        box_loss = ops.sum(ops.sum(smooth, axis=-1) * positive)
        return (class_loss + self.box_weight * box_loss) / count
