"""Cross-layer equalization: moving scale from one layer's channels to the next layer's weights.

Where a convolution computes ``y`` and others read it, channel ``c`` of ``y`` may be divided by any
``s[c] > 0`` if the weights that read it are multiplied by ``s[c]``: the network computes the same.
That evens out the ranges of channels which share one scale after quantization.

relu6 lets a factor through only below its edge: ``relu6(y / s) * s`` is ``min(relu(y), 6 s)``. So
a channel that reaches 6 on the calibration images keeps ``s = 1``, and ``s`` of the others is
bounded so that they stay below 6.

Reference:
    Nagel et al., 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction".
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tinydet.boxes import FloatArray
from tinydet.quantization.folded_network import (
    CONV,
    DEPTHWISE,
    INPUT_CHANNEL_AXIS,
    OUTPUT_CHANNEL_AXIS,
    FoldedNetwork,
    Layer,
    along,
    channel_maxima,
)
from tinydet.quantization.optimization.constant_channels import Extremes

PASSES_SCALE_ON = ("ADD", "RESIZE_BILINEAR", "PAD")  # linear, channel by channel
EDGE = 6.0  # of relu6
HEADROOM = 1.2  # other images may exceed what was seen by this much before relu6 cuts
ROUNDS = 20
LARGEST_FACTOR = 64.0


@dataclass(frozen=True)
class ScaledTogether:
    """Tensors whose channels must be divided by the same factors, as along residual adds.

    Attributes:
        producers: Convolutions that compute them.
        readers: Convolutions that read them.
    """

    producers: tuple[Layer, ...]
    readers: tuple[Layer, ...]


def equalize(network: FoldedNetwork, extremes: Extremes) -> dict[str, float]:
    """Even out the ranges of channels, for weights with one scale per convolution.

    With a scale per output channel it is of no use: what a layer's outputs gain, the weights that
    read them lose.

    Args:
        network: Changed in place; on the observed images it computes the same.
        extremes: Of the outputs of all convolutions of this network.

    Returns:
        Layer -> largest factor, up or down, of its channels.
    """
    peaks = {t: np.maximum(np.abs(low), np.abs(high)) for t, (low, high) in extremes.items()}
    groups = scalable_groups(network)
    totals = [np.ones_like(peaks[group.producers[0].output]) for group in groups]
    for _ in range(ROUNDS):
        for group, total in zip(groups, totals, strict=True):
            factors = _factors(network, group, peaks, total)
            _scale(network, group, peaks, factors)
            total *= factors
    return {
        layer.name: float(np.exp(np.abs(np.log(total)).max()))
        for group, total in zip(groups, totals, strict=True)
        for layer in group.producers
    }


def scalable_groups(network: FoldedNetwork) -> list[ScaledTogether]:
    """Where scale can be moved: from convolutions to convolutions, over linear operators only."""
    leader = {layer.output: layer.output for layer in network.layers}
    leader[network.input] = network.input

    def find(tensor: int) -> int:
        while leader[tensor] != tensor:
            tensor = leader[tensor]
        return tensor

    fixed = {network.input, *network.outputs}
    for layer in network.layers:
        if layer.kind in PASSES_SCALE_ON and layer.activation == "none":
            for tensor in layer.inputs:
                leader[find(tensor)] = find(layer.output)
        elif not _is_scalable(network, layer):
            fixed |= {layer.output, *layer.inputs}
    barred = {find(tensor) for tensor in fixed}
    groups: dict[int, tuple[list[Layer], list[Layer]]] = {}
    for layer in network.convolutions:
        groups.setdefault(find(layer.output), ([], []))[0].append(layer)
        groups.setdefault(find(layer.inputs[0]), ([], []))[1].append(layer)
    return [
        ScaledTogether(tuple(producers), tuple(readers))
        for tensor, (producers, readers) in groups.items()
        if tensor not in barred and producers and readers
    ]


def _is_scalable(network: FoldedNetwork, layer: Layer) -> bool:
    if layer.kind == DEPTHWISE:  # without channel multiplier
        return network.shape(layer.output)[-1] == network.shape(layer.inputs[0])[-1]
    return (
        layer.kind == CONV
        and network.values(layer.kernel).shape[INPUT_CHANNEL_AXIS]
        == network.shape(layer.inputs[0])[-1]
    )  # without channel groups


def _factors(
    network: FoldedNetwork,
    group: ScaledTogether,
    peaks: Mapping[int, FloatArray],
    total: FloatArray,
) -> FloatArray:
    """What each channel shall be divided by.

    The weights that compute the channels, the channels themselves and the weights that read them
    each wish for factors that would make them equal; the mean of the wishes, in logarithms, is the
    least squares between them.
    """
    wishes, weights = [], []
    for layer in group.producers:
        maxima = channel_maxima(network.values(layer.kernel), OUTPUT_CHANNEL_AXIS[layer.kind])
        wishes += [_relative(maxima), _relative(peaks[layer.output])]
        weights += [1.0 / len(group.producers)] * 2
    for layer in group.readers:
        wishes.append(-_relative(channel_maxima(network.values(layer.kernel), INPUT_CHANNEL_AXIS)))
        weights.append(1.0 / len(group.readers))
    factors = np.exp(np.average(wishes, axis=0, weights=weights))
    for layer in group.producers:
        if layer.activation == "relu6":
            peak = peaks[layer.output]
            # An edge that was reached says that the channel was never scaled.
            factors = np.where(
                peak >= EDGE, 1.0, np.maximum(factors, np.minimum(1.0, peak * HEADROOM / EDGE))
            )
    lowest, highest = 1 / LARGEST_FACTOR / total, LARGEST_FACTOR / total
    return np.asarray(np.clip(factors, lowest, highest), np.float32)


def _relative(maxima: FloatArray) -> FloatArray:
    """Logarithms around 0; a channel of zeros asks for no change."""
    used = maxima > 0
    if not used.any():
        return np.zeros_like(maxima)
    logs = np.log(np.where(used, maxima, 1.0))
    return np.asarray(np.where(used, logs - logs[used].mean(), 0.0), np.float32)


def _scale(
    network: FoldedNetwork, group: ScaledTogether, peaks: dict[int, FloatArray], factors: FloatArray
) -> None:
    for layer in group.producers:
        _multiply(network, layer, OUTPUT_CHANNEL_AXIS[layer.kind], np.reciprocal(factors))
        network.set_values(layer.bias, network.values(layer.bias) / factors)
        peaks[layer.output] = peaks[layer.output] / factors
    for layer in group.readers:
        _multiply(network, layer, INPUT_CHANNEL_AXIS, factors)


def _multiply(network: FoldedNetwork, layer: Layer, axis: int, factors: FloatArray) -> None:
    kernel = network.values(layer.kernel)
    network.set_values(
        layer.kernel, np.asarray(kernel * along(factors, axis, kernel.ndim), np.float32)
    )
