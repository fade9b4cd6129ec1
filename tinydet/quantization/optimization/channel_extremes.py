"""Lowest and highest value of every channel on the calibration images."""

from collections.abc import Iterable

import numpy as np

from tinydet.boxes import FloatArray
from tinydet.progress import track
from tinydet.quantization.activations import run_with_tensors
from tinydet.quantization.folded_network import FoldedNetwork

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
