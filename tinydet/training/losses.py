"""The training loss: what an anchor costs that has the class or the box wrong."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from tinydet.boxes import FloatArray
from tinydet.training.box_losses import iou, iou_loss, smooth_l1
from tinydet.training.matcher import Assignment, match

SMALLEST_MISS = 1e-7  # about the step of float32 below 1


class DetectionLoss(keras.losses.Loss):  # type: ignore[misc]  # keras ships no types
    """Matches anchors to objects and sums class and box losses, divided by the positives' number.

    ``y_true`` is ``[B, M, 6]`` (see ``match``), ``y_pred`` the network's output
    ``[B, NA, 1 + num_classes + 4]``.

    The class loss is focal cross-entropy of all anchors, or with ``negatives_per_positive`` that
    of the positives and of the worst negatives of each image (hard-negative mining). The score
    that a positive should reach is ``t = 1 - quality * (1 - IoU)``, IoU that of its predicted box
    and its object, ``1 - t`` being the background's: with p the score it costs
    ``|t - p| ** gamma * -(t * log(p) + (1 - t) * log(background))``. The box loss of a positive is
    ``box_weight * smooth L1 + iou_weight * IoU loss``.

    Args:
        anchors: ``[NA, 4]``.
        positive_iou: See ``match``.
        negative_iou: See ``match``.
        anchors_per_object: See ``match``.
        focal_gamma: Exponent that plays down the easy anchors; 0 is plain cross-entropy.
        focal_alpha: Weight of the positives' class loss against that of the background.
        quality: In [0, 1], how much of the score of a positive tells how well its box fits, so
            that of several boxes on one object the best has the highest score; 0 for none of it.
        negatives_per_positive: How many of the negatives with the largest loss count, per positive
            of their image (at least as for one; equals of the last one count, too); None counts
            all.
        box_weight: Weight of the smooth L1 loss of the boxes.
        smooth_l1_beta: Smooth L1 is quadratic below this error (in anchor sides), linear above.
        iou_weight: Weight of the IoU loss of the boxes; 0 leaves it out.
        iou_loss: Its kind, see ``box_losses.iou_loss``.
        sum_over: Adds a number up over the processes that share the batch: the loss is then the
            share of this one, and their sum that of the whole batch.

    Reference:
        Lin et al., 2017, "Focal Loss for Dense Object Detection"; Li et al., 2020, "Generalized
        Focal Loss", section 3.1 (quality); Liu et al., 2016, "SSD", section 2.2 (hard negatives).
    """

    def __init__(  # noqa: PLR0913 - every number of the loss is a parameter
        self,
        anchors: FloatArray,
        *,
        positive_iou: float = 0.5,
        negative_iou: float = 0.4,
        anchors_per_object: int = 1,
        focal_gamma: float = 2.0,
        focal_alpha: float = 1.0,
        quality: float = 0.0,
        negatives_per_positive: float | None = None,
        box_weight: float = 1.0,
        smooth_l1_beta: float = 1 / 9,
        iou_weight: float = 0.0,
        iou_loss: str = "giou",
        sum_over: Callable[[Any], Any] = lambda number: number,
    ) -> None:
        super().__init__(name="detection_loss", reduction=None)
        self.anchors = np.asarray(anchors, np.float32)
        self.positive_iou = positive_iou
        self.negative_iou = negative_iou
        self.anchors_per_object = anchors_per_object
        self.focal_gamma = focal_gamma
        self.focal_alpha = focal_alpha
        self.quality = quality
        self.negatives_per_positive = negatives_per_positive
        self.box_weight = box_weight
        self.smooth_l1_beta = smooth_l1_beta
        self.iou_weight = iou_weight
        self.iou_loss = iou_loss
        self.sum_over = sum_over

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of a batch, a scalar."""
        targets = self._targets(y_true)
        return self._cost(targets, y_pred) / self._count(targets)

    def cost(self, y_true: Any, y_pred: Any) -> Any:
        """What the images cost together, a scalar: their loss times their ``count``."""
        return self._cost(self._targets(y_true), y_pred)

    def count(self, y_true: Any) -> Any:
        """Number of positives, at least 1, over the processes that share the batch; a scalar."""
        return self._count(self._targets(y_true))

    def _targets(self, y_true: Any) -> Assignment:
        anchors = ops.convert_to_tensor(self.anchors)
        return match(y_true, anchors, self.positive_iou, self.negative_iou, self.anchors_per_object)

    def _count(self, targets: Assignment) -> Any:
        return ops.maximum(self.sum_over(ops.sum(ops.cast(targets.positive, "float32"))), 1.0)

    def _cost(self, targets: Assignment, y_pred: Any) -> Any:
        anchors = ops.convert_to_tensor(self.anchors)
        positive = ops.cast(targets.positive, "float32")
        negative = ops.cast(targets.negative, "float32")

        num_scores = y_pred.shape[-1] - 4
        box_deltas = ops.cast(y_pred[..., num_scores:], "float32")
        unit = ops.concatenate([anchors[:, 2:] - anchors[:, :2]] * 2, axis=-1)
        target_deltas = (targets.boxes - anchors) / unit

        labels = ops.where(targets.positive, targets.class_ids + 1, 0)
        wanted = 1.0
        if self.quality:
            fit = iou(ops.stop_gradient(box_deltas), target_deltas)
            wanted = 1.0 - self.quality * (1.0 - fit) * positive
        focal = self._focal(ops.cast(y_pred[..., :num_scores], "float32"), labels, wanted)
        if self.negatives_per_positive is not None:
            negative = negative * self._is_hard(focal * negative, positive)
        class_loss = ops.sum(focal * (positive * self.focal_alpha + negative))

        box_loss = self._box(box_deltas, target_deltas)
        # Not a product: what stands at an anchor without an object may be anything.
        box_loss = ops.sum(ops.where(targets.positive, box_loss, 0.0))
        return class_loss + box_loss

    def _focal(self, class_logits: Any, labels: Any, wanted: Any) -> Any:
        """Focal cross-entropy of every anchor, ``[B, NA]``; ``wanted`` is the label's score."""
        log_scores = ops.log_softmax(class_logits, axis=-1)
        log_score = ops.sum(log_scores * ops.one_hot(labels, class_logits.shape[-1]), axis=-1)
        # Not 0: the slope of a power below 1 is infinite there, and infinity * 0 is nan.
        miss = ops.maximum(ops.abs(wanted - ops.exp(log_score)), SMALLEST_MISS)
        cross_entropy = -wanted * log_score - (1.0 - wanted) * log_scores[..., 0]
        return cross_entropy * ops.power(miss, self.focal_gamma)

    def _is_hard(self, negative_loss: Any, positive: Any) -> Any:
        """1 for the negatives of each image that cost most, else 0, ``[B, NA]``."""
        positives = ops.maximum(ops.sum(positive, axis=1, keepdims=True), 1.0)
        wanted = ops.cast(ops.ceil(positives * self.negatives_per_positive), "int32")
        falling = -ops.sort(-negative_loss, axis=1)
        last = ops.clip(wanted - 1, 0, negative_loss.shape[1] - 1)
        smallest = ops.stop_gradient(ops.take_along_axis(falling, last, axis=1))
        return ops.cast(negative_loss >= smallest, "float32")

    def _box(self, box_deltas: Any, target_deltas: Any) -> Any:
        """Weighted box loss of every anchor, ``[B, NA]``."""
        loss = self.box_weight * smooth_l1(box_deltas, target_deltas, self.smooth_l1_beta)
        if self.iou_weight:
            loss = loss + self.iou_weight * iou_loss(box_deltas, target_deltas, self.iou_loss)
        return loss
