"""Quantization-aware training: what comes before and after the training itself.

The network that is trained is the folded one that the converter quantizes, with a rounding in
every place where the int8 file rounds. So what it learns is what the file computes: its weights go
back into the network, its ranges become those of the file.

Reference:
    Jacob et al., 2018, "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference"; Esser et al., 2020, "Learned Step Size Quantization".
"""

from dataclasses import replace
from typing import Any

from tinydet.quantization.prepared_network import PreparedNetwork


def network_to_train(prepared: PreparedNetwork) -> Any:
    """The rounded network, ready for the training loop.

    Args:
        prepared: Where it starts.

    Returns:
        ``keras.Model`` with the input and the output of the float detector.

    Raises:
        UnsupportedError: The network has an operator that cannot be trained with rounding.
    """
    import tinydet.model  # noqa: F401 - first: loads the framework without its messages
    from tinydet.quantization.simulation.rounded_network import build_rounded_network

    name = f"{prepared.model_path.stem}_int8"
    options = prepared.options
    return build_rounded_network(prepared.network, prepared.ranges, options.granularity, name)


def after_training(prepared: PreparedNetwork, model: Any, facts: dict[str, Any]) -> PreparedNetwork:
    """What was learnt, to be exported.

    Args:
        prepared: Where training started.
        model: Of ``network_to_train``, trained.
        facts: JSON-ready: how it was trained.

    Returns:
        The network with learnt weights and ranges.
    """
    from tinydet.quantization.simulation.rounded_network import take_back

    network = prepared.network.copy()
    ranges = {**prepared.ranges, **take_back(model, network)}
    network.set_ranges(ranges)
    return replace(
        prepared,
        network=network,
        float_network=network,
        ranges=ranges,
        facts={**prepared.facts, "quantization_aware_training": facts},
    )
