"""Tables that stand in the generated C for real functions: LOGISTIC, SOFTMAX, nearest pixels."""

import math

import numpy as np
import numpy.typing as npt

_INT32_MAX = 2**31 - 1
_DIFF_INTEGER_BITS = 5  # of the fixed-point difference to the row's maximum in SOFTMAX

# exp(-2**k) in Q0.31 for k = -2 .. 4: the factors of exp(-x) for the bits of x above 1/4.
_EXP_FACTORS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
_EXP_MINUS_EIGHTH = 1895147668  # exp(-1/8) in Q0.31
_ONE_THIRD = 715827883  # 1/3 in Q0.31
_SUM_INTEGER_BITS = 12  # of the sum of a row's exponentials
_48_17, _MINUS_32_17 = 1515870810, -1010580540  # 48/17 and -32/17 in Q2.29: start of 1 / x


def nearest_indices(
    input_size: int, output_size: int, align_corners: bool, half_pixel_centers: bool
) -> tuple[int, ...]:
    """Input row (or column) of every output row of RESIZE_NEAREST_NEIGHBOR.

    Computed in float32, as the reference kernel does.

    Args:
        input_size: Rows of the input, > 0.
        output_size: Rows of the output, > 0.
        align_corners: Map the first and last rows onto each other.
        half_pixel_centers: A row lies at its centre, not at its edge.

    Returns:
        ``output_size`` indices in [0, input_size).

    >>> nearest_indices(3, 7, align_corners=False, half_pixel_centers=False)
    (0, 0, 0, 1, 1, 2, 2)
    """
    aligned = align_corners and output_size > 1
    spans = (input_size - 1, output_size - 1) if aligned else (input_size, output_size)
    scale = np.float32(spans[0]) / np.float32(spans[1])
    offset = np.float32(0.5 if half_pixel_centers else 0.0)
    places = (np.arange(output_size, dtype=np.float32) + offset) * scale
    # The reference rounds halves away from zero where corners are aligned; no place is negative.
    rounded = np.floor(places.astype(np.float64) + (0.5 if align_corners else 0.0))
    return tuple(int(i) for i in np.clip(rounded, 0, input_size - 1))


def logistic_table(
    input_scale: float, input_zero_point: int, output_scale: float, output_zero_point: int
) -> npt.NDArray[np.int8]:
    """LOGISTIC of all 256 int8 values, indexed by the value's bit pattern.

    Each step is rounded to float32, as the reference kernel does.

    Returns:
        int8 ``[256]``: entry ``(uint8) value`` is the output for ``value``.
    """
    one = np.float32(1)
    values = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int32)
    reals = np.float32(input_scale) * (values - input_zero_point).astype(np.float32)
    with np.errstate(over="ignore"):  # exp(-x) may leave float32; 1 / inf is the right 0
        exponentials = np.exp(-reals.astype(np.float64)).astype(np.float32)
    rescaled = one / (one + exponentials) * (one / np.float32(output_scale))
    quantized = np.floor(rescaled.astype(np.float64) + 0.5) + output_zero_point
    table: npt.NDArray[np.int8] = np.clip(quantized, -128, 127).astype(np.int8)
    return table


def softmax_exp_table(input_scale: float, beta: float) -> tuple[int, ...]:
    """``exp(-beta * input_scale * d)`` in Q0.31 for d = 0 .. 255, the distance to a row's maximum.

    Entries that the reference kernel skips because their difference leaves its fixed-point range
    (real difference of 31 or more) are 0.

    Args:
        input_scale: Scale of the input, > 0.
        beta: Factor of the exponent, > 0.

    Returns:
        256 falling integers in [0, 2**31 - 1], the first 2**31 - 1.

    Raises:
        ValueError: ``beta * input_scale`` is 2**-26 or less (the reference kernel aborts there).

    Reference:
        Softmax in tensorflow/lite/kernels/internal/reference/softmax.h; gemmlowp, fixedpoint.h.
    """
    fraction_bits = 31 - _DIFF_INTEGER_BITS
    real = min(float(beta) * float(input_scale) * 2**fraction_bits, 2.0**31 - 1)
    if not real > 1:
        raise ValueError(f"beta * input_scale must be above 2**-{fraction_bits}")
    mantissa, left_shift = math.frexp(real)
    multiplier = math.floor(mantissa * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, left_shift = 2**30, left_shift + 1
    radius = math.floor(31.0 * 2**fraction_bits / 2**left_shift)
    return tuple(
        _exp_of_negative(_high_product(-d << left_shift, multiplier)) if d <= radius else 0
        for d in range(256)
    )


def softmax_pair_table(input_scale: float, beta: float) -> npt.NDArray[np.int8]:
    """SOFTMAX over two classes, by the distance d = 0 .. 255 of their values.

    Args:
        input_scale: Scale of the input, > 0.
        beta: Factor of the exponent, > 0.

    Returns:
        int8 ``[256, 2]``: output of the larger value and of the smaller one; output scale 1/256,
        zero point -128.

    Raises:
        ValueError: See ``softmax_exp_table``.
    """
    exponentials = softmax_exp_table(input_scale, beta)
    rows = [_softmax_of((exponentials[0], exponential)) for exponential in exponentials]
    return np.array(rows, np.int8)


def _softmax_of(exponentials: tuple[int, ...]) -> list[int]:
    """Outputs of a row by the steps of td_softmax.c, from exponentials in Q0.31."""
    total = sum(_halving(value, _SUM_INTEGER_BITS) for value in exponentials)  # Q12.19
    whole_bits = total.bit_length() - (31 - _SUM_INTEGER_BITS) - 1
    half = (total << (32 - total.bit_length())) >> 1  # Q0.31, in [1/2, 1)
    estimate = _48_17 + _high_product(half, _MINUS_32_17)
    for _ in range(3):
        error = (1 << 29) - _high_product(half, estimate)
        estimate += _high_product(estimate, error) << 2
    scale = min(estimate << 1, _INT32_MAX)
    shares = [_high_product(scale, value) for value in exponentials]
    return [min(_halving(share, whole_bits + 31 - 8) - 128, 127) for share in shares]


def _high_product(a: int, b: int) -> int:
    """``a * b / 2**31``, rounded (halves upwards)."""
    return (a * b + 2**30) >> 31


def _halving(value: int, exponent: int) -> int:
    """``value / 2**exponent``, halves away from zero."""
    magnitude = (abs(value) + (1 << (exponent - 1))) >> exponent
    return magnitude if value >= 0 else -magnitude


def _exp_of_negative(raw: int) -> int:
    """Exponential of a non-positive Q5.26 number, in Q0.31."""
    if raw == 0:
        return _INT32_MAX
    quarter = 1 << 24
    fraction = (raw & (quarter - 1)) - quarter  # in [-1/4, 0)
    result = _exp_near_zero(fraction << _DIFF_INTEGER_BITS)
    whole_quarters = fraction - raw
    for bit, factor in enumerate(_EXP_FACTORS):
        if whole_quarters & (quarter << bit):
            result = _high_product(result, factor)
    return result


def _exp_near_zero(raw: int) -> int:
    """Exponential of a Q0.31 number in [-1/4, 0), by the Taylor series around -1/8."""
    x = raw + (1 << 28)
    x2 = _high_product(x, x)
    x3 = _high_product(x2, x)
    x4 = _high_product(x2, x2)
    series = _halving(_high_product(_halving(x4, 2) + x3, _ONE_THIRD) + x2, 1)
    return _EXP_MINUS_EIGHTH + _high_product(_EXP_MINUS_EIGHTH, x + series)
