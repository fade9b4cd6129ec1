"""Bias correction: taking the mean error that rounding causes out of every channel.

Rounded weights shift the mean of a channel, and the shift runs through the network. Here the float
and the rounded network are computed side by side on the calibration images, layer by layer; what
the rounded channel is off on average is subtracted from its bias before the next layer is looked
at. Where relu or relu6 cuts, an error does no harm and does not count.

Reference:
    Nagel et al., 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction",
    section 4.2.1.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinydet.boxes import FloatArray
from tinydet.progress import track
from tinydet.quantization.folded_network import FoldedNetwork, Layer, Range
from tinydet.quantization.options import Granularity
from tinydet.quantization.simulation.fake_quantization import (
    round_activation,
    round_kernel,
    round_pixels,
)
from tinydet.quantization.simulation.operators import activate, compute_layer, convolve

MAX_IMAGES = 32  # their activations are in memory at once
FEWEST_VALUES = 64  # that are not cut, for a mean to say something


def correct_biases(
    network: FoldedNetwork,
    ranges: Mapping[int, Range],
    images: Sequence[FloatArray],
    granularity: Granularity,
) -> dict[str, float]:
    """Change the biases so that the mean of every channel stays that of the float network.

    Args:
        network: Changed in place.
        ranges: Of every activation.
        images: Rescaled images ``[1, H, W, 3]``.
        granularity: Of the weight scales.

    Returns:
        Layer -> largest change of a bias, in steps of the layer's output.
    """
    import tensorflow as tf

    batch = tf.constant(np.concatenate(images[:MAX_IMAGES]))
    exact = {network.input: batch}
    rounded = {network.input: round_pixels(batch, *ranges[network.input])}
    last_reader = {tensor: layer for layer in network.layers for tensor in layer.inputs}
    changes = {}
    for layer in track(network.layers, "Correcting biases"):
        low, high = ranges[layer.output]
        exact[layer.output] = compute_layer(network, layer, [exact[t] for t in layer.inputs])
        if layer.kernel is not None:
            shift = _mean_error(network, layer, exact, rounded, granularity)
            network.set_values(layer.bias, network.values(layer.bias) - shift)
            changes[layer.name] = float(np.abs(shift).max() * 255 / (high - low))
        y = compute_layer(network, layer, [rounded[t] for t in layer.inputs], granularity)
        rounded[layer.output] = round_activation(y, low, high)
        for tensor in {t for t in layer.inputs if last_reader[t] is layer}:
            del exact[tensor], rounded[tensor]
    return changes


def _mean_error(
    network: FoldedNetwork,
    layer: Layer,
    exact: Mapping[int, Any],
    rounded: Mapping[int, Any],
    granularity: Granularity,
) -> FloatArray:
    """Mean of rounded minus exact per channel, where the exact value is not cut."""
    import tensorflow as tf

    kernel, bias = network.values(layer.kernel), network.values(layer.bias)
    wanted = convolve(layer, exact[layer.inputs[0]], kernel, bias)
    found = convolve(
        layer, rounded[layer.inputs[0]], round_kernel(layer, kernel, granularity), bias
    )
    counts = tf.cast(tf.equal(activate(layer, wanted), wanted), tf.float32)
    number = tf.reduce_sum(counts, (0, 1, 2))
    error = tf.reduce_sum((found - wanted) * counts, (0, 1, 2)) / tf.maximum(number, 1.0)
    return np.asarray(tf.where(number < FEWEST_VALUES, 0.0, error))
