"""Constants of convolutions in the form and order in which their kernels read them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinydet.compiler.kernel_scratch import window_runs
from tinydet.compiler.requant import Multiplier

# The kernel splits a word of four values into its even and its odd bytes.
_ORDER_OF_FOUR = (0, 2, 1, 3)
FULL_CLAMP = (-128, 127)
_SHIFTS = range(-22, 0)  # of TD_ROUND_SHIFTED
ROUND_ANY = "TD_ROUND_ANY"
# Sums below this stay inside 32 bits through the shorter way of rescaling.
_PLAIN_SUM_LIMIT = 2**30
# Sums of the second channel that are left of joined weights have 24 bits.
_JOINED_SUM_LIMIT = 2**23
# For so many values of a window, joined weights save more instructions than parting the sums takes;
# where results are positive, parting takes none.
_JOINED_VALUES = 20
_POSITIVE_SHIFTS = range(-15, 0)
_LONE_PAIR = 2  # values of a window that go the general way, which knows no joined weights


@dataclass(frozen=True)
class PackedConvolution:
    """The constants of a convolution as ``td_conv_params`` takes them.

    Attributes:
        weights: int8, 4-byte aligned.
        channels: The numbers of a ``td_conv_channels`` for each pair of output channels.
        is_plain: The kernel may rescale the shorter way.
        is_joined: The weights of a pair are one int16.
        is_positive: They are, and negative results are clamped away.
    """

    weights: npt.NDArray[np.int8]
    channels: tuple[tuple[int, ...], ...]
    is_plain: bool
    is_joined: bool
    is_positive: bool


@dataclass(frozen=True)
class Quantization:
    """The numbers of a convolution's input and output.

    Attributes:
        input_zero_point: What stands for real 0, in the type of the input.
        input_range: Lowest and highest value of that type.
        clamp: Lowest and highest output.
    """

    input_zero_point: int
    input_range: tuple[int, int]
    clamp: tuple[int, int]


def pack_convolution(
    weights: npt.NDArray[np.int8],
    bias: npt.NDArray[np.int32] | None,
    factors: Sequence[Multiplier],
    quantization: Quantization,
    output_zero_point: int,
    dilation_width: int = 1,
) -> PackedConvolution:
    """Bring the constants into the order in which td_conv_block.h reads them.

    Output channels go in pairs. An odd last one is the second of its pair, after zeros.

    Args:
        weights: ``[output channel, filter row, filter column, input channel]``.
        bias: One per output channel; None for zeros.
        factors: One per output channel.
        quantization: Of input and output.
        output_zero_point: Of the output.
        dilation_width: Of the convolution.
    """
    flat = weights.reshape(len(weights), -1)
    reach = max(map(abs, quantization.input_range))
    starts, largest = folded(flat, bias, quantization.input_zero_point, reach)
    is_plain = (
        quantization.clamp == FULL_CLAMP
        and all(factor.shift < -1 and factor.multiplier > 0 for factor in factors)
        and int(largest.max()) < _PLAIN_SUM_LIMIT
    )
    pairs = _packed_weights(weights, dilation_width)
    is_positive = output_zero_point == FULL_CLAMP[0] and all(
        factor.shift in _POSITIVE_SHIFTS for factor in factors
    )
    is_joined = (
        is_plain
        and pairs.shape[1] > _LONE_PAIR
        and (is_positive or pairs.shape[1] >= _JOINED_VALUES)
        and _can_be_joined(pairs)
        and int(largest[1::2].max(initial=0)) < _JOINED_SUM_LIMIT
        and (len(flat) % 2 == 0 or int(largest[-1]) < _JOINED_SUM_LIMIT)
    )
    records = [_factor_record(*both) for both in zip(starts, factors, strict=True)]
    if len(records) % 2:
        records.insert(-1, (0, _int32(2**31), 0))
    channels = tuple(
        (first[0], second[0], *first[1:], *second[1:])
        for first, second in zip(records[::2], records[1::2], strict=True)
    )
    return PackedConvolution(
        _joined(pairs) if is_joined else pairs,
        channels,
        is_plain,
        is_joined,
        is_joined and is_positive,
    )


def _packed_weights(weights: npt.NDArray[np.int8], dilation_width: int = 1) -> npt.NDArray[np.int8]:
    """``[pairs of channels, values of a window, 2]``.

    The values of each run of the window (``window_runs``) are reordered in fours and filled up to
    pairs.

    >>> weights = np.arange(2 * 5, dtype=np.int8).reshape(2, 1, 1, 5)
    >>> _packed_weights(weights).reshape(-1).tolist()
    [0, 5, 2, 7, 1, 6, 3, 8, 4, 9, 0, 0]
    """
    channels = weights.shape[0]
    runs, length, padded = window_runs(weights.shape, dilation_width)
    fours = length - length % 4
    order = [4 * (i // 4) + _ORDER_OF_FOUR[i % 4] for i in range(fours)]
    order += range(fours, length)
    full = np.zeros((channels, runs, padded), np.int8)
    full[:, :, :length] = weights.reshape(channels, runs, length)[:, :, order]
    if channels % 2:
        full = np.insert(full, channels - 1, 0, axis=0)
    pairs = full.reshape(-1, 2, runs * padded)
    return np.ascontiguousarray(pairs.transpose(0, 2, 1))


def _can_be_joined(pairs: npt.NDArray[np.int8]) -> bool:
    """Whether second * 256 + first fits in an int16 everywhere."""
    return not np.any((pairs[..., 1] == -128) & (pairs[..., 0] < 0))


def _joined(pairs: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """The two bytes of second * 256 + first.

    >>> _joined(np.array([[[5, 3], [-5, 3]]], np.int8)).tolist()
    [[[5, 3], [-5, 2]]]
    """
    joined = pairs.copy()
    joined[..., 1] -= pairs[..., 0] < 0
    return joined


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
    taps = weights.reshape(-1, weights.shape[-1]).T
    starts, largest = folded(taps, bias, zero_point, 255)
    records = tuple(_factor_record(*both) for both in zip(starts, factors, strict=True))
    return records, int(largest.max())


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
    starts, largest = folded(by_channel.reshape(channels, -1), bias, zero_point, 128)
    rows = np.zeros((channels, 3, 4), np.int8)
    rows[:, :, :3] = by_channel
    # A factor of 0 has no shift; any will do.
    rows[:, 0, 3] = [-factor.shift if factor.multiplier else 1 for factor in factors]
    words = rows.view("<i4").reshape(channels, 3)
    records = tuple(
        (start, factor.multiplier, *map(int, word))
        for start, factor, word in zip(starts, factors, words, strict=True)
    )
    return records, int(largest.max())


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
    if clamp != FULL_CLAMP or largest_sum >= _PLAIN_SUM_LIMIT or not in_range:
        return ROUND_ANY
    return "TD_ROUND_POSITIVE" if zero_point == FULL_CLAMP[0] else "TD_ROUND_SHIFTED"


def folded(
    weights: npt.NDArray[np.int8], bias: npt.NDArray[np.int32] | None, zero_point: int, reach: int
) -> tuple[list[int], npt.NDArray[np.int64]]:
    """What the sum of each channel starts from, and a bound of its magnitude.

    Args:
        weights: ``[channel, values of a window]``.
        bias: One per channel; None for zeros.
        zero_point: Of the input: what it adds to the sums is folded into the start.
        reach: The largest magnitude of an input value.
    """
    wide = weights.astype(np.int64)
    starts = (0 if bias is None else bias.astype(np.int64)) - zero_point * wide.sum(axis=1)
    largest: npt.NDArray[np.int64] = np.abs(starts) + reach * np.abs(wide).sum(axis=1)
    return starts.tolist(), largest


def _factor_record(start: int, factor: Multiplier) -> tuple[int, int, int]:
    """Bias and factor in the form of ``td_conv_channels`` and ``td_depthwise_factor``."""
    return _int32(start), _int32(2 * factor.multiplier), -1 - factor.shift


def _int32(value: int) -> int:
    """The number that the lowest 32 bits are."""
    return (value + 2**31) % 2**32 - 2**31
