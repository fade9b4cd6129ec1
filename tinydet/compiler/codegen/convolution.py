"""Convolutions and fully connected layers as kernel calls."""

from tinydet.compiler.codegen.c_text import Struct
from tinydet.compiler.codegen.calls import KernelCall, Site, short_type
from tinydet.compiler.codegen.packing import Quantization, pack_convolution
from tinydet.compiler.codegen.windows import (
    Fields,
    convolution_constants,
    filter_fields,
    offset_fields,
    ring_fields,
    weight_fields,
)
from tinydet.compiler.ir import ConvOptions, FullyConnectedOptions
from tinydet.compiler.requant import activation_range

WORD_BYTES = 4
INPUT_RANGES = {"int8": (-128, 127), "uint8": (0, 255)}


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
        *filter_fields(site, options),
        *ring_fields(site),
    )
    struct = site.limited(Struct("td_conv_params", fields))
    struct = Struct(struct.c_type, (*fields, *_row_fields(site), *_constant_fields(site, options)))
    kernel = f"td_conv_{short_type(site.input())}"
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


def _row_fields(site: Site) -> Fields:
    """Layout of the output rows."""
    _, _, width, channels = site.output.shape
    layout = site.planar_row(site.op.outputs[0])
    if layout is None:
        strides, pads, row_bytes = (channels, 1), (0, 0), width * channels
    else:
        strides, row_bytes = (1, layout.channel_stride), layout.size_bytes
        pads = (layout.pad_left, layout.pad_right)
    return (
        ("pixel_stride", strides[0]),
        ("channel_stride", strides[1]),
        ("output_pad_left", pads[0]),
        ("output_pad_right", pads[1]),
        ("output_row_bytes", row_bytes),
    )


def _constant_fields(site: Site, options: ConvOptions) -> Fields:
    weights, bias, factors = convolution_constants(site, site.output.shape[-1])
    output, zero_point = site.output, site.input().zero_point
    clamp = activation_range(options.activation, output.scale, output.zero_point)
    quantization = Quantization(zero_point, INPUT_RANGES[site.input().dtype], clamp)
    packed = pack_convolution(weights, bias, factors, quantization, options.dilation_width)
    records = site.constants.records(
        "td_conv_channels", packed.channels, site.table_name("channels")
    )
    return (
        ("input_zero_point", zero_point),
        ("output_offset", output.zero_point),
        ("output_min", clamp[0]),
        ("output_max", clamp[1]),
        ("is_plain", int(packed.is_plain)),
        ("is_joined", int(packed.is_joined)),
        ("weights", site.constants.table(packed.weights, site.table_name("weights"), WORD_BYTES)),
        ("channels", records),
    )
