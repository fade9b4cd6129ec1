"""DEPTHWISE_CONV_2D against the formulas in unbounded integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.kernels import oracle
from tests.compiler.kernels.convolution_case import window_fields
from tests.compiler.kernels.rings import check_in_rings, window_rows
from tests.compiler.kernels.strategies import geometries, int8_values, requant_array, splits
from tests.compiler.kernels.test_convolution import (
    draw_channel_factors,
    image_of,
    quantization_fields,
)


def draw_case(data, drawn, is_unsigned):
    """Parameters, image and what must come out."""
    size, geometry = drawn
    channels, multiplier = data.draw(st.tuples(st.integers(1, 6), st.sampled_from([1, 1, 2, 3])))
    factors, bias, rng = draw_channel_factors(data, channels * multiplier)
    quantization = quantization_fields(data, is_unsigned)
    image = image_of(rng, (*size, channels), is_unsigned)
    weights = int8_values(rng, *geometry[1], channels * multiplier).astype(np.int8)
    params = {
        **window_fields(size, geometry),
        **quantization,
        "input_channels": channels,
        "depth_multiplier": multiplier,
        "input_ring": size[0],
        "output_ring": geometry[0][0],
        "weights": weights,
        "bias": bias,
        "requant": requant_array(factors),
    }
    sums = oracle.depthwise_sums(image, weights, bias, quantization["input_offset"], geometry)
    expected = oracle.outputs(
        sums,
        factors,
        quantization["output_offset"],
        quantization["output_min"],
        quantization["output_max"],
    )
    return params, image, expected.astype(np.int8), rng


@pytest.mark.parametrize("is_unsigned", [False, True], ids=["s8", "u8"])
@given(data=st.data(), drawn=geometries())
@settings(max_examples=50)
def test_depthwise(any_kernels, is_unsigned, data, drawn):
    """Any depth multiplier, any window, any split into rows."""
    params, image, expected, _ = draw_case(data, drawn, is_unsigned)
    got = any_kernels.run(
        "td_depthwise_u8" if is_unsigned else "td_depthwise_s8",
        ("td_depthwise_params", params),
        [image],
        (expected.shape, np.int8),
        data.draw(splits(len(expected))),
    )
    np.testing.assert_array_equal(got, expected)


@given(data=st.data(), drawn=geometries())
@settings(max_examples=30)
def test_depthwise_in_rings(kernels, data, drawn):
    """Row by row from and into rings that hold just the rows in use."""
    params, image, expected, rng = draw_case(data, drawn, is_unsigned=False)
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


def test_no_bias_and_rows_left_alone(kernels):
    """Without a bias the sum starts at 0, and rows outside the range keep what they held."""
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
        "input_offset": 3,
        "output_offset": -2,
        "output_min": -128,
        "output_max": 127,
        "weights": weights,
        "bias": 0,
        "requant": requant_array(factors),
    }
    before = np.full((6, 5, 4), 77, np.int8)
    struct = ("td_depthwise_params", params)
    got = kernels.run("td_depthwise_s8", struct, [image], before, [(2, 5)])
    sums = oracle.depthwise_sums(image, weights, np.zeros(4, int), 3, geometry)
    expected = oracle.outputs(sums, factors, -2, -128, 127).astype(np.int8)
    np.testing.assert_array_equal(got[2:5], expected[2:5])
    assert (got[[0, 1, 5]] == 77).all()
