"""DEPTHWISE_CONV_2D against the formulas in unbounded integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.kernels import oracle
from tests.compiler.kernels.convolution_case import window_fields
from tests.compiler.kernels.rings import check_in_rings, window_rows
from tests.compiler.kernels.strategies import (
    clamps,
    geometries,
    int8_values,
    seeds,
    splits,
    zero_points,
)
from tests.compiler.kernels.test_convolution import image_of

ROUND_ANY, ROUND_SHIFTED, ROUND_POSITIVE = range(3)
FACTOR = np.dtype([("bias", "<i4"), ("twice_multiplier", "<u4"), ("half_shift", "<i4")])


def channel_constants(weights, bias, zero_point, factors):
    """Fields of the constants, for weights [fy, fx, channel * multiplier]."""
    records = np.zeros(len(factors), FACTOR)
    records["bias"] = bias - zero_point * weights.astype(int).sum(axis=(0, 1))
    records["twice_multiplier"] = [2 * multiplier for multiplier, _ in factors]
    records["half_shift"] = [-1 - shift for _, shift in factors]
    return {"weights": weights, "channel": records.view(np.uint8)}


@st.composite
def draw_factors(draw, rounding, channels):
    """Multipliers and shifts for which a rounding is allowed."""
    shifts = st.integers(-31, 8) if rounding == ROUND_ANY else st.integers(-22, -1)
    numbers = st.one_of(st.sampled_from([2**30, 2**31 - 1]), st.integers(2**30, 2**31 - 1))
    if rounding == ROUND_ANY:
        numbers = st.one_of(st.just(0), numbers)
    likely = st.one_of(st.integers(-12, -1), shifts)
    pairs = draw(st.lists(st.tuples(numbers, likely), min_size=1, max_size=3))
    return [pairs[c % len(pairs)] for c in range(channels)]


@st.composite
def cases(draw, drawn, is_unsigned, rounding, depths=None):
    """Parameters, image and what must come out; ``depths``: channels, and uses of each."""
    size, geometry = drawn
    channels, multiplier = depths or (
        draw(st.integers(1, 40)),
        draw(st.sampled_from([1, 1, 2, 3])),
    )
    rng = np.random.default_rng(draw(seeds))
    factors = draw(draw_factors(rounding, channels * multiplier))
    zero_point = draw(zero_points) + (128 if is_unsigned else 0)
    low, high = draw(clamps()) if rounding == ROUND_ANY else (-128, 127)
    output_zero = -128 if rounding == ROUND_POSITIVE else draw(zero_points)
    bound = 2 ** int(rng.integers(1, 29))
    bias = rng.integers(-bound, bound, channels * multiplier)
    image = image_of(rng, (*size, channels), is_unsigned)
    weights = int8_values(rng, *geometry[1], channels * multiplier).astype(np.int8)
    params = {
        **window_fields(size, geometry),
        "input_channels": channels,
        "depth_multiplier": multiplier,
        "input_ring": size[0],
        "output_ring": geometry[0][0],
        "output_offset": output_zero,
        "output_min": low,
        "output_max": high,
        "rounding": rounding,
        "outside": np.full(channels, zero_point % 256, np.uint8),
        **channel_constants(weights, bias, zero_point, factors),
    }
    sums = oracle.depthwise_sums(image, weights, bias, -zero_point, geometry)
    expected = oracle.outputs(sums, factors, output_zero, low, high)
    return params, image, expected.astype(np.int8), rng


@pytest.mark.parametrize("is_unsigned", [False, True], ids=["s8", "u8"])
@pytest.mark.parametrize("rounding", [ROUND_ANY, ROUND_SHIFTED, ROUND_POSITIVE])
@given(data=st.data(), drawn=geometries(max_side=6))
@settings(max_examples=12)
def test_depthwise(any_kernels, is_unsigned, rounding, data, drawn):
    """Any depth multiplier, any window, any split into rows."""
    params, image, expected, _ = data.draw(cases(drawn, is_unsigned, rounding))
    got = any_kernels.run(
        "td_depthwise_u8" if is_unsigned else "td_depthwise_s8",
        ("td_depthwise_params", params),
        [image],
        (expected.shape, np.int8),
        data.draw(splits(len(expected))),
    )
    np.testing.assert_array_equal(got, expected)


@given(data=st.data(), drawn=geometries(max_side=6))
@settings(max_examples=10)
def test_other_cores_and_compilers(core_kernels, data, drawn):
    params, image, expected, _ = data.draw(cases(drawn, False, ROUND_SHIFTED))
    struct, output = ("td_depthwise_params", params), (expected.shape, np.int8)
    got = core_kernels.run("td_depthwise_s8", struct, [image], output, [(0, len(expected))])
    np.testing.assert_array_equal(got, expected)


@given(
    data=st.data(),
    size=st.tuples(st.integers(1, 5), st.integers(4, 34)),
    rows=st.tuples(st.integers(1, 4), st.integers(1, 2), st.integers(0, 3)),
    fours=st.integers(1, 3),
)
@settings(max_examples=20)
def test_rows_that_are_transposed(core_kernels, data, size, rows, fours):
    """As wide as the image, with channels in fours: those go by way of planar rows."""
    height, stride, pad_top = rows
    drawn = size, ((height, size[1]), (3, 3), (stride, 1), (1, 1), (pad_top, 1))
    params, image, expected, _ = data.draw(cases(drawn, False, ROUND_SHIFTED, (4 * fours, 1)))
    struct, output = ("td_depthwise_params", params), (expected.shape, np.int8)
    got = core_kernels.run("td_depthwise_s8", struct, [image], output, [(0, len(expected))])
    np.testing.assert_array_equal(got, expected)


@given(data=st.data(), drawn=geometries())
@settings(max_examples=20)
def test_depthwise_in_rings(kernels, data, drawn):
    """Row by row from and into rings that hold just the rows in use."""
    params, image, expected, rng = data.draw(cases(drawn, False, ROUND_SHIFTED))
    needed, reach = window_rows(drawn[1])
    rings = (
        data.draw(st.integers(min(reach, len(image)), len(image) + 2)),
        data.draw(st.integers(1, len(expected))),
    )
    struct = ("td_depthwise_params", params | {"input_ring": rings[0], "output_ring": rings[1]})
    check_in_rings(
        lambda held, before, rows: kernels.run("td_depthwise_s8", struct, held, before, [rows]),
        [image],
        expected,
        rings,
        needed,
        rng,
    )


def test_rows_outside_the_range_are_left_alone(kernels):
    rng = np.random.default_rng(3)
    image = int8_values(rng, 6, 5, 4).astype(np.int8)
    weights = int8_values(rng, 3, 3, 4).astype(np.int8)
    geometry = ((6, 5), (3, 3), (1, 1), (1, 1), (1, 1))
    factors = [(1 << 30, -7)] * 4
    params = {
        **window_fields((6, 5), geometry),
        "input_channels": 4,
        "depth_multiplier": 1,
        "input_ring": 6,
        "output_ring": 6,
        "output_offset": -2,
        "output_min": -128,
        "output_max": 127,
        "rounding": ROUND_SHIFTED,
        "outside": np.full(4, 253, np.uint8),
        **channel_constants(weights, np.zeros(4, int), -3, factors),
    }
    before = np.full((6, 5, 4), 77, np.int8)
    struct = ("td_depthwise_params", params)
    got = kernels.run("td_depthwise_s8", struct, [image], before, [(2, 5)])
    sums = oracle.depthwise_sums(image, weights, np.zeros(4, int), 3, geometry)
    expected = oracle.outputs(sums, factors, -2, -128, 127).astype(np.int8)
    np.testing.assert_array_equal(got[2:5], expected[2:5])
    assert (got[[0, 1, 5]] == 77).all()
