"""Blocks of the feature pyramid and of the prediction heads."""

from typing import Any

import keras
from keras import layers


class BlockBuilder:
    """Makes the layers that the pyramid and the heads share, with one set of parameters.

    Args:
        batch_norm_momentum: Share of the old moving average kept per step, in (0, 1).
    """

    def __init__(self, batch_norm_momentum: float) -> None:
        self.batch_norm_momentum = batch_norm_momentum

    def batch_norm(self, x: Any, name: str) -> Any:
        """Batch normalization with the epsilon of the backbone."""
        return layers.BatchNormalization(
            momentum=self.batch_norm_momentum, epsilon=1e-3, name=name
        )(x)

    def lateral(self, x: Any, channels: int, name: str) -> Any:
        """1x1 convolution to the width of the pyramid, without activation."""
        x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_conv")(x)
        return self.batch_norm(x, f"{name}_bn")

    def depthwise(self, x: Any, name: str, stride: int = 1) -> Any:
        """Depthwise 3x3 convolution and batch normalization."""
        x = layers.DepthwiseConv2D(
            3, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise"
        )(x)
        return self.batch_norm(x, f"{name}_depthwise_bn")

    def separable(self, x: Any, channels: int, name: str, stride: int = 1) -> Any:
        """Depthwise-separable block: depthwise 3x3, BN, 1x1, BN, relu6."""
        x = self.depthwise(x, name, stride)
        x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_project")(x)
        x = self.batch_norm(x, f"{name}_project_bn")
        return layers.ReLU(6.0, name=f"{name}_relu")(x)


def build_pyramid(taps: list[Any], channels: int, blocks: BlockBuilder) -> list[Any]:
    """Feature pyramid P3 to P7 (strides 8 to 128).

    Top-down: the coarser map, enlarged x2 bilinearly, is added to the lateral of the finer one;
    the sum is passed on to the next finer level, and a depthwise-separable block smooths it for
    the head. P6 and P7 are made from P5 by stride 2.

    Args:
        taps: ``[C3, C4, C5]``.
        channels: Width of every level.
        blocks: Layer factory.

    Returns:
        ``[P3, P4, P5, P6, P7]``.

    Reference:
        Lin et al., 2017, "Feature Pyramid Networks for Object Detection".
    """
    levels = range(3, 6)
    laterals = [
        blocks.lateral(tap, channels, f"fpn_lateral_p{level}")
        for level, tap in zip(levels, taps, strict=True)
    ]
    top_down = laterals[-1]
    pyramid = [top_down]
    for level, lateral in [(4, laterals[1]), (3, laterals[0])]:
        enlarged = layers.UpSampling2D(2, interpolation="bilinear", name=f"fpn_up_p{level}")
        top_down = layers.Add(name=f"fpn_add_p{level}")([lateral, enlarged(top_down)])
        pyramid.insert(0, blocks.separable(top_down, channels, f"fpn_smooth_p{level}"))
    for level in (6, 7):
        pyramid.append(blocks.separable(pyramid[-1], channels, f"fpn_down_p{level}", stride=2))
    return pyramid


def build_head(  # noqa: PLR0913 - the numbers of one head
    x: Any,
    name: str,
    channels: int,
    depth: int,
    outputs: dict[str, tuple[int, Any]],
    blocks: BlockBuilder,
    predictor_batch_norm: bool,
    dropout: float,
) -> dict[str, Any]:
    """Cascade of separable blocks and one predictor per output, for one pyramid level.

    Args:
        x: Feature map ``[B, rows, columns, C]``.
        name: Prefix of the layer names.
        channels: Width of the cascade.
        depth: Blocks in the cascade.
        outputs: Name -> (channels of the predictor, bias initializer).
        blocks: Layer factory.
        predictor_batch_norm: Batch normalization after the predictors' 1x1 (published layout)
            instead of a bias.
        dropout: Share of the features dropped before the predictors while training; 0 adds no
            layer.

    Returns:
        Name -> ``[B, rows, columns, channels]``.
    """
    for index in range(depth):
        x = blocks.separable(x, channels, f"{name}_block{index}")
    if dropout:
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    predicted = {}
    for output, (output_channels, bias) in outputs.items():
        y = blocks.depthwise(x, f"{name}_{output}")
        y = layers.Conv2D(
            output_channels,
            1,
            use_bias=not predictor_batch_norm,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
            bias_initializer=bias,
            name=f"{name}_{output}_project",
        )(y)
        if predictor_batch_norm:
            y = blocks.batch_norm(y, f"{name}_{output}_project_bn")
        predicted[output] = y
    return predicted
