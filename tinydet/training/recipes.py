"""Named ways to train: how anchors are matched and what the loss weighs."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """One way to train.

    Attributes:
        loss: Arguments of ``DetectionLoss``.
        predictor_batch_norm: See ``build_detector``.
    """

    loss: dict[str, Any] = field(default_factory=dict)
    predictor_batch_norm: bool = False


RECIPES = {
    # With its best anchor alone, a small object is learnt by one anchor and a large one by dozens.
    "tinydet": Recipe(loss={"anchors_per_object": 4}),
    # The published formulation: focal loss with alpha 1 and gamma 0.25, smooth L1 with sigma 0.5
    # (beta = 1 / sigma**2), positives from IoU 0.5, background below 0.3.
    "published": Recipe(
        loss={
            "positive_iou": 0.5,
            "negative_iou": 0.3,
            "focal_gamma": 0.25,
            "focal_alpha": 1.0,
            "smooth_l1_beta": 4.0,
        },
        predictor_batch_norm=True,
    ),
}
