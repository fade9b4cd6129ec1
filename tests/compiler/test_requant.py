"""Fixed-point factors: their ranges, their closeness, their golden values."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydet.compiler import lookup, requant

scales = st.floats(2.0**-20, 8, width=32)


def real(factor):
    """The exact value of a factor."""
    return Fraction(factor.multiplier) * Fraction(2) ** (factor.shift - 31)


@given(st.floats(2.0**-32, 2.0**29, exclude_max=True))
def test_quantize_multiplier_is_the_nearest_31_bit_number(value):
    """Within half a unit in the 31st bit, and normalised."""
    factor = requant.quantize_multiplier(value)
    assert 2**30 <= factor.multiplier < 2**31
    assert -31 <= factor.shift <= 30
    assert abs(real(factor) / Fraction(value) - 1) <= Fraction(1, 2**31)


@given(st.floats(0, 2.0**-33))
def test_what_is_below_the_range_is_zero(value):
    assert requant.quantize_multiplier(value) == (0, 0)


@pytest.mark.parametrize("value", [-1e-9, 2.0**29, float("inf"), float("nan")])
def test_quantize_multiplier_refuses(value):
    with pytest.raises(ValueError, match="real_multiplier"):
        requant.quantize_multiplier(value)


def test_a_mantissa_that_rounds_up_to_one_is_renormalised():
    assert requant.quantize_multiplier(1 - 2.0**-40) == (2**30, 1)


@given(scales, st.lists(scales, min_size=2, max_size=4), scales)
def test_convolution_multipliers(input_scale, weight_scales, output_scale):
    """One per channel; one for all where the weights have one scale."""
    largest = max(weight_scales) * input_scale / output_scale
    if largest >= 2**29:
        return
    factors = requant.convolution_multipliers(input_scale, weight_scales, output_scale, 9)
    assert len(factors) == len(weight_scales)
    same = requant.convolution_multipliers(input_scale, weight_scales[:1], output_scale, 9)
    assert same == factors[:1] * 9


@given(scales, scales, scales)
def test_add_multipliers(a_scale, b_scale, output_scale):
    """Never a left shift, or a refusal."""
    if 2 * max(a_scale, b_scale) >= 2**20 * output_scale:
        with pytest.raises(ValueError, match="ADD"):
            requant.add_multipliers(a_scale, b_scale, output_scale)
        return
    a, b, output = requant.add_multipliers(a_scale, b_scale, output_scale)
    assert max(a.shift, b.shift, output.shift) <= 0
    assert max(real(a), real(b)) == Fraction(1, 2)


@given(scales, scales, st.integers(1, 200_000))
def test_mean_multiplier(input_scale, output_scale, count):
    """At most one unit in the 29th bit below the quotient."""
    ratio = Fraction(float(input_scale) / float(output_scale)) / count
    factor = requant.mean_multiplier(input_scale, output_scale, count)
    assert factor.shift >= -31
    if ratio > Fraction(1, 2**20):
        assert abs(real(factor) / ratio - 1) <= Fraction(1, 2**28)


def test_golden():
    assert requant.add_multipliers(0.02, 0.03, 0.04)[0] == (1431655765, -1)
    assert requant.mul_multiplier(0.25, 0.03, 0.04) == (1610612736, -2)
    assert requant.resize_scale_10(5, 12, align_corners=True) == 372
    assert requant.activation_range("RELU6", 0.05, -130 + 200, "uint8") == (70, 190)
    assert requant.activation_range("RELU_N1_TO_1", 0.3, 5) == (2, 8)
    with pytest.raises(ValueError, match="TANH"):
        requant.activation_range("TANH", 0.3, 5)


@given(st.floats(2.0**-12, 2.0), st.sampled_from([0.5, 1.0, 2.0]))
def test_softmax_table_is_the_exponential(scale, beta):
    """Falling from 1, within 2**-20 of the real function."""
    table = np.array(lookup.softmax_exp_table(scale, beta))
    assert table[0] == 2**31 - 1
    assert (np.diff(table) <= 0).all()
    exact = np.exp(-beta * scale * np.arange(256))
    assert np.abs(table / 2**31 - exact).max() < 2**-20


def test_softmax_table_refuses_what_the_reference_cannot_do():
    with pytest.raises(ValueError, match="2\\*\\*-26"):
        lookup.softmax_exp_table(2.0**-27, 1.0)
