"""ADD in one step: numbers for which the reference's three roundings come out of one.

The reference rescales both inputs, then their sum. All that can come in is 256 x 256 pairs of
values, so that a cheaper formula can be compared with it for all of them when code is generated.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tinydet.compiler.requant import Multiplier, add_multipliers

SHIFT = 22  # TD_ADD_SHIFT: fraction bits of the sum
_VALUE_BITS = 8  # a factor has these fraction bits more
_LEFT_SHIFT = 20  # of both inputs in the reference
_INT32 = (-(2**31), 2**31 - 1)
_LOWEST, _HIGHEST = -128, 127

Integers = npt.NDArray[np.int64]


class AffineAdd(NamedTuple):
    """``clamp((addend + (a_factor * a >> 8) + (b_factor * b >> 8)) >> 22)``, int32 throughout."""

    a_factor: int
    b_factor: int
    addend: int


def affine_add(scales: Sequence[float], zero_points: Sequence[int]) -> AffineAdd | None:
    """Find the numbers for which the formula gives what the reference does.

    Args:
        scales: Of both inputs and of the output, > 0.
        zero_points: Likewise.

    Returns:
        Numbers that were checked for all 65536 pairs, clamped to int8; None where the obvious
        factors do not do: an output scale below half an input's, or sums that lie exactly between
        two outputs (which the reference rounds away from zero).

    Raises:
        ValueError: See ``add_multipliers``.

    >>> affine_add((0.021317, 0.0314159, 0.0402633), (-5, 3, -3)) is not None
    True
    >>> affine_add((0.5, 0.5, 1.0), (0, 0, 0)) is None
    True
    """
    wanted = _reference(add_multipliers(*scales), zero_points)
    unit = 2 ** (SHIFT + _VALUE_BITS) / float(scales[2])
    factors = [round(float(scale) * unit) for scale in scales[:2]]
    if max(factors) > _INT32[1]:
        return None
    values = np.arange(_LOWEST, _HIGHEST + 1, dtype=np.int64)
    a, b = ((factor * values) >> _VALUE_BITS for factor in factors)
    sums = a[:, None] + b[None, :]
    # Each pair bounds the addend: from below unless the output is the lowest, and from above.
    lowest = (wanted << SHIFT) - sums
    highest = lowest + (1 << SHIFT) - 1
    low = int(lowest[wanted > _LOWEST].max(initial=_INT32[0]))
    high = int(highest[wanted < _HIGHEST].min(initial=_INT32[1]))
    addend = (low + high) // 2
    partial = addend + a  # what the kernel adds first
    extremes = (sums.min() + addend, sums.max() + addend, partial.min(), partial.max(), addend)
    fits = _INT32[0] <= min(extremes) and max(extremes) <= _INT32[1]
    return AffineAdd(factors[0], factors[1], addend) if low <= high and fits else None


def _reference(factors: Sequence[Multiplier], zero_points: Sequence[int]) -> Integers:
    """int64 ``[256, 256]``: the output for each pair of values, from -128 on."""
    values = np.arange(_LOWEST, _HIGHEST + 1, dtype=np.int64)
    a, b = (
        _rescaled((values - zero_point) << _LEFT_SHIFT, factor)
        for zero_point, factor in zip(zero_points[:2], factors[:2], strict=True)
    )
    outputs = _rescaled(a[:, None] + b[None, :], factors[2]) + zero_points[2]
    clamped: Integers = np.clip(outputs, _LOWEST, _HIGHEST)
    return clamped


def _rescaled(values: Integers, factor: Multiplier) -> Integers:
    """td_rescale for shifts that are not positive."""
    high = (values * factor.multiplier + (1 << 30)) >> 31
    if factor.shift == 0:
        return high
    half = 1 << (-factor.shift - 1)
    rounded: Integers = (high + half - (high < 0)) >> -factor.shift
    return rounded
