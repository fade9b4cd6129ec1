"""MobileNetV2 without its classifier, tapped at strides 8, 16 and 32."""

from pathlib import Path
from typing import Any

import keras

from tinydet.errors import ModelFileError, first_line, near_name
from tinydet.pretrained import NAMES, STARTS

FINER_TAPS = ("block_5_add", "block_12_add")  # C3, C4
DEEPEST_TAP = "out_relu"  # C5
IMAGENET = "imagenet"


def build_backbone(
    inputs: Any,
    alpha: float,
    pretrained_weights: str | None,
    batch_norm_momentum: float,
    deepest_tap: str = DEEPEST_TAP,
) -> list[Any]:
    """Put MobileNetV2 on an input tensor.

    Args:
        inputs: Keras tensor ``[B, H, W, 3]``, already rescaled.
        alpha: Width multiplier.
        pretrained_weights: ``"imagenet"`` (Keras downloads or has cached them), the path of a
            weights file of this backbone, or None for random weights.
        batch_norm_momentum: Of every batch normalization. Keras' own 0.999 needs thousands of
            steps before the moving averages mean anything, and validation AP stays at 0 until
            then.
        deepest_tap: Layer of stride 32 that is C5; the network has none of the layers behind it.

    Returns:
        Keras tensors ``[C3, C4, C5]``.

    Raises:
        ModelFileError: The weights cannot be had or do not fit.

    Reference:
        Sandler et al., 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks".
    """
    backbone = keras.applications.MobileNetV2(
        input_tensor=inputs, alpha=alpha, include_top=False, weights=None
    )
    if pretrained_weights is not None:
        _load_weights(backbone, alpha, pretrained_weights)
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = batch_norm_momentum
    return [backbone.get_layer(name).output for name in (*FINER_TAPS, deepest_tap)]


def _load_weights(backbone: Any, alpha: float, pretrained_weights: str) -> None:
    if pretrained_weights != IMAGENET and not Path(pretrained_weights).is_file():
        hint = near_name(pretrained_weights, (IMAGENET, *NAMES))
        raise ModelFileError(
            pretrained_weights,
            "there is no such weights file",
            f"Correct training.model.pretrained_weights (imagenet, None, {STARTS}, or a file)."
            f"{hint}",
        )
    try:
        if pretrained_weights == IMAGENET:
            donor = keras.applications.MobileNetV2(
                input_shape=(224, 224, 3), alpha=alpha, include_top=False, weights=IMAGENET
            )
            backbone.set_weights(donor.get_weights())
        else:
            backbone.load_weights(pretrained_weights)
    except Exception as error:  # Keras raises anything here: bare Exception for a failed download
        raise ModelFileError(
            f"training.model.pretrained_weights: {pretrained_weights}",
            f"cannot be loaded into MobileNetV2 alpha {alpha} without classifier "
            f"({first_line(error)})",
            "Give a matching no-top weights file, or None to start from random weights "
            "(--pretrained None).",
        ) from None
