"""Depthwise convolutions as kernel calls."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tinydet.compiler.codegen.c_text import Struct
from tinydet.compiler.codegen.calls import KernelCall, Site, short_type
from tinydet.compiler.codegen.windows import (
    Fields,
    convolution_constants,
    filter_fields,
    ring_fields,
)
from tinydet.compiler.ir import DepthwiseOptions, window_padding
from tinydet.compiler.layouts import PlanarRow
from tinydet.compiler.requant import Multiplier, activation_range

_FULL_CLAMP = (-128, 127)
_SHIFTS = range(-22, 0)  # of TD_ROUND_SHIFTED
_SUM_LIMIT = 2**30
ROUND_ANY = "TD_ROUND_ANY"


def depthwise(site: Site) -> list[KernelCall]:
    """DEPTHWISE_CONV_2D."""
    options = site.op.options
    assert isinstance(options, DepthwiseOptions)
    source = site.op.inputs[0]
    layout = None if source is None else site.planar_row(source)
    if layout is not None:
        return _planar(site, options, layout)
    _, input_height, input_width, input_channels = site.input().shape
    _, output_height, output_width, output_channels = site.output.shape
    output, zero_point = site.output, site.input().zero_point
    clamp = activation_range(options.activation, output.scale, output.zero_point)
    weights, bias, factors = convolution_constants(site, output_channels)
    records, largest_sum = channel_factors(weights, bias, zero_point, factors)
    has_zero = any(factor.multiplier == 0 for factor in factors)
    kind = rounding(factors, largest_sum, clamp, output.zero_point)
    outside = np.full(input_channels, zero_point % 256, np.uint8)
    fields: Fields = (
        ("input_height", input_height),
        ("input_width", input_width),
        ("input_channels", input_channels),
        ("output_height", output_height),
        ("output_width", output_width),
        ("depth_multiplier", options.multiplier),
        *ring_fields(site),
        *filter_fields(site, options),
        ("output_offset", output.zero_point),
        ("output_min", clamp[0]),
        ("output_max", clamp[1]),
        ("rounding", ROUND_ANY if has_zero else kind),
        ("weights", site.constants.table(weights, site.table_name("weights"))),
        ("outside", site.constants.table(outside, site.table_name("outside"))),
        (
            "channel",
            site.constants.records("td_depthwise_factor", records, site.table_name("channels")),
        ),
    )
    kernel = f"td_depthwise_{short_type(site.input())}"
    struct = site.limited(Struct("td_depthwise_params", fields))
    return [KernelCall(kernel, struct, site.tensors(0), (0, output_height))]


def _planar(site: Site, options: DepthwiseOptions, layout: PlanarRow) -> list[KernelCall]:
    """The same on planar input rows."""
    _, output_height, output_width, channels = site.output.shape
    output, zero_point = site.output, site.input().zero_point
    top, _, left, _ = window_padding(site.graph, site.op)
    clamp = activation_range(options.activation, output.scale, output.zero_point)
    weights, bias, factors = convolution_constants(site, channels)
    records, largest_sum = planar_channels(weights, bias, zero_point, factors)
    outside = np.full(layout.channel_stride, zero_point, np.int8)
    fields: Fields = (
        ("input_height", site.input().shape[1]),
        ("channels", channels),
        ("output_height", output_height),
        ("output_width", output_width),
        *ring_fields(site),
        ("stride_height", options.stride_height),
        ("stride_width", options.stride_width),
        ("pad_top", top),
        ("input_start", layout.pad_left - left),
        ("channel_stride", layout.channel_stride),
        ("output_offset", output.zero_point),
        ("output_min", clamp[0]),
        ("output_max", clamp[1]),
        ("rounding", rounding(factors, largest_sum, clamp, output.zero_point)),
        ("outside", site.constants.table(outside, site.table_name("outside"))),
        (
            "channel",
            site.constants.records("td_depthwise_channel", records, site.table_name("channels")),
        ),
    )
    struct = site.limited(Struct("td_depthwise_planar_params", fields))
    return [KernelCall("td_depthwise_planar_s8", struct, site.tensors(0), (0, output_height))]


def channel_factors(
    weights: npt.NDArray[np.int8],
    bias: npt.NDArray[np.int32] | None,
    zero_point: int,
    factors: Sequence[Multiplier],
) -> tuple[tuple[tuple[int, int, int], ...], int]:
    """Constants of td_depthwise_s8 and td_depthwise_u8.

    Args:
        weights: ``[1, height, width, channels]``.
        bias: One per output channel; None for zeros.
        zero_point: Of the input.
        factors: One per output channel.

    Returns:
        The numbers of a ``td_depthwise_factor`` for each channel, and a bound of all sums.

    >>> ones = np.ones((1, 3, 3, 1), np.int8)
    >>> channel_factors(ones, None, -2, [Multiplier(2**30, -5)])
    (((18, -2147483648, 4),), 2313)
    """
    taps = weights.reshape(-1, weights.shape[-1]).astype(np.int64)
    starts = (0 if bias is None else bias.astype(np.int64)) - zero_point * taps.sum(axis=0)
    reach = 255 * np.abs(taps).sum(axis=0)
    records = tuple(
        (int(start), _as_int32(2 * factor.multiplier), -1 - factor.shift)
        for start, factor in zip(starts, factors, strict=True)
    )
    return records, int((np.abs(starts) + reach).max())


def _as_int32(bits: int) -> int:
    """The int32 of the same 32 bits."""
    return bits - 2**32 if bits >= 2**31 else bits


def planar_channels(
    weights: npt.NDArray[np.int8],
    bias: npt.NDArray[np.int32] | None,
    zero_point: int,
    factors: Sequence[Multiplier],
) -> tuple[tuple[tuple[int, ...], ...], int]:
    """Constants of td_depthwise_planar_s8.

    Args:
        weights: ``[1, 3, 3, channels]``.
        bias: One per channel; None for zeros.
        zero_point: Of the input.
        factors: One per channel.

    Returns:
        The numbers of a ``td_depthwise_channel`` for each channel, and a bound of all sums.

    >>> weights = np.arange(1, 10, dtype=np.int8).reshape(1, 3, 3, 1)
    >>> records, largest = planar_channels(weights, None, -2, [Multiplier(2**30, -5)])
    >>> [hex(number) for number in records[0]], largest
    (['0x5a', '0x40000000', '0x5030201', '0x60504', '0x90807'], 5850)
    """
    channels = weights.shape[-1]
    by_channel = weights.reshape(3, 3, channels).transpose(2, 0, 1)
    sums = by_channel.astype(np.int64).sum(axis=(1, 2))
    starts = (0 if bias is None else bias.astype(np.int64)) - zero_point * sums
    reach = 128 * np.abs(by_channel.astype(np.int64)).sum(axis=(1, 2))
    rows = np.zeros((channels, 3, 4), np.int8)
    rows[:, :, :3] = by_channel
    # A factor of 0 has no shift; any will do.
    rows[:, 0, 3] = [-factor.shift if factor.multiplier else 1 for factor in factors]
    words = rows.view("<i4").reshape(channels, 3)
    records = tuple(
        (int(start), factor.multiplier, *map(int, word))
        for start, factor, word in zip(starts, factors, words, strict=True)
    )
    return records, int((np.abs(starts) + reach).max())


def rounding(
    factors: Sequence[Multiplier], largest_sum: int, clamp: tuple[int, int], zero_point: int
) -> str:
    """The ``td_rounding`` that the constants of an operator permit.

    Args:
        factors: One per channel.
        largest_sum: Bound of the magnitude of all sums.
        clamp: Lowest and highest output.
        zero_point: Of the output.

    >>> rounding([Multiplier(2**30, -5)], 2**20, (-128, 127), -128)
    'TD_ROUND_POSITIVE'
    """
    in_range = all(factor.shift in _SHIFTS for factor in factors if factor.multiplier)
    if clamp != _FULL_CLAMP or largest_sum >= _SUM_LIMIT or not in_range:
        return ROUND_ANY
    return "TD_ROUND_POSITIVE" if zero_point == _FULL_CLAMP[0] else "TD_ROUND_SHIFTED"
