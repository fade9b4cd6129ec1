"""The whole network: image in, class logits and box deltas of every anchor out."""

from math import log
from typing import Any

import keras
import numpy as np
from keras import layers

from tinydet.model.backbone import DEEPEST_TAP, build_backbone
from tinydet.model.fpn import BlockBuilder, build_head, build_pyramid
from tinydet.model.trained_start import detector_to_start_from, start_from_detector

OUTPUT_LAYER = "class_logits_and_box_deltas"
PRIOR_PROBABILITY = 0.01  # of an object at an anchor before training; keeps the first steps calm


def build_detector(  # noqa: PLR0913 - every number of the network is a parameter
    height: int,
    width: int,
    num_classes: int,
    *,
    alpha: float = 0.35,
    pretrained_weights: str | None = None,
    anchors_per_cell: int = 5,
    fpn_channels: int = 128,
    head_depth: int = 4,
    deepest_tap: str = DEEPEST_TAP,
    predictor_batch_norm: bool = False,
    batch_norm_momentum: float = 0.97,
    dropout: float = 0.0,
) -> keras.Model:
    """Build SSD MobileNetV2 FPN-lite.

    Args:
        height: Input height, pixels, a multiple of 32.
        width: Input width, pixels, a multiple of 32.
        num_classes: Without the background.
        alpha: Width multiplier of the backbone.
        pretrained_weights: Of the backbone, see ``build_backbone``; or a trained detector to start
            the whole network from: a ``.keras`` file or a name of ``tinydet.pretrained``, see
            ``start_from_detector``.
        anchors_per_cell: Predictions per feature map cell.
        fpn_channels: Width of the pyramid and of the heads.
        head_depth: Depthwise-separable blocks per head.
        deepest_tap: Layer of the backbone with stride 32 where the pyramid begins; an earlier one
            than the last leaves out the widest layers.
        predictor_batch_norm: The published layout has batch normalization after the predictors;
            without it training is faster and AP is higher.
        batch_norm_momentum: Of every batch normalization.
        dropout: Share dropped before the predictors while training.

    Returns:
        Model from ``[B, height, width, 3]`` (rescaled pixels) to ``[B, NA, 1 + num_classes + 4]``:
        class logits, background first, then box deltas, anchors in the order of
        ``tinydet.anchors``. The name tells size and width: ``ssd_mobilenetv2_fpnlite_192_a035``.

    Raises:
        ModelFileError: ``pretrained_weights`` cannot be loaded.
        UnsupportedError: They are those of a detector with another ``alpha``.
    """
    start = detector_to_start_from(pretrained_weights, height, width)
    inputs = keras.Input((height, width, 3), name="image")
    blocks = BlockBuilder(batch_norm_momentum)
    backbone_weights = None if start else pretrained_weights
    taps = build_backbone(inputs, alpha, backbone_weights, batch_norm_momentum, deepest_tap)
    pyramid = build_pyramid(taps, fpn_channels, blocks)
    num_scores = 1 + num_classes
    outputs = {
        "class": (anchors_per_cell * num_scores, _class_bias(anchors_per_cell, num_classes)),
        "box": (anchors_per_cell * 4, "zeros"),
    }
    columns = {"class": num_scores, "box": 4}
    rows: dict[str, list[Any]] = {"class": [], "box": []}
    for level, features in enumerate(pyramid, start=3):
        predicted = build_head(
            features,
            f"head_p{level}",
            fpn_channels,
            head_depth,
            outputs,
            blocks,
            predictor_batch_norm,
            dropout,
        )
        for output, y in predicted.items():
            flat = layers.Reshape((-1, columns[output]), name=f"head_p{level}_{output}_rows")
            rows[output].append(flat(y))
    class_logits = layers.Concatenate(axis=1, name="class_logits")(rows["class"])
    box_deltas = layers.Concatenate(axis=1, name="box_deltas")(rows["box"])
    joined = layers.Concatenate(axis=2, name=OUTPUT_LAYER)([class_logits, box_deltas])
    model = keras.Model(inputs, joined, name=_model_name(height, width, alpha, deepest_tap))
    if start:
        start_from_detector(model, start)
    return model


def split_outputs(model: keras.Model) -> keras.Model:
    """The same network with class logits and box deltas as two outputs.

    Quantization needs them apart: in one int8 tensor both would share one scale.

    Args:
        model: A model of ``build_detector``, also after saving and loading.

    Returns:
        Model with the outputs ``[class_logits, box_deltas]``; shares all weights.
    """
    return keras.Model(model.inputs, list(model.get_layer(OUTPUT_LAYER).input))


def _class_bias(anchors_per_cell: int, num_classes: int) -> Any:
    """Bias so that softmax starts with the prior probability spread over the classes."""
    background = log((1 - PRIOR_PROBABILITY) / (PRIOR_PROBABILITY / num_classes))
    bias = np.tile([background] + [0.0] * num_classes, anchors_per_cell)
    return keras.initializers.Constant(bias.tolist())


def _model_name(height: int, width: int, alpha: float, deepest_tap: str) -> str:
    kind = "" if deepest_tap == DEEPEST_TAP else "small_"
    size = f"{height}" if height == width else f"{height}x{width}"
    return f"ssd_mobilenetv2_fpnlite_{kind}{size}_a{round(100 * alpha):03d}"
