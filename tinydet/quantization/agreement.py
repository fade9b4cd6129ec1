"""How near the rounded network that is trained is to the int8 file that it becomes."""

from typing import Any

import numpy as np

from tinydet.quantization.activations import run_with_tensors
from tinydet.quantization.analysis.layer_errors import match_tensors
from tinydet.quantization.converter import to_int8
from tinydet.quantization.preparation import PreparedNetwork
from tinydet.quantization.quantization_aware import network_to_train
from tinydet.quantization.simulation.one_layer import layer_codes


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
        the largest difference in steps; ``logits`` and ``deltas``: share of equal codes, share of
        those at most one step apart, and the largest difference, end to end.
    """
    options = prepared.options.model_copy(update={"input_type": "uint8", "output_type": "int8"})
    network = prepared.network
    content = to_int8(network, options, prepared.model_path)
    tensors = match_tensors(network, content)
    rounded = network_to_train(prepared)
    logits, deltas = network.logits_and_deltas
    num_scores = network.shape(logits)[-1]
    columns = {
        "logits": (logits, slice(0, num_scores)),
        "deltas": (deltas, slice(num_scores, None)),
    }
    ends: dict[str, list[Any]] = {name: [] for name in columns}
    layers: dict[int, list[Any]] = {}
    batch = prepared.images.first(images)
    pixels = (image[None] for image in batch.images_u8)
    for number, codes in enumerate(run_with_tensors(content, pixels)):
        outputs = np.asarray(rounded(batch[number]))
        for name, (tensor, part) in columns.items():
            int8 = tensors[tensor]
            wanted = np.round(outputs[..., part] / int8.scale) + int8.zero_point
            ends[name].append(wanted - codes(int8.index))
        if number == 0:
            for layer in network.layers:
                found = layer_codes(prepared, layer, tensors, codes)
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
        **{name: _summary(np.concatenate(differences)) for name, differences in ends.items()},
    }


def _summary(differences: Any) -> dict[str, float]:
    apart = np.abs(differences)
    return {
        "equal": float(np.mean(apart == 0)),
        "at_most_one_step": float(np.mean(apart <= 1)),
        "largest_difference": float(apart.max()),
    }
