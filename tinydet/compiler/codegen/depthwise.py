"""Depthwise convolutions as kernel calls."""

from tinydet.compiler.codegen.c_text import Struct
from tinydet.compiler.codegen.calls import KernelCall, Site, short_type
from tinydet.compiler.codegen.windows import (
    Fields,
    filter_fields,
    offset_fields,
    ring_fields,
    weight_fields,
)
from tinydet.compiler.ir import DepthwiseOptions


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
        *ring_fields(site),
        *filter_fields(site, options),
        *offset_fields(site, options.activation),
        *weight_fields(site, output_channels),
    )
    kernel = f"td_depthwise_{short_type(site.input())}"
    struct = site.limited(Struct("td_depthwise_params", fields))
    return [KernelCall(kernel, struct, site.tensors(0), (0, output_height))]
