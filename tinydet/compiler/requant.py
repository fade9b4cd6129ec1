"""Fixed-point form of the real factors between 8-bit tensors, as the reference kernels derive it.

The kernels themselves do integer arithmetic only; everything that starts from a real scale is
computed here, once, in the precision (float32 or float64) in which LiteRT does it: a factor off by
one unit in the last place changes outputs.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_ADD_LEFT_SHIFT = 20  # bits by which td_add_s8 raises its inputs
_RANGES = {"int8": (-128, 127), "uint8": (0, 255)}


class Multiplier(NamedTuple):
    """A real factor as ``multiplier * 2**-31 * 2**shift``.

    Attributes:
        multiplier: 0 or in [2**30, 2**31 - 1] (Q0.31).
        shift: In [-31, 30]; positive means a left shift (the TFLite convention; Vela's right shift
            is ``31 - shift``).
    """

    multiplier: int
    shift: int


def quantize_multiplier(real_multiplier: float) -> Multiplier:
    """Write a real scale factor as a 32-bit multiplier and a power-of-two shift.

    ``real_multiplier ~= multiplier * 2**-31 * 2**shift``. For a convolution the real
    multiplier of output channel ``c`` is ``input_scale * weight_scale[c] / output_scale``.

    Args:
        real_multiplier: Finite, in [0, 2**29). In a convolution it is below 1 as a rule.

    Returns:
        The pair. Below 2**-32 both are 0: the product is flushed to zero.

    Raises:
        ValueError: ``real_multiplier`` is negative, not finite, or 2**29 or more.

    Reference:
        QuantizeMultiplier in tensorflow/lite/kernels/internal/quantization_util.cc.
        Jacob et al., 2018, section 2.2. https://arxiv.org/abs/1712.05877

    >>> quantize_multiplier(1.0)
    Multiplier(multiplier=1073741824, shift=1)
    >>> tuple(quantize_multiplier(0.001))
    (1099511628, -9)
    """
    if not (math.isfinite(real_multiplier) and 0 <= real_multiplier < 2**29):
        raise ValueError(f"real_multiplier must be in [0, 2**29), got {real_multiplier!r}")
    mantissa, shift = math.frexp(real_multiplier)
    multiplier = math.floor(mantissa * 2**31 + 0.5)
    if multiplier == 2**31:  # the mantissa rounded up to 1.0
        multiplier, shift = 2**30, shift + 1
    if shift < -31:
        return Multiplier(0, 0)
    return Multiplier(multiplier, shift)


def convolution_multipliers(
    input_scale: float, weight_scales: Sequence[float], output_scale: float, num_channels: int
) -> tuple[Multiplier, ...]:
    """Factors of CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED, one per output channel.

    Args:
        input_scale: Scale of the input, float32 as the file states it (so are all scales here).
        weight_scales: One scale for all channels, or one per output channel.
        output_scale: Scale of the output.
        num_channels: Number of output channels.

    Returns:
        ``num_channels`` factors ``input_scale * weight_scale / output_scale``, from float64.
    """
    products = [float(input_scale) * float(scale) / float(output_scale) for scale in weight_scales]
    factors = tuple(quantize_multiplier(product) for product in products)
    return factors * num_channels if len(factors) == 1 else factors


def add_multipliers(
    a_scale: float, b_scale: float, output_scale: float
) -> tuple[Multiplier, Multiplier, Multiplier]:
    """Factors of ADD: of the two inputs and of their sum, all below 1.

    The inputs are raised by 20 bits and brought to twice the larger of their scales, so that the
    sum cannot overflow.

    Returns:
        ``(a, b, output)``.

    Raises:
        ValueError: The output scale is so small that the factor of the sum is 1 or more (the
            reference kernel aborts there).
    """
    twice_larger = 2 * max(float(a_scale), float(b_scale))
    a, b, output = (
        quantize_multiplier(real)
        for real in (
            float(a_scale) / twice_larger,
            float(b_scale) / twice_larger,
            twice_larger / (2**_ADD_LEFT_SHIFT * float(output_scale)),
        )
    )
    if output.shift > 0:
        raise ValueError(f"ADD cannot reach an output scale of {output_scale!r}")
    return a, b, output


def mul_multiplier(a_scale: float, b_scale: float, output_scale: float) -> Multiplier:
    """Factor of MUL, ``a_scale * b_scale / output_scale``, rounded to float32 at each step."""
    product = np.float32(a_scale) * np.float32(b_scale)
    return quantize_multiplier(float(product / np.float32(output_scale)))


def requantize_multiplier(input_scale: float, output_scale: float) -> Multiplier:
    """Factor of QUANTIZE between 8-bit types, ``input_scale / output_scale``, from float64."""
    return quantize_multiplier(float(input_scale) / float(output_scale))


def relu_multiplier(input_scale: float, output_scale: float) -> Multiplier:
    """Factor of RELU and its kin as operators of their own, from the float32 quotient."""
    return quantize_multiplier(float(np.float32(input_scale) / np.float32(output_scale)))


def mean_multiplier(input_scale: float, output_scale: float, count: int) -> Multiplier:
    """Factor of MEAN on a sum of ``count`` values, ``input_scale / output_scale / count``.

    The count is divided out of the multiplier in integers, cut, not rounded. The multiplier can
    therefore be as low as 2**29.

    Reference:
        QuantizedMeanOrSum in tensorflow/lite/kernels/internal/reference/reduce.h.
    """
    multiplier, shift = quantize_multiplier(float(input_scale) / float(output_scale))
    raised = min(count.bit_length() - 1, 32, 31 + shift)
    return Multiplier((multiplier << raised) // count, shift - raised)


def activation_range(
    activation: str, scale: float, zero_point: int, dtype: str = "int8"
) -> tuple[int, int]:
    """The clamp ``(lowest, highest)`` of a fused activation in the numbers of the output.

    Args:
        activation: ``"NONE"``, ``"RELU"``, ``"RELU6"`` or ``"RELU_N1_TO_1"``.
        scale: Scale of the output, > 0.
        zero_point: Zero point of the output.
        dtype: Type of the output, ``"int8"`` or ``"uint8"``.

    Raises:
        ValueError: Another activation.

    >>> activation_range("RELU6", 0.0235294122248888, -128)
    (-128, 127)
    >>> activation_range("RELU6", 0.05, -10)
    (-10, 110)
    """
    real_ranges = {
        "NONE": (-math.inf, math.inf),
        "RELU": (0.0, math.inf),
        "RELU6": (0.0, 6.0),
        "RELU_N1_TO_1": (-1.0, 1.0),
    }
    if activation not in real_ranges:
        raise ValueError(f"no clamp for activation {activation!r}")
    bounds = _RANGES[dtype]
    real_low, real_high = real_ranges[activation]

    def quantized(real: float) -> int:
        return zero_point + _round_half_away(float(np.float32(real) / np.float32(scale)))

    low = bounds[0] if math.isinf(real_low) else max(bounds[0], quantized(real_low))
    high = bounds[1] if math.isinf(real_high) else min(bounds[1], quantized(real_high))
    return low, high


def resize_scale_10(input_size: int, output_size: int, align_corners: bool) -> int:
    """Input pixels per output pixel in 1/1024, rounded, as RESIZE_BILINEAR walks.

    >>> resize_scale_10(6, 12, align_corners=False)
    512
    """
    if align_corners and output_size > 1:
        input_size, output_size = input_size - 1, output_size - 1
    return (1024 * input_size + output_size // 2) // output_size


def _round_half_away(value: float) -> int:
    """The nearest integer, halves away from zero (C's ``roundf``)."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))
