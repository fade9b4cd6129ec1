"""Constants of a convolution in the order in which its kernel reads them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinydet.compiler.kernel_scratch import window_runs
from tinydet.compiler.requant import Multiplier

# The kernel splits a word of four values into its even and its odd bytes.
_ORDER_OF_FOUR = (0, 2, 1, 3)
_FULL_CLAMP = (-128, 127)
# Sums below this stay inside 32 bits through the shorter way of rescaling.
_PLAIN_SUM_LIMIT = 2**30
# Sums of the second channel that are left of joined weights have 24 bits.
_JOINED_SUM_LIMIT = 2**23
# For so many values of a window, joined weights save more instructions than parting the sums takes.
_JOINED_VALUES = 20


@dataclass(frozen=True)
class PackedConvolution:
    """The constants of a convolution as ``td_conv_params`` takes them.

    Attributes:
        weights: int8, 4-byte aligned.
        channels: The numbers of a ``td_conv_channels`` for each pair of output channels.
        is_plain: The kernel may rescale the shorter way.
        is_joined: The weights of a pair are one int16.
    """

    weights: npt.NDArray[np.int8]
    channels: tuple[tuple[int, ...], ...]
    is_plain: bool
    is_joined: bool


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
    dilation_width: int = 1,
) -> PackedConvolution:
    """Bring the constants into the order in which td_conv_block.h reads them.

    Output channels go in pairs. An odd last one is the second of its pair, after zeros.

    Args:
        weights: ``[output channel, filter row, filter column, input channel]``.
        bias: One per output channel; None for zeros.
        factors: One per output channel.
        quantization: Of input and output.
        dilation_width: Of the convolution.
    """
    flat = weights.reshape(len(weights), -1).astype(np.int64)
    start = np.zeros(len(flat), np.int64) if bias is None else bias.astype(np.int64)
    folded = start - quantization.input_zero_point * flat.sum(axis=1)
    largest = np.abs(folded) + max(map(abs, quantization.input_range)) * np.abs(flat).sum(axis=1)
    is_plain = (
        quantization.clamp == _FULL_CLAMP
        and all(factor.shift < 0 < factor.multiplier for factor in factors)
        and int(largest.max()) < _PLAIN_SUM_LIMIT
    )
    pairs = _packed_weights(weights, dilation_width)
    is_joined = (
        is_plain
        and pairs.shape[1] >= _JOINED_VALUES
        and _can_be_joined(pairs)
        and int(largest[1::2].max(initial=0)) < _JOINED_SUM_LIMIT
        and (len(flat) % 2 == 0 or int(largest[-1]) < _JOINED_SUM_LIMIT)
    )
    records = [
        (_int32(int(number)), _int32(2 * factor.multiplier), -1 - factor.shift)
        for number, factor in zip(folded, factors, strict=True)
    ]
    if len(records) % 2:
        records.insert(-1, (0, _int32(2**31), 0))
    channels = tuple(
        (first[0], second[0], *first[1:], *second[1:])
        for first, second in zip(records[::2], records[1::2], strict=True)
    )
    return PackedConvolution(_joined(pairs) if is_joined else pairs, channels, is_plain, is_joined)


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


def _int32(value: int) -> int:
    """The number that the lowest 32 bits are."""
    return (value + 2**31) % 2**32 - 2**31
