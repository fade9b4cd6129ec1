"""A folded network as a trainable Keras model that rounds what the int8 file will round."""

from collections.abc import Mapping
from typing import Any

import keras

from tinydet.quantization.folded_network import RESIZES, SOFTMAX, FoldedNetwork, Layer, Range
from tinydet.quantization.options import Granularity
from tinydet.quantization.ranges.shared import MOVES_CODES, shared_ranges
from tinydet.quantization.simulation.layers import (
    Rearrangement,
    RoundedActivation,
    RoundedConvolution,
    RoundedPixels,
    describe,
)
from tinydet.quantization.simulation.operators import check_supported

EDGES = {"none": None, "relu": None, "relu6": 6.0}
JOINED = "class_logits_and_box_deltas"


def build_rounded_network(
    network: FoldedNetwork, ranges: Mapping[int, Range], granularity: Granularity, name: str
) -> keras.Model:
    """Put the steps of a network together, with a rounding behind each.

    Tensors that share one range share the layer that rounds them.

    Args:
        network: The folded float network.
        ranges: Of every activation, to start with.
        granularity: Of the weight scales.
        name: Of the model.

    Returns:
        Model from rescaled pixels ``[B, H, W, 3]`` to ``[B, NA, NC + 4]``: class logits, background
        first, then box deltas, in the form that training takes. Gradients go through the
        roundings; the ends of the ranges are learnt, except for the image's.

    Raises:
        UnsupportedError: The network has an operator that is not known here.
    """
    steps = tuple(layer for layer in network.layers if layer.kind != SOFTMAX)
    check_supported(steps, "quantization-aware training")
    image = keras.Input(network.shape(network.input)[1:], name="image")
    roundings = _roundings(network, ranges)
    values = {network.input: RoundedPixels(*ranges[network.input])(image)}
    for number, layer in enumerate(steps):
        inputs = [values[tensor] for tensor in layer.inputs]
        y = _step(network, layer, granularity, ranges, f"{number:03d}_{_plain(layer.name)}")(
            inputs[0] if len(inputs) == 1 else inputs
        )
        if layer.kind == RESIZES:
            y = roundings[layer.output](y, mixed=True)
        elif layer.kind not in MOVES_CODES:
            y = roundings[layer.output](y)
        values[layer.output] = y
    logits, deltas = network.logits_and_deltas
    joined = keras.layers.Concatenate(axis=2, name=JOINED)([values[logits], values[deltas]])
    return keras.Model(image, joined, name=name)


def take_back(model: keras.Model, network: FoldedNetwork) -> dict[int, Range]:
    """Write learnt weights into the network they came from.

    Args:
        model: Of ``build_rounded_network`` for this network.
        network: Changed in place.

    Returns:
        The learnt range of every activation but image and scores.
    """
    steps = [layer for layer in network.layers if layer.kind != SOFTMAX]
    for number, layer in enumerate(steps):
        if layer.kernel is not None:
            kernel, bias = model.get_layer(f"{number:03d}_{_plain(layer.name)}").learnt()
            network.set_values(layer.kernel, kernel)
            network.set_values(layer.bias, bias)
    learnt = {}
    known = {layer.name for layer in model.layers}
    for group in shared_ranges(network):
        name = _rounding_name(group)
        if name in known:
            learnt.update(dict.fromkeys(group, model.get_layer(name).learnt()))
    return learnt


def _roundings(network: FoldedNetwork, ranges: Mapping[int, Range]) -> dict[int, Any]:
    """Tensor -> the layer that rounds it."""
    by_output = {layer.output: layer for layer in network.layers}
    found = {}
    for group in shared_ranges(network):
        if network.input in group:
            continue
        low, high = ranges[group[0]]
        edges = [EDGES[by_output[t].activation] for t in group if t in by_output]
        highest = min((edge for edge in edges if edge is not None), default=None)
        if highest is not None:
            high = min(high, highest)
        layer = RoundedActivation(low, high, highest, name=_rounding_name(group))
        found.update(dict.fromkeys(group, layer))
    return found


def _rounding_name(group: tuple[int, ...]) -> str:
    return f"range_{group[0]}"


def _step(
    network: FoldedNetwork,
    layer: Layer,
    granularity: Granularity,
    ranges: Mapping[int, Range],
    name: str,
) -> Any:
    if layer.kernel is None:
        return Rearrangement(describe(layer), network.shape(layer.output), name=name)
    kernel = network.values(layer.kernel)
    step = RoundedConvolution(describe(layer), granularity, kernel.shape, name=name)
    step.start_from(kernel, network.values(layer.bias), max(map(abs, ranges[layer.output])))
    return step


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "_-" else "_" for c in name)
