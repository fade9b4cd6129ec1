"""Changes of the float network that make it easier to round and leave what it computes."""

from collections.abc import Sequence
from typing import Any

from tinydet.boxes import FloatArray
from tinydet.quantization.folded_network import FoldedNetwork
from tinydet.quantization.optimization.bias_correction import correct_biases as correct_biases
from tinydet.quantization.optimization.constant_channels import (
    channel_extremes,
    clear_constant_channels,
)
from tinydet.quantization.optimization.equalization import equalize
from tinydet.quantization.options import Granularity


def optimize_weights(
    network: FoldedNetwork, images: Sequence[FloatArray], granularity: Granularity
) -> dict[str, Any]:
    """Clear channels that never change; where weights share one scale, equalize the others.

    Args:
        network: Changed in place; what it computes on the images stays the same up to float
            rounding.
        images: Rescaled calibration images ``[1, H, W, 3]``.
        granularity: Of the weight scales that will be used.

    Returns:
        JSON-ready record of what was done.
    """
    extremes = channel_extremes(network, images, [layer.output for layer in network.convolutions])
    cleared = clear_constant_channels(network, extremes)
    record: dict[str, Any] = {"constant_channels_cleared": cleared}
    if granularity == "per_tensor":
        factors = equalize(network, extremes)
        record["largest_equalization_factor"] = {name: round(f, 3) for name, f in factors.items()}
    return record
