"""Operators on windows of an image as kernel calls: convolutions, fully connected, pooling."""

import numpy as np
import numpy.typing as npt

from tinydet.compiler.codegen.c_text import Struct
from tinydet.compiler.codegen.calls import Fields, KernelCall, Site, short_type
from tinydet.compiler.codegen.packing import (
    ROUND_ANY,
    Quantization,
    channel_factors,
    pack_convolution,
    planar_channels,
    rounding,
)
from tinydet.compiler.codegen.vector_packing import (
    VALUES_AT_ONCE,
    pack_vectors,
    vector_group_bytes,
    vector_steps,
)
from tinydet.compiler.ir import ConvOptions, DepthwiseOptions, FullyConnectedOptions, PoolOptions
from tinydet.compiler.kernel_scratch import MAX_GROUPS, convolution_groups
from tinydet.compiler.layouts import PlanarRow
from tinydet.compiler.requant import Multiplier, convolution_multipliers

WORD_BYTES = 4
INPUT_RANGES = {"int8": (-128, 127), "uint8": (0, 255)}


def convolution(site: Site) -> list[KernelCall]:
    """CONV_2D."""
    options = site.options(ConvOptions)
    sizes = site.limited(
        (
            *site.sizes("input_height", "input_width", "input_channels"),
            *site.sizes("output_height", "output_width", "output_channels"),
            *_filter_fields(site, options),
            *site.ring_fields(),
        )
    )
    weights, bias, factors = _constants(site, site.output.shape[-1])
    zero_point, input_range = site.input().zero_point, INPUT_RANGES[site.input().dtype]
    quantization = Quantization(zero_point, input_range, site.clamp(options.activation))
    # Of windows of few values, what scratch memory was planned for is too small for vectors.
    if site.vectors and site.scratch_bytes >= vector_group_bytes(weights[0].size):
        return _vector_convolution(site, options, sizes, quantization)
    packed = pack_convolution(
        weights, bias, factors, quantization, site.output.zero_point, options.dilation_width
    )
    constants, name = site.constants, site.table_name
    fields = (
        *sizes,
        *_row_fields(site),
        ("input_zero_point", zero_point),
        *site.output_fields(options.activation),
        ("is_plain", int(packed.is_plain)),
        ("groups_at_once", convolution_groups(site.graph, site.op, site.work_bytes)),
        ("is_joined", int(packed.is_joined)),
        ("is_positive", int(packed.is_positive)),
        ("kept_weight_bytes", packed.weights.nbytes if site.kept_bytes else 0),
        ("weights", constants.table(packed.weights, name("weights"), alignment=WORD_BYTES)),
        ("channels", constants.records("td_conv_channels", packed.channels, name("channels"))),
    )
    kernel = f"td_conv_{short_type(site.input())}"
    return [site.call(kernel, Struct("td_conv_params", fields), takes_scratch=True)]


def _vector_convolution(
    site: Site, options: ConvOptions, sizes: Fields, quantization: Quantization
) -> list[KernelCall]:
    """The same with weights for vectors."""
    weights, bias, factors = _constants(site, site.output.shape[-1])
    output_fields = site.output_fields(options.activation)
    packed = pack_vectors(weights, bias, factors, quantization, site.output.zero_point)
    groups = site.scratch_bytes // vector_group_bytes(weights[0].size)
    constants, name = site.constants, site.table_name
    fields = (
        *sizes,
        *_row_fields(site),
        ("input_zero_point", packed.input_zero_point),
        *output_fields,
        ("is_plain", int(packed.is_plain)),
        ("is_positive", int(packed.is_positive)),
        ("groups_at_once", min(MAX_GROUPS, groups)),
        ("steps", vector_steps(weights[0].size)),
        ("weights", constants.table(packed.weights, name("weights"), alignment=VALUES_AT_ONCE)),
        (
            "channels",
            constants.records("td_conv_vector_channels", packed.channels, name("channels")),
        ),
    )
    kernel = f"td_conv_vector_{short_type(site.input())}"
    return [site.call(kernel, Struct("td_conv_vector_params", fields), takes_scratch=True)]


def depthwise(site: Site) -> list[KernelCall]:
    """DEPTHWISE_CONV_2D."""
    options = site.options(DepthwiseOptions)
    layout = site.layouts.get(site.index(0))
    if layout is not None:
        return _planar_depthwise(site, options, layout)
    zero_point = site.input().zero_point
    weights, bias, factors = _constants(site, site.output.shape[-1])
    records, largest_sum = channel_factors(weights, bias, zero_point, factors)
    has_zero = any(factor.multiplier == 0 for factor in factors)
    kind = rounding(factors, largest_sum, site.clamp(options.activation), site.output.zero_point)
    outside = np.full(site.input().shape[-1], zero_point % 256, np.uint8)
    constants, name = site.constants, site.table_name
    fields = (
        *site.sizes("input_height", "input_width", "input_channels"),
        *site.sizes("output_height", "output_width"),
        ("depth_multiplier", options.multiplier),
        *site.ring_fields(),
        *_filter_fields(site, options),
        *site.output_fields(options.activation),
        ("rounding", ROUND_ANY if has_zero else kind),
        ("weights", constants.table(weights, name("weights"))),
        ("outside", constants.table(outside, name("outside"))),
        ("channel", constants.records("td_depthwise_factor", records, name("channels"))),
    )
    kernel = f"td_depthwise_{short_type(site.input())}"
    return [site.call(kernel, Struct("td_depthwise_params", site.limited(fields)))]


def _planar_depthwise(site: Site, options: DepthwiseOptions, layout: PlanarRow) -> list[KernelCall]:
    """The same on planar input rows."""
    zero_point = site.input().zero_point
    weights, bias, factors = _constants(site, site.output.shape[-1])
    records, largest_sum = planar_channels(weights, bias, zero_point, factors)
    kind = rounding(factors, largest_sum, site.clamp(options.activation), site.output.zero_point)
    outside = np.full(layout.channel_stride, zero_point, np.int8)
    pad_top, (_, pad_left) = site.pads()
    constants, name = site.constants, site.table_name
    fields = (
        *site.sizes("input_height", "channels", "output_height", "output_width"),
        *site.ring_fields(),
        ("stride_height", options.stride_height),
        ("stride_width", options.stride_width),
        pad_top,
        ("input_start", layout.pad_left - int(pad_left)),
        ("channel_stride", layout.channel_stride),
        *site.output_fields(options.activation),
        ("rounding", kind),
        ("outside", constants.table(outside, name("outside"), alignment=WORD_BYTES)),
        ("channel", constants.records("td_depthwise_channel", records, name("channels"))),
    )
    struct = Struct("td_depthwise_planar_params", site.limited(fields))
    return [site.call("td_depthwise_planar_s8", struct)]


def fully_connected(site: Site) -> list[KernelCall]:
    """FULLY_CONNECTED."""
    options = site.options(FullyConnectedOptions)
    output_count, input_count = site.input(1).shape
    weights, bias, factors = _constants(site, output_count)
    constants, name = site.constants, site.table_name
    fields = (
        ("input_count", input_count),
        ("output_count", output_count),
        ("input_offset", -site.input().zero_point),
        *site.output_fields(options.activation),
        ("weights", constants.table(weights, name("weights"))),
        ("bias", "0" if bias is None else constants.table(bias, name("bias"))),
        ("requant", constants.records("td_requant", factors, name("requant"))),
    )
    span = (0, site.input().num_elements // input_count)
    struct = Struct("td_fully_connected_params", fields)
    return [site.call("td_fully_connected_s8", struct, span)]


def pool(site: Site) -> list[KernelCall]:
    """AVERAGE_POOL_2D and MAX_POOL_2D."""
    options = site.options(PoolOptions)
    fields = (
        *site.sizes("input_height", "input_width", "channels", "output_height", "output_width"),
        *site.ring_fields(),
        ("filter_height", options.filter_height),
        ("filter_width", options.filter_width),
        ("stride_height", options.stride_height),
        ("stride_width", options.stride_width),
        *site.pads(),
        *site.output_fields(options.activation)[1:],
    )
    kernel = "td_max_pool_s8" if site.op.kind == "MAX_POOL_2D" else "td_average_pool_s8"
    return [site.call(kernel, Struct("td_pool_params", site.limited(fields)))]


def _filter_fields(site: Site, options: ConvOptions | DepthwiseOptions) -> Fields:
    _, filter_height, filter_width, _ = site.input(1).shape
    return (
        ("filter_height", filter_height),
        ("filter_width", filter_width),
        ("stride_height", options.stride_height),
        ("stride_width", options.stride_width),
        ("dilation_height", options.dilation_height),
        ("dilation_width", options.dilation_width),
        *site.pads(),
    )


def _row_fields(site: Site) -> Fields:
    """How the output rows of a convolution lie."""
    _, _, width, channels = site.output.shape
    layout = site.layouts.get(site.op.outputs[0])
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


def _constants(
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
    values = None if bias is None or bias.data is None or not np.any(bias.data) else bias.data
    return weights.data, values, factors
