"""Rounding to the values that int8 codes stand for, as the converter will round."""

from typing import Any

import numpy as np

from tinydet.quantization.folded_network import OUTPUT_CHANNEL_AXIS, Layer
from tinydet.quantization.options import Granularity

STEPS = 255  # between the 256 codes of an activation
NUDGE = 1 / 64  # of a step; resizing by two gives multiples of 1/16
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


def round_pixels(x: Any, low: float, high: float) -> Any:
    """What the codes of the network input stand for: the codes are the pixels.

    The range of the rescaled pixels ends at the codes 0 and 255, and 0 is moved onto a code; all
    values move with it, by up to half a step.

    Args:
        x: Rescaled pixels.
        low: Of a black pixel.
        high: Of a white pixel.
    """
    import tensorflow as tf

    scale = np.float32((high - low) / STEPS)
    zero_point = np.round(np.float32(-low) / scale)  # float32, as the converter: halves decide
    return (tf.round((x - low) / scale) - zero_point) * scale


def round_mixed(x: Any, low: Any, high: Any) -> Any:
    """``round_activation`` of values that lie between codes in equal parts, as resizing gives.

    Halves are frequent there. The int8 kernel rounds them away from code 0 (of -128..127).

    Args:
        x: Weighted means of values that are codes.
        low: Lowest value, <= 0.
        high: Highest value, >= 0.
    """
    import tensorflow as tf

    scale = (high - low) / STEPS
    code = x / scale - tf.round(low / scale) - 128.0
    return round_activation(x + tf.stop_gradient(tf.sign(code)) * (scale * NUDGE), low, high)


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
