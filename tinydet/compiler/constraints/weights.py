"""Constraints of operators with weights."""

import math

import numpy as np

from tinydet.compiler.constraints.rule import WEIGHTED, constraint
from tinydet.compiler.ir import FullyConnectedOptions, Graph, Op

BIAS_SCALE_TOLERANCE = 0.02  # of the output scale; TFLite's own limit


@constraint(*WEIGHTED)
def weights_are_constant(graph: Graph, op: Op) -> str | None:
    """Weights are int8 constants with a zero point of 0; the bias, where there is one, is int32.

    Quantize the model to int8 with symmetric weights (tinydet quantize).
    """
    weights, bias = graph.required_input(op, 1), graph.input(op, 2)
    if weights.data is None or (bias is not None and bias.data is None):
        return "weights that are computed while it runs"
    if weights.dtype != "int8" or weights.quantization is None:
        return f"{weights.dtype} weights"
    if any(weights.quantization.zero_point):
        return "weights with a zero point"
    return None if bias is None or bias.dtype == "int32" else f"a {bias.dtype} bias"


@constraint(*WEIGHTED)
def weight_scales_belong_to_output_channels(graph: Graph, op: Op) -> str | None:
    """Weights have one scale, or one for each output channel.

    Convert the model again with per-tensor or per-channel quantization.
    """
    quantization = graph.required_input(op, 1).quantization
    axis = 3 if op.kind == "DEPTHWISE_CONV_2D" else 0
    if quantization is not None and len(quantization.scale) > 1 and quantization.axis != axis:
        return f"scales along dimension {quantization.axis} of the weights"
    return None


@constraint("CONV_2D")
def convolution_is_not_grouped(graph: Graph, op: Op) -> str | None:
    """Each filter reads all input channels.

    Use a plain or a depthwise convolution instead of a grouped one.
    """
    channels = graph.required_input(op, 0).shape[-1]
    depth = graph.required_input(op, 1).shape[-1]
    return f"filters of {depth} of {channels} channels" if depth != channels else None


@constraint(*WEIGHTED)
def bias_scale_fits(graph: Graph, op: Op) -> str | None:
    """The bias has the scale input scale * weight scale and a zero point of 0.

    Convert the model again.
    """
    bias, weights = graph.input(op, 2), graph.required_input(op, 1)
    if bias is None or bias.quantization is None or weights.quantization is None:
        return None
    if any(bias.quantization.zero_point):
        return "a bias with a zero point"
    product = graph.required_input(op, 0).scale * np.array(weights.quantization.scale)
    scales = np.array(bias.quantization.scale)
    if len(scales) not in (1, len(product)):
        return f"{len(scales)} bias scales for {len(product)} weight scales"
    # The converter may clip a bias that would overflow by choosing its own scale.
    difference = float(np.max(np.abs(product - scales)))
    limit = BIAS_SCALE_TOLERANCE * graph.output(op).scale
    return "a bias of another scale" if difference > limit else None


@constraint("FULLY_CONNECTED")
def weights_are_not_broadcast(graph: Graph, op: Op) -> str | None:
    """The rows of the input are as long as those of the weights.

    Flatten the input before the layer.
    """
    assert isinstance(op.options, FullyConnectedOptions)
    inputs = graph.required_input(op, 1).shape[1]
    shape = graph.required_input(op, 0).shape
    if math.prod(shape[1:]) != inputs and shape[-1:] != (inputs,):
        return f"an input of the shape {shape} for rows of {inputs}"
    return None
