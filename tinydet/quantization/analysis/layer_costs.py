"""Which layer the error of the outputs comes from.

Every layer is rounded alone, its weights and its output, all others stay float; what class logits
and box deltas are off then, within their ranges, is the cost of this layer. Errors of different
layers hardly depend on each other, so the costs add up to about the error of the whole network, and
their shares say where it comes from.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinydet.boxes import FloatArray
from tinydet.progress import track
from tinydet.quantization.folded_network import SOFTMAX, FoldedNetwork, Range
from tinydet.quantization.options import Granularity
from tinydet.quantization.simulation.fake_quantization import round_activation
from tinydet.quantization.simulation.operators import check_supported, compute_layer

MAX_IMAGES = 4
MAX_VALUES = 100_000_000  # of activations in memory at once: 400 MB


def layer_costs(
    network: FoldedNetwork,
    ranges: Mapping[int, Range],
    images: Sequence[FloatArray],
    granularity: Granularity,
) -> dict[int, float]:
    """The error of the outputs that rounding each layer alone causes.

    Args:
        network: The float network.
        ranges: Of every activation.
        images: Rescaled images ``[1, H, W, 3]``; the first few are used.
        granularity: Of the weight scales.

    Returns:
        Output tensor of the layer -> mean squared error of logits and deltas, each relative to its
        variance; the mean of the two.

    Raises:
        UnsupportedError: The network has an operator that is not known here.
    """
    import tensorflow as tf

    steps = [layer for layer in network.layers if layer.kind != SOFTMAX]
    check_supported(steps, "quantization report")
    values_per_image = sum(int(np.prod(network.shape(layer.output))) for layer in steps)
    count = max(1, min(MAX_IMAGES, MAX_VALUES // values_per_image))
    batch = tf.constant(np.concatenate(images[:count]))
    exact = {network.input: batch}
    for layer in steps:
        exact[layer.output] = compute_layer(network, layer, [exact[t] for t in layer.inputs])

    def cut(output: int, values: Any) -> Any:
        """Beyond its range an output makes no difference to a box (ranges/network_outputs.py)."""
        return tf.clip_by_value(values, *ranges[output])

    within = {t: cut(t, exact[t]) for t in network.logits_and_deltas}
    variances = {t: float(tf.math.reduce_variance(y)) or 1.0 for t, y in within.items()}
    costs = {}
    for number, layer in enumerate(track(steps, "Rounding each layer alone")):
        y = compute_layer(network, layer, [exact[t] for t in layer.inputs], granularity)
        changed = {layer.output: round_activation(y, *ranges[layer.output])}
        for later in steps[number + 1 :]:
            if any(tensor in changed for tensor in later.inputs):
                inputs = [changed.get(t, exact[t]) for t in later.inputs]
                changed[later.output] = compute_layer(network, later, inputs)
        errors = [
            float(tf.reduce_mean(tf.square(cut(t, changed.get(t, exact[t])) - wanted)))
            / variances[t]
            for t, wanted in within.items()
        ]
        costs[layer.output] = sum(errors) / len(errors)
    return costs
