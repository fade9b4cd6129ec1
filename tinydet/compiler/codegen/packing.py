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


def packed_weights(weights: npt.NDArray[np.int8], dilation_width: int = 1) -> npt.NDArray[np.int8]:
    """Weights as td_conv_block.h multiplies them.

    The values of each run of the window (``window_runs``) are reordered in fours and filled up to
    pairs; output channels go in pairs as well: ``{first, second}`` channel of one value, then of
    the next.

    Args:
        weights: ``[output channel, filter row, filter column, input channel]``.
        dilation_width: Of the convolution.

    Returns:
        ``[pairs of channels, values of a window, 2]``. An odd last channel has zeros beside it.

    >>> weights = np.arange(2 * 5, dtype=np.int8).reshape(2, 1, 1, 5)
    >>> packed_weights(weights).reshape(-1).tolist()
    [0, 5, 2, 7, 1, 6, 3, 8, 4, 9, 0, 0]
    """
    channels = weights.shape[0]
    runs, length, padded = window_runs(weights.shape, dilation_width)
    fours = length - length % 4
    order = [4 * (i // 4) + _ORDER_OF_FOUR[i % 4] for i in range(fours)]
    order += range(fours, length)
    full = np.zeros((channels + channels % 2, runs, padded), np.int8)
    full[:channels, :, :length] = weights.reshape(channels, runs, length)[:, :, order]
    pairs = full.reshape(-1, 2, runs * padded)
    return np.ascontiguousarray(pairs.transpose(0, 2, 1))


@dataclass(frozen=True)
class ChannelConstants:
    """What a convolution does with its sums.

    Attributes:
        records: The numbers of a ``td_conv_channel`` for each output channel, an even number.
        is_plain: The kernel may rescale the shorter way: see ``td_conv_params``.
    """

    records: tuple[tuple[int, int, int], ...]
    is_plain: bool


def channel_constants(
    weights: npt.NDArray[np.int8],
    bias: npt.NDArray[np.int32] | None,
    input_zero_point: int,
    factors: Sequence[Multiplier],
    clamp: tuple[int, int],
) -> ChannelConstants:
    """Biases, with the zero point of the input folded in, and factors.

    Args:
        weights: ``[output channel, ...]``.
        bias: One per output channel; None for zeros.
        input_zero_point: The number that stands for real 0, in the type of the input.
        factors: One per output channel.
        clamp: Lowest and highest output.

    >>> ones = np.ones((1, 1, 1, 3), np.int8)
    >>> channel_constants(ones, None, -128, [Multiplier(2**30, -5)], (-128, 127))
    ChannelConstants(records=((384, -2147483648, 4), (0, 0, 0)), is_plain=True)
    """
    flat = weights.reshape(len(weights), -1).astype(np.int64)
    sums = np.zeros(len(flat), np.int64) if bias is None else bias.astype(np.int64)
    folded = sums - input_zero_point * flat.sum(axis=1)
    largest = np.abs(folded) + 255 * np.abs(flat).sum(axis=1)
    records = [
        (_int32(int(start)), _int32(2 * factor.multiplier), -1 - factor.shift)
        for start, factor in zip(folded, factors, strict=True)
    ]
    records += [(0, 0, 0)] * (len(records) % 2)
    is_plain = (
        clamp == _FULL_CLAMP
        and all(factor.shift < 0 < factor.multiplier for factor in factors)
        and int(largest.max()) < _PLAIN_SUM_LIMIT
    )
    return ChannelConstants(tuple(records), is_plain)


def _int32(value: int) -> int:
    """The number that the lowest 32 bits are."""
    return (value + 2**31) % 2**32 - 2**31
