"""One layer of the rounded network on inputs that the int8 file computed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.quantization.activations import TensorReader
from tinydet.quantization.analysis.layer_errors import Int8Tensor
from tinydet.quantization.folded_network import RESIZES, SOFTMAX, Layer
from tinydet.quantization.preparation import PreparedNetwork
from tinydet.quantization.simulation.fake_quantization import (
    round_activation,
    round_kernel,
    round_mixed,
)
from tinydet.quantization.simulation.operators import activate, convolve, rearrange


def layer_codes(
    prepared: PreparedNetwork,
    layer: Layer,
    tensors: Mapping[int, Int8Tensor],
    codes: TensorReader,
) -> npt.NDArray[np.float32] | None:
    """The codes that the rounded network gives for one layer.

    Args:
        prepared: The network with its ranges.
        layer: One of its layers.
        tensors: Activation -> tensor of the int8 file.
        codes: Reads a tensor of the int8 file.

    Returns:
        Codes as whole numbers in float32; None for the softmax, which training leaves in float,
        and where the file has no such tensor.
    """
    if layer.kind == SOFTMAX or any(t not in tensors for t in (layer.output, *layer.inputs)):
        return None
    network = prepared.network
    inputs: list[Any] = []
    for tensor in layer.inputs:
        int8 = tensors[tensor]
        values = codes(int8.index).astype(np.float32) - int8.zero_point
        inputs.append(values * np.float32(int8.scale))
    if layer.kernel is None:
        y = rearrange(layer, inputs, network.shape(layer.output))
    else:
        kernel = round_kernel(layer, network.values(layer.kernel), prepared.options.granularity)
        y = convolve(layer, inputs[0], kernel, network.values(layer.bias))
    round_values = round_mixed if layer.kind == RESIZES else round_activation
    y = np.asarray(round_values(activate(layer, y), *prepared.ranges[layer.output]))
    output = tensors[layer.output]
    return np.asarray(np.round(y / output.scale) + output.zero_point, np.float32)
