"""Fields that the structures of several kernels over windows share."""

import numpy as np
import numpy.typing as npt

from tinydet.compiler.codegen.calls import Site
from tinydet.compiler.ir import Activation, ConvOptions, window_padding
from tinydet.compiler.requant import Multiplier, activation_range, convolution_multipliers

Fields = tuple[tuple[str, int | str], ...]


def ring_fields(site: Site) -> Fields:
    """Rows that the buffers of the input and of the output hold."""
    return (
        ("input_ring", site.ring_rows(site.op.inputs[0])),
        ("output_ring", site.ring_rows(site.op.outputs[0])),
    )


def filter_fields(site: Site, options: ConvOptions) -> Fields:
    """Filter, strides and padding; what the padding misses at the bottom needs no number."""
    _, filter_height, filter_width, _ = site.input(1).shape
    top, _, left, _ = window_padding(site.graph, site.op)
    return (
        ("filter_height", filter_height),
        ("filter_width", filter_width),
        ("stride_height", options.stride_height),
        ("stride_width", options.stride_width),
        ("dilation_height", options.dilation_height),
        ("dilation_width", options.dilation_width),
        ("pad_top", top),
        ("pad_left", left),
    )


def offset_fields(site: Site, activation: Activation) -> Fields:
    """Offsets and clamp."""
    low, high = activation_range(activation, site.output.scale, site.output.zero_point)
    return (
        ("input_offset", -site.input().zero_point),
        ("output_offset", site.output.zero_point),
        ("output_min", low),
        ("output_max", high),
    )


def convolution_constants(
    site: Site, channels: int
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int32] | None, tuple[Multiplier, ...]]:
    """Weights, bias (None for zeros) and the factor of each output channel.

    Raises:
        CompilerError: They are not constant int8 and int32.
    """
    weights = site.input(1)
    bias = site.graph.input(site.op, 2)
    if weights.data is None or weights.dtype != "int8" or weights.quantization is None:
        raise site.fault("weights must be constant int8. Quantize the model to int8.")
    if bias is not None and (bias.data is None or bias.dtype != "int32"):
        raise site.fault("the bias must be constant int32. Quantize the model to int8.")
    factors = convolution_multipliers(
        site.input().scale, weights.quantization.scale, site.output.scale, channels
    )
    return weights.data, None if bias is None else bias.data, factors


def weight_fields(site: Site, channels: int) -> Fields:
    """Weights, bias and factors: constant tables, one value of the last two per channel."""
    weights, bias, factors = convolution_constants(site, channels)
    bias_name = "0"
    if bias is not None and np.any(bias):
        bias_name = site.constants.table(bias, site.table_name("bias"))
    return (
        ("weights", site.constants.table(weights, site.table_name("weights"))),
        ("bias", bias_name),
        ("requant", site.constants.records("td_requant", factors, site.table_name("requant"))),
    )
