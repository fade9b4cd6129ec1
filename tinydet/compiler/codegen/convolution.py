"""Convolutions and fully connected layers as kernel calls."""

from tinydet.compiler.codegen.c_text import Struct
from tinydet.compiler.codegen.calls import KernelCall, Site, short_type
from tinydet.compiler.codegen.windows import (
    Fields,
    filter_fields,
    offset_fields,
    ring_fields,
    weight_fields,
)
from tinydet.compiler.ir import ConvOptions, FullyConnectedOptions


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
        *ring_fields(site),
        *filter_fields(site, options),
        *offset_fields(site, options.activation),
        *weight_fields(site, output_channels),
    )
    kernel = f"td_conv_{short_type(site.input())}"
    struct = site.limited(Struct("td_conv_params", fields))
    return [KernelCall(kernel, struct, site.tensors(0), (0, output_height), takes_scratch=True)]


def fully_connected(site: Site) -> list[KernelCall]:
    """FULLY_CONNECTED."""
    options = site.op.options
    assert isinstance(options, FullyConnectedOptions)
    output_count, input_count = site.input(1).shape
    fields: Fields = (
        ("input_count", input_count),
        ("output_count", output_count),
        *offset_fields(site, options.activation),
        *weight_fields(site, output_count),
    )
    struct = Struct("td_fully_connected_params", fields)
    span = (0, site.input().num_elements // input_count)
    return [KernelCall("td_fully_connected_s8", struct, site.tensors(0), span)]
