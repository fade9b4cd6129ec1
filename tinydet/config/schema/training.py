"""Section ``training``."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from tinydet.config.detector_spec import ALPHAS, SIDES_PX, AnchorSpec
from tinydet.config.frozen_layers import SUPPORTED as FROZEN_GRAMMAR
from tinydet.config.frozen_layers import parse_frozen_layers
from tinydet.config.schema.callbacks import check_callbacks
from tinydet.config.schema.values import (
    Count,
    File,
    Flag,
    NotNegative,
    Number,
    Pair,
    Positive,
    Section,
    Share,
    Text,
    Whole,
    choice,
    reject,
    show,
    to_list,
    to_loose,
    to_number,
    to_text,
)

Recipe = Literal["tinydet", "published"]
IouLoss = Literal["giou", "diou"]
Size = Literal["standard", "small"]
SIDES = ", ".join(map(str, SIDES_PX))

# By name: "published" depends on the input size (smallest 0.26 of the side at 192 px); "wide" goes
# from a seventh of the side to the whole image, with a second square nearly twice as large as the
# first; "compact" begins at two cells of the first feature map at 192 px: smaller anchors
# lie mostly between two cells.
ANCHOR_PRESETS = {
    "published": AnchorSpec(),
    "wide": AnchorSpec(smallest=(0.14, 0.26), largest=(0.9, 0.98)),
    "compact": AnchorSpec(smallest=(0.09, 0.126), largest=(0.7, 0.85)),
}


@dataclass(frozen=True)
class NetworkSize:
    """What makes a network larger or smaller beside ``alpha``.

    Attributes:
        fpn_channels: Width of the pyramid and of the heads.
        head_depth: Separable blocks of each head.
        deepest_tap: Layer of the backbone with stride 32 where the pyramid begins.
    """

    fpn_channels: int
    head_depth: int
    deepest_tap: str


# "small" ends with the 14th block of MobileNetV2: the layers behind it hold most of the weights.
SIZES = {
    "standard": NetworkSize(fpn_channels=128, head_depth=4, deepest_tap="out_relu"),
    "small": NetworkSize(fpn_channels=48, head_depth=2, deepest_tap="block_14_add"),
}


class AnchorsSection(Section):
    """``training.model.anchors``: see ``AnchorSpec``."""

    smallest: Pair | None = None
    largest: Pair = (0.90, 0.98)
    aspect_ratios: Annotated[
        tuple[Positive, ...], BeforeValidator(to_list), Field(min_length=1)
    ] = AnchorSpec().aspect_ratios

    def spec(self) -> AnchorSpec:
        """The recipe for ``tinydet.anchors``."""
        return AnchorSpec(
            smallest=self.smallest, largest=self.largest, aspect_ratios=self.aspect_ratios
        )


def name_to_anchors(value: Any) -> Any:
    """The content of an anchor recipe that is given by name."""
    if isinstance(value, (dict, AnchorsSection)):
        return value
    name = to_text(value)
    if name not in ANCHOR_PRESETS:
        supported = f"{', '.join(ANCHOR_PRESETS)}, or smallest, largest, aspect_ratios"
        raise reject(show(name), supported, "Choose one of these.")
    return ANCHOR_PRESETS[name].model_dump()


def check_alpha(value: Any) -> float:
    """One of the widths the backbone comes in."""
    alpha = to_number(value)
    if alpha not in ALPHAS:
        raise reject(show(value), ", ".join(map(str, ALPHAS)), "Choose one of these.")
    return alpha


def check_input_shape(value: Any) -> list[Any]:
    """``(height, width, 3)`` with sides the network has anchors for."""
    sides = [int(to_number(side)) for side in to_list(value)]
    if len(sides) != 3 or sides[2] != 3 or any(side not in SIDES_PX for side in sides[:2]):
        supported = f"(height, width, 3) with sides of {SIDES}"
        raise reject(show(str(tuple(sides))).strip("'"), supported, "Choose two of these sides.")
    return sides


class ModelSection(Section):
    """``training.model``: a new network.

    Attributes:
        alpha: Width multiplier of the backbone.
        input_shape: ``(height, width, 3)``, pixels.
        pretrained_weights: ``imagenet`` or a weights file for the backbone; ``person``,
            ``person_192``, ``person_256`` or the ``.keras`` detector of another run for the whole
            network; None for random initialization.
        anchors: Recipe of the anchor grid.
        size: ``small`` is for 512 KB of flash: it leaves out the widest layers of the backbone, and
            pyramid and heads are narrower.
        fpn_channels: Width of the pyramid and of the heads; None: that of the size.
        head_depth: Separable blocks of each head; None: those of the size.
    """

    alpha: Annotated[float, BeforeValidator(check_alpha)] = 0.35
    input_shape: Annotated[tuple[int, int, int], BeforeValidator(check_input_shape)] = (192, 192, 3)
    pretrained_weights: Text | None = None
    anchors: Annotated[AnchorsSection, BeforeValidator(name_to_anchors)] = AnchorsSection()
    size: Annotated[Size, choice(Size)] = "standard"
    fpn_channels: Count | None = None
    head_depth: Count | None = None

    def network_size(self) -> NetworkSize:
        """The numbers of the size, with those that are given instead of its own."""
        size = SIZES[self.size]
        return replace(
            size,
            fpn_channels=self.fpn_channels or size.fpn_channels,
            head_depth=self.head_depth or size.head_depth,
        )


class LossSection(Section):
    """``training.loss``: what differs from the recipe; None takes the recipe's value.

    Attributes:
        positive_iou: Anchors that overlap an object by at least this IoU are positive.
        negative_iou: Anchors below this IoU with every object are background.
        anchors_per_object: For each object, this many of the anchors that overlap it most are
            positive, however small the overlap.
        focal_gamma: How strongly the loss of easy anchors is reduced.
        focal_alpha: Weight of the positive anchors in the class loss.
        quality: How much the score of a positive anchor reflects the fit of its box (0 to 1): it is
            trained towards ``1 - quality * (1 - IoU)``. Scores become lower.
        negatives_per_positive: Only this many of the hardest background anchors of an image count,
            per positive anchor (hard-negative mining, with focal_gamma 0); if left out, all count.
        box_weight: Weight of the smooth L1 box loss relative to the class loss.
        smooth_l1_beta: Box error at which the loss changes from quadratic to linear.
        iou_weight: Weight of the IoU box loss, which is added to the smooth L1 loss.
        iou_loss: Kind of the IoU box loss.
    """

    positive_iou: Share | None = None
    negative_iou: Share | None = None
    anchors_per_object: Count | None = None
    focal_gamma: NotNegative | None = None
    focal_alpha: NotNegative | None = None
    quality: Share | None = None
    negatives_per_positive: Positive | None = None
    box_weight: NotNegative | None = None
    smooth_l1_beta: Positive | None = None
    iou_weight: NotNegative | None = None
    iou_loss: Annotated[IouLoss, choice(IouLoss)] | None = None

    @model_validator(mode="after")
    def negatives_are_below_positives(self) -> "LossSection":
        """Refuse an anchor that would be positive and background at once."""
        positive, negative = self.positive_iou, self.negative_iou
        if positive is not None and negative is not None and negative > positive:
            found = f"negative_iou {negative:g} above positive_iou {positive:g}"
            raise reject(found, "negative_iou <= positive_iou", "Swap the two values.")
        return self

    def given(self) -> dict[str, Any]:
        """The values that were written, by name."""
        return self.model_dump(exclude_none=True)


def check_optimizer(value: Any) -> dict[str, dict[str, Any]]:
    """``{name: arguments}`` from a name, or a mapping with one name."""
    remedy = "Write 'optimizer: {Adam: {learning_rate: 0.001}}' or 'optimizer: Adam'."
    loose = to_loose(value)
    if isinstance(loose, str) and loose.isidentifier():
        return {loose: {}}
    if not isinstance(loose, dict) or len(loose) != 1:
        raise reject(show(value), "a Keras optimizer, or {optimizer: {arguments}}", remedy)
    [(name, arguments)] = loose.items()
    if arguments is not None and not isinstance(arguments, dict):
        raise reject(show(arguments), "arguments by name", remedy)
    return {name: arguments or {}}


class TrainingSection(Section):
    """``training``: how the network learns.

    Attributes:
        model: A new network; None where training starts from a file.
        batch_size: Images per step.
        accumulate: Number of parts in which a step takes its images, one after another: memory for
            one part is enough. The training stays the same, except that batch normalization uses
            the statistics of each part.
        epochs: Passes over the training set.
        optimizer: ``{Keras optimizer: arguments}``, one entry.
        dropout: Share of the features dropped before the predictors; None: no dropout layer.
        teacher_model: Float detector (``.keras``, or a name as ``person_192``) whose outputs are
            learnt beside the labels; with the same classes, input size and anchors.
        teacher_weight: Weight of the loss against the teacher's outputs; None: 1.
        frozen_layers: Layers whose weights stay, see ``parse_frozen_layers``.
        callbacks: ``{Keras callback or LR scheduler: arguments}``.
        trained_model_path: Path of an additional copy of the best model.
        resume_training_from: Run folder (or a file in its saved_models) to continue from.
        recipe: Matching and loss: those of tinydet, or as published.
        batch_norm_momentum: Share of the running averages that is kept in each step. 0.999, the
            value of the backbone, leaves validation AP at 0 in a short run.
        loss: Where the loss differs from the recipe.
        ema_momentum: Share of the running average of the weights that is kept in each step; the
            average is validated and saved. None: no average.
        batch_norm_batches: Number of training batches over which the statistics of batch
            normalization are re-estimated for the saved models; 0 keeps the running averages.
        validation_period: Validate every N epochs, and after the last.
        cache_images: Keep decoded images in memory.
        cache_dir: Folder in which decoded images are kept, for this run and others; None: no such
            folder.
        cache_dir_limit_gb: Maximum size of that folder, GiB. 2 GiB of the disk always stay free.
        largest_image_side: Images are shrunk to this side, px, when they are decoded, which saves
            memory and time. About twice the input size loses nothing; None keeps their size.
        num_workers: Number of threads that prepare images; from 4 on, processes.
        synchronized_batch_norm: If several processes share a batch, normalise by the whole batch
            instead of each share; for shares of fewer than about 8 images.
    """

    model: ModelSection | None = None
    batch_size: Count = 32
    accumulate: Count = 1
    epochs: Count = 100
    optimizer: Annotated[dict[str, dict[str, Any]], BeforeValidator(check_optimizer)] = Field(
        default_factory=lambda: {"Adam": {"learning_rate": 0.001}}
    )
    dropout: Annotated[Number, Field(ge=0, lt=1)] | None = None
    teacher_model: Text | None = None
    teacher_weight: Positive | None = None
    frozen_layers: Text | None = None
    callbacks: Annotated[dict[str, dict[str, Any]], BeforeValidator(check_callbacks)] = Field(
        default_factory=dict
    )
    trained_model_path: File | None = None
    resume_training_from: File | None = None
    recipe: Annotated[Recipe, choice(Recipe)] = "tinydet"
    batch_norm_momentum: Annotated[Number, Field(ge=0, lt=1)] = 0.97
    loss: LossSection = LossSection()
    ema_momentum: Annotated[Number, Field(ge=0, lt=1)] | None = None
    batch_norm_batches: Annotated[Whole, Field(ge=0)] = 0
    validation_period: Count = 1
    cache_images: Flag = True
    cache_dir: File | None = None
    cache_dir_limit_gb: Positive = 50
    largest_image_side: Annotated[Whole, Field(ge=32)] | None = None
    num_workers: Annotated[Whole, Field(ge=0)] = 2
    synchronized_batch_norm: Flag = False

    @field_validator("frozen_layers")
    @classmethod
    def frozen_layers_are_slices(cls, text: str | None) -> str | None:
        """Refuse what ``parse_frozen_layers`` cannot read."""
        try:
            parse_frozen_layers(text or "0")
        except ValueError as error:
            raise reject(show(text or ""), FROZEN_GRAMMAR, f"Correct it: {error}.") from None
        return text

    @model_validator(mode="after")
    def teacher_keys_have_an_effect(self) -> "TrainingSection":
        """Refuse a weight without a teacher, and a teacher where a step does not see it."""
        if self.teacher_model is None and self.teacher_weight is not None:
            found = f"teacher_weight {self.teacher_weight:g} without teacher_model"
            raise reject(found, "both or none", "Name the teacher, or leave the weight out.")
        if self.teacher_model is not None and self.accumulate > 1:
            found = f"accumulate {self.accumulate} with teacher_model"
            raise reject(found, "accumulate 1 with a teacher", "Choose a smaller batch_size.")
        return self

    @property
    def optimizer_name(self) -> str:
        """Name of the Keras optimizer."""
        return next(iter(self.optimizer))

    @property
    def optimizer_arguments(self) -> dict[str, Any]:
        """Arguments of the Keras optimizer."""
        return self.optimizer[self.optimizer_name]
