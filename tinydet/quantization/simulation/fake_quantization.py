"""Rounding to the values that int8 codes stand for, as the converter will round."""

from typing import Any

from tinydet.quantization.folded_network import OUTPUT_CHANNEL_AXIS, Layer
from tinydet.quantization.options import Granularity

LARGEST_CODE = 127.0  # of a weight; -128 is not used, so that codes are symmetric
SMALLEST_SCALE = 1e-12  # of weights that are all 0


def round_activation(x: Any, low: Any, high: Any) -> Any:
    """The nearest of the 256 values of an activation; outside the range the nearest end.

    ``scale = (high - low) / 255``, and 0 is moved onto a code. Differentiable: the slope is 1
    inside the range and 0 outside, where it goes to the end instead.

    Args:
        x: Any shape.
        low: Lowest value, <= 0.
        high: Highest value, >= 0.
    """
    import tensorflow as tf

    return tf.quantization.fake_quant_with_min_max_vars(x, low, high, num_bits=8)


def round_kernel(layer: Layer, kernel: Any, granularity: Granularity) -> Any:
    """The nearest of the 255 values of a weight, ``scale = largest absolute value / 127``.

    Differentiable: the slope is 1 (straight-through estimator).

    Args:
        layer: ``CONV_2D`` or ``DEPTHWISE_CONV_2D``.
        kernel: As in the file.
        granularity: One scale per output channel, or one.
    """
    import tensorflow as tf

    channel = OUTPUT_CHANNEL_AXIS[layer.kind]
    axes = [axis for axis in range(4) if granularity == "per_tensor" or axis != channel]
    largest = tf.reduce_max(tf.abs(kernel), axes, keepdims=True)
    scale = tf.maximum(largest / LARGEST_CODE, SMALLEST_SCALE)
    return kernel + tf.stop_gradient(tf.round(kernel / scale) * scale - kernel)
