"""Constants of convolutions for processors that sum sixteen products at a time (Arm Helium)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinydet.compiler.codegen.packing import FULL_CLAMP, Quantization, folded
from tinydet.compiler.requant import Multiplier

VALUES_AT_ONCE = 16  # TD_CONV_VECTOR_VALUES
_PIXELS = 4  # TD_CONV_VECTOR_PIXELS
_UINT8_SHIFT = 128


@dataclass(frozen=True)
class VectorConvolution:
    """The constants of a convolution as ``td_conv_vector_params`` takes them.

    Attributes:
        weights: int8 ``[pairs of channels, steps, 2, 16]``.
        channels: The numbers of a ``td_conv_vector_channels`` for each pair of output channels.
        input_zero_point: What stands for real 0, as int8.
        is_plain: The kernel may rescale the shorter way.
        is_positive: Negative results are clamped away.
    """

    weights: npt.NDArray[np.int8]
    channels: tuple[tuple[int, ...], ...]
    input_zero_point: int
    is_plain: bool
    is_positive: bool


def vector_steps(values: int) -> int:
    """Steps of sixteen values that a window of so many takes.

    >>> vector_steps(16), vector_steps(27)
    (1, 2)
    """
    return -(-values // VALUES_AT_ONCE)


def vector_group_bytes(values: int) -> int:
    """Scratch memory for what four pixels see of a window of so many values.

    >>> vector_group_bytes(27)
    128
    """
    return _PIXELS * VALUES_AT_ONCE * vector_steps(values)


def pack_vectors(
    weights: npt.NDArray[np.int8],
    bias: npt.NDArray[np.int32] | None,
    factors: Sequence[Multiplier],
    quantization: Quantization,
    output_zero_point: int,
) -> VectorConvolution:
    """Bring the constants into the order in which td_conv_vector.c reads them.

    Output channels go in pairs; an odd last one is both of its pair. uint8 values are taken as
    int8, 128 lower.

    Args:
        weights: ``[output channel, filter row, filter column, input channel]``.
        bias: One per output channel; None for zeros.
        factors: One per output channel.
        quantization: Of input and output.
        output_zero_point: Of the output.

    >>> weights = np.arange(1, 4, dtype=np.int8).reshape(3, 1, 1, 1)
    >>> code = Quantization(0, (-128, 127), (-128, 127))
    >>> packed = pack_vectors(weights, None, [Multiplier(2**30, -1)] * 3, code, 0)
    >>> packed.weights[..., 0].tolist()
    [[[1, 2]], [[3, 3]]]
    """
    flat = weights.reshape(len(weights), -1)
    low, high = quantization.input_range
    zero_point = quantization.input_zero_point - (_UINT8_SHIFT if low == 0 else 0)
    starts, _ = folded(flat, bias, zero_point, max(abs(low), high))
    # A factor of 0 has no shift; any will do.
    shifts = [factor.shift if factor.multiplier else -1 for factor in factors]
    is_plain = quantization.clamp == FULL_CLAMP and max(shifts) < 0
    last = len(flat) - 1
    pairs = [(c, min(c + 1, last)) for c in range(0, len(flat), 2)]
    channels = tuple(
        (
            *(starts[c] for c in pair),
            *(factors[c].multiplier for c in pair),
            *(shifts[c] for c in pair),
        )
        for pair in pairs
    )
    steps = vector_steps(flat.shape[1])
    full = np.zeros((len(flat), steps * VALUES_AT_ONCE), np.int8)
    full[:, : flat.shape[1]] = flat
    by_pair = full[np.array(pairs)].reshape(len(pairs), 2, steps, VALUES_AT_ONCE)
    return VectorConvolution(
        weights=np.ascontiguousarray(by_pair.transpose(0, 2, 1, 3)),
        channels=channels,
        input_zero_point=zero_point,
        is_plain=is_plain,
        is_positive=is_plain and output_zero_point == FULL_CLAMP[0],
    )
