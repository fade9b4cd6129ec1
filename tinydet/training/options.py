"""What a training takes and what it leaves behind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Attributes:
        epochs: Passes over the training set.
        batch_size: Images per step.
        accumulate: In how many parts a step takes its images, one after another.
        optimizer: Name of any Keras optimizer.
        optimizer_arguments: Its arguments.
        recipe: Name of the matching and loss, see ``RECIPES``.
        loss: What differs from the recipe, arguments of ``DetectionLoss``.
        ema_momentum: Share of the running average of the weights that a step keeps; the average
            is what is validated and saved. None keeps no average.
        batch_norm_batches: Training batches over which the statistics of batch normalization are
            measured again for the saved models; 0 keeps the moving averages of training.
        teacher_model: Float detector to learn from beside the labels, see
            ``tinydet.training.distillation``; None for none.
        teacher_weight: Of the loss against its outputs.
        frozen_layers: Which layers do not learn, as ``"(0:-1)"``; None freezes none.
        callbacks: Keras callbacks and schedules by name, with arguments.
        iou_threshold: Of the validation AP.
        validation_period: Validate every so many epochs.
        seed: Of everything random.
        num_workers: Threads that prepare batches; from 4 on, processes.
        cache_images: Keep decoded images in memory while there is room.
        cache_dir: Where decoded images are kept on disk; None for nowhere.
        cache_dir_limit_bytes: Most that is kept there.
        largest_image_side: Images are shrunk to it when they are decoded, pixels; None for not.
        precision: Of the arithmetic, see ``tinydet.training.precision``.
        synchronized_batch_norm: Normalise by the statistics of the whole batch where several
            processes share it.
    """

    epochs: int
    batch_size: int = 32
    accumulate: int = 1
    optimizer: str = "Adam"
    optimizer_arguments: Mapping[str, Any] = field(default_factory=dict)
    recipe: str = "tinydet"
    loss: Mapping[str, Any] = field(default_factory=dict)
    ema_momentum: float | None = None
    batch_norm_batches: int = 0
    teacher_model: Path | None = None
    teacher_weight: float = 1.0
    frozen_layers: str | None = None
    callbacks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    iou_threshold: float = 0.4
    validation_period: int = 1
    seed: int = 123
    num_workers: int = 2
    cache_images: bool = True
    cache_dir: Path | None = None
    cache_dir_limit_bytes: int = 50 << 30
    largest_image_side: int | None = None
    precision: str = "none"
    synchronized_batch_norm: bool = False


@dataclass(frozen=True)
class TrainingResult:
    """What training left behind.

    Attributes:
        best_model: Float model of the best epoch.
        last_model: Float model of the last epoch.
        best_epoch: From 1.
        best_value: Of the metric that decides which is best.
        monitor: That metric.
        seconds: Time of this run, without what went before a resume.
        images_per_second: Training throughput, data included, over this run.
    """

    best_model: Path
    last_model: Path
    best_epoch: int
    best_value: float
    monitor: str
    seconds: float
    images_per_second: float


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
