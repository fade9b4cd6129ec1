"""Channels that never change: their weights say nothing, but they cost accuracy.

A channel that batch norm has switched off in training has a variance near 0, and folding divides
the weights by its root. They then are the largest of the layer by far, although relu6 cuts off
all they compute. With one scale per layer they take the steps of all other channels.
"""

from collections.abc import Iterable

import numpy as np

from tinydet.boxes import BoolArray, FloatArray
from tinydet.inference.tflite_file import run_with_tensors
from tinydet.progress import track
from tinydet.quantization.folded_network import (
    CONV,
    INPUT_CHANNEL_AXIS,
    OUTPUT_CHANNEL_AXIS,
    FoldedNetwork,
    Layer,
    along,
)

Extremes = dict[int, tuple[FloatArray, FloatArray]]


def channel_extremes(
    network: FoldedNetwork, images: Iterable[FloatArray], tensors: Iterable[int]
) -> Extremes:
    """Run the network and keep the extremes.

    Args:
        network: The folded float network.
        images: Rescaled images ``[1, H, W, 3]``, at least one.
        tensors: ``[1, rows, columns, C]`` each.

    Returns:
        Tensor -> ``(lowest [C], highest [C])``.
    """
    wanted = list(tensors)
    found: Extremes = {}
    for values_of in run_with_tensors(network.content(), track(images, "Observing channels")):
        for tensor in wanted:
            values = values_of(tensor)
            low, high = values.min(axis=(0, 1, 2)), values.max(axis=(0, 1, 2))
            if tensor in found:
                low = np.minimum(low, found[tensor][0])
                high = np.maximum(high, found[tensor][1])
            found[tensor] = low, high
    return found


TOLERANCE = 1e-5  # of the layer's range: 1/40 of the step between two codes


def constant_channels(extremes: tuple[FloatArray, FloatArray]) -> BoolArray:
    """Which channels of a layer take one value only.

    Args:
        extremes: Lowest and highest value per channel.

    Returns:
        ``[C]``.
    """
    low, high = extremes
    reach = max(float(high.max()), 0.0) - min(float(low.min()), 0.0)
    return np.asarray(high - low <= TOLERANCE * reach)


def clear_constant_channels(network: FoldedNetwork, extremes: Extremes) -> dict[str, int]:
    """Set the weights of constant channels to 0 and their bias to the constant.

    Where the constant is 0, the weights with which other convolutions read it go as well. What the
    network computes on the observed images stays the same.

    Args:
        network: Changed in place.
        extremes: Of the outputs of all convolutions.

    Returns:
        Layer -> number of channels cleared.
    """
    cleared = {}
    for layer in network.convolutions:
        constant = constant_channels(extremes[layer.output])
        if constant.any():
            value = (extremes[layer.output][0] + extremes[layer.output][1]) / 2
            _clear(network, layer, constant, np.asarray(value, np.float32))
            cleared[layer.name] = int(constant.sum())
    return cleared


def _clear(network: FoldedNetwork, layer: Layer, constant: BoolArray, value: FloatArray) -> None:
    _keep_weights(network, layer, ~constant, OUTPUT_CHANNEL_AXIS[layer.kind])
    network.set_values(layer.bias, np.where(constant, value, network.values(layer.bias)))
    zero = constant & (np.abs(value) == 0)
    for reader in network.readers(layer.output):
        if reader.kind == CONV and zero.any():
            _keep_weights(network, reader, ~zero, INPUT_CHANNEL_AXIS)


def _keep_weights(network: FoldedNetwork, layer: Layer, kept: BoolArray, axis: int) -> None:
    kernel = network.values(layer.kernel)
    network.set_values(layer.kernel, kernel * along(kept.astype(np.float32), axis, kernel.ndim))
