"""Convolutions, fully connected layers and pooling as kernel calls."""

import numpy as np

from tinydet.compiler.codegen.c_text import Struct
from tinydet.compiler.codegen.calls import KernelCall, Site, short_type
from tinydet.compiler.ir import (
    Activation,
    ConvOptions,
    DepthwiseOptions,
    FullyConnectedOptions,
    PoolOptions,
    window_padding,
)
from tinydet.compiler.requant import activation_range, convolution_multipliers

Fields = tuple[tuple[str, int | str], ...]


def convolution(site: Site) -> list[KernelCall]:
    """CONV_2D."""
    options = site.op.options
    assert isinstance(options, ConvOptions)
    _, input_height, input_width, input_channels = site.input().shape
    _, output_height, output_width, output_channels = site.output.shape
    fields: Fields = (
        ("input_height", input_height),
        ("input_width", input_width),
        ("input_channels", input_channels),
        ("output_height", output_height),
        ("output_width", output_width),
        ("output_channels", output_channels),
        *_filter(site, options),
        *_offsets(site, options.activation),
        *_weights(site, output_channels),
    )
    kernel = f"td_conv_{short_type(site.input())}"
    struct = site.limited(Struct("td_conv_params", fields))
    return [KernelCall(kernel, struct, site.tensors(0), (0, output_height))]


def depthwise(site: Site) -> list[KernelCall]:
    """DEPTHWISE_CONV_2D."""
    options = site.op.options
    assert isinstance(options, DepthwiseOptions)
    _, input_height, input_width, input_channels = site.input().shape
    _, output_height, output_width, output_channels = site.output.shape
    fields: Fields = (
        ("input_height", input_height),
        ("input_width", input_width),
        ("input_channels", input_channels),
        ("output_height", output_height),
        ("output_width", output_width),
        ("depth_multiplier", options.multiplier),
        *_filter(site, options),
        *_offsets(site, options.activation),
        *_weights(site, output_channels),
    )
    kernel = f"td_depthwise_{short_type(site.input())}"
    struct = site.limited(Struct("td_depthwise_params", fields))
    return [KernelCall(kernel, struct, site.tensors(0), (0, output_height))]


def fully_connected(site: Site) -> list[KernelCall]:
    """FULLY_CONNECTED."""
    options = site.op.options
    assert isinstance(options, FullyConnectedOptions)
    output_count, input_count = site.input(1).shape
    fields: Fields = (
        ("input_count", input_count),
        ("output_count", output_count),
        *_offsets(site, options.activation),
        *_weights(site, output_count),
    )
    struct = Struct("td_fully_connected_params", fields)
    span = (0, site.input().num_elements // input_count)
    return [KernelCall("td_fully_connected_s8", struct, site.tensors(0), span)]


def pool(site: Site) -> list[KernelCall]:
    """AVERAGE_POOL_2D and MAX_POOL_2D."""
    options = site.op.options
    assert isinstance(options, PoolOptions)
    _, input_height, input_width, channels = site.input().shape
    _, output_height, output_width, _ = site.output.shape
    top, _, left, _ = window_padding(site.graph, site.op)
    low, high = activation_range(options.activation, site.output.scale, site.output.zero_point)
    fields: Fields = (
        ("input_height", input_height),
        ("input_width", input_width),
        ("channels", channels),
        ("output_height", output_height),
        ("output_width", output_width),
        ("filter_height", options.filter_height),
        ("filter_width", options.filter_width),
        ("stride_height", options.stride_height),
        ("stride_width", options.stride_width),
        ("pad_top", top),
        ("pad_left", left),
        ("output_min", low),
        ("output_max", high),
    )
    kernel = "td_max_pool_s8" if site.op.kind == "MAX_POOL_2D" else "td_average_pool_s8"
    struct = site.limited(Struct("td_pool_params", fields))
    return [KernelCall(kernel, struct, site.tensors(0), (0, output_height))]


def _filter(site: Site, options: ConvOptions) -> Fields:
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


def _offsets(site: Site, activation: Activation) -> Fields:
    low, high = activation_range(activation, site.output.scale, site.output.zero_point)
    return (
        ("input_offset", -site.input().zero_point),
        ("output_offset", site.output.zero_point),
        ("output_min", low),
        ("output_max", high),
    )


def _weights(site: Site, channels: int) -> Fields:
    """Weights, bias and factors: constant tables, one value of the last two per channel."""
    weights = site.input(1)
    bias = site.graph.input(site.op, 2)
    if weights.data is None or weights.dtype != "int8" or weights.quantization is None:
        raise site.fault("weights must be constant int8. Quantize the model to int8.")
    bias_name = "0"
    if bias is not None:
        if bias.data is None or bias.dtype != "int32":
            raise site.fault("the bias must be constant int32. Quantize the model to int8.")
        if np.any(bias.data):
            bias_name = site.constants.table(bias.data, site.table_name("bias"))
    factors = convolution_multipliers(
        site.input().scale, weights.quantization.scale, site.output.scale, channels
    )
    return (
        ("weights", site.constants.table(weights.data, site.table_name("weights"))),
        ("bias", bias_name),
        ("requant", site.constants.records("td_requant", factors, site.table_name("requant"))),
    )
