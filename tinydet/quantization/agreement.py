"""How near the rounded network that is trained is to the int8 file that it becomes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.inference.decoding import softmax
from tinydet.inference.tflite_file import TensorReader, run_with_tensors
from tinydet.quantization.analysis.layer_errors import (
    HIGHEST_CODE,
    LOWEST_CODE,
    Int8Tensor,
    match_tensors,
)
from tinydet.quantization.converter import to_int8
from tinydet.quantization.folded_network import RESIZES, SOFTMAX, Layer
from tinydet.quantization.prepared_network import PreparedNetwork
from tinydet.quantization.quantization_aware import network_to_train
from tinydet.quantization.simulation.fake_quantization import round_activation, round_mixed
from tinydet.quantization.simulation.operators import compute_layer


def _layer_codes(
    prepared: PreparedNetwork, layer: Layer, tensors: Mapping[int, Int8Tensor], codes: TensorReader
) -> npt.NDArray[np.float32] | None:
    """The codes that the rounded network gives for one layer, as whole numbers in float32.

    None for the softmax, which training leaves in float, and where the file has no such tensor.
    """
    if layer.kind == SOFTMAX or any(t not in tensors for t in (layer.output, *layer.inputs)):
        return None
    inputs: list[Any] = []
    for tensor in layer.inputs:
        int8 = tensors[tensor]
        values = codes(int8.index).astype(np.float32) - int8.zero_point
        inputs.append(values * np.float32(int8.scale))
    y = compute_layer(prepared.network, layer, inputs, prepared.options.granularity)
    round_values = round_mixed if layer.kind == RESIZES else round_activation
    y = np.asarray(round_values(y, *prepared.ranges[layer.output]))
    output = tensors[layer.output]
    return np.asarray(np.round(y / output.scale) + output.zero_point, np.float32)


def simulation_agreement(prepared: PreparedNetwork, images: int) -> dict[str, Any]:
    """Compare both, end to end and layer by layer.

    Layer by layer every layer gets the inputs that the int8 file computes, so that nothing but its
    own rounding differs. End to end a value that one of the two rounds up and the other down is
    carried on, as between LiteRT's optimised and reference kernels.

    Args:
        prepared: Network with ranges.
        images: So many of its calibration images.

    Returns:
        JSON-ready: ``layers``: share of equal codes over all layers, the lowest of a layer, and
        the largest difference in steps. End to end: ``scores`` and ``deltas`` of the anchors
        whose score in the file is not 0: share of equal codes, share of those at most one step
        apart, the difference that 99 of 100 do not exceed and the largest one, both as real values.
    """
    options = prepared.options.model_copy(update={"input_type": "uint8", "output_type": "int8"})
    network = prepared.network
    content = to_int8(network, options, prepared.model_path)
    tensors = match_tensors(network, content)
    rounded = network_to_train(prepared)
    logits, deltas = network.logits_and_deltas
    scores = network.scores
    num_scores = network.shape(logits)[-1]
    ends: dict[int, list[Any]] = {scores: [], deltas: []}
    layers: dict[int, list[Any]] = {}
    batch = prepared.images.first(images)
    pixels = (image[None] for image in batch.images_u8)
    for number, codes in enumerate(run_with_tensors(content, pixels)):
        outputs = np.asarray(rounded(batch[number]))
        values = {scores: softmax(outputs[..., :num_scores]), deltas: outputs[..., num_scores:]}
        has_score = (codes(tensors[scores].index)[..., 1:] > LOWEST_CODE).any(axis=-1)
        for tensor, differences in ends.items():
            int8 = tensors[tensor]
            wanted = np.round(values[tensor] / int8.scale) + int8.zero_point
            apart = np.clip(wanted, LOWEST_CODE, HIGHEST_CODE) - codes(int8.index)
            differences.append(apart[has_score])
        if number == 0:
            for layer in network.layers:
                found = _layer_codes(prepared, layer, tensors, codes)
                if found is not None:
                    layers[layer.output] = [found - codes(tensors[layer.output].index)]
    equal = [np.mean(d[0] == 0) for d in layers.values()]
    return {
        "images": images,
        "layers": {
            "equal": float(np.mean(equal)),
            "equal_in_the_worst_layer": float(np.min(equal)),
            "largest_difference": float(max(np.abs(d[0]).max() for d in layers.values())),
        },
        "scores": _summary(ends[scores], tensors[scores].scale),
        "deltas": _summary(ends[deltas], tensors[deltas].scale),
    }


def _summary(differences: list[Any], scale: float) -> dict[str, float]:
    apart = np.abs(np.concatenate(differences))
    if not apart.size:
        apart = np.zeros(1)
    return {
        "equal": float(np.mean(apart == 0)),
        "at_most_one_step": float(np.mean(apart <= 1)),
        "99_percent_at_most": float(np.quantile(apart, 0.99) * scale),
        "largest": float(apart.max() * scale),
    }
