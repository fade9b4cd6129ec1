"""CONV_2D and FULLY_CONNECTED against the formulas in unbounded integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.kernels import oracle
from tests.compiler.kernels.strategies import (
    clamps,
    geometries,
    int8_values,
    multipliers,
    requant_array,
    seeds,
    splits,
    zero_points,
)

GEOMETRY_FIELDS = (
    ("output_height", "output_width"),
    ("filter_height", "filter_width"),
    ("stride_height", "stride_width"),
    ("dilation_height", "dilation_width"),
    ("pad_top", "pad_left"),
)


def scratch_bytes_of(weights):
    """Four pixels of int16 in pairs, 16-byte aligned: the law of kernel_scratch.py."""
    values = weights[0].size
    return -(-8 * (values + values % 2) // 16) * 16


def window_fields(size, geometry):
    fields = {"input_height": size[0], "input_width": size[1]}
    for names, values in zip(GEOMETRY_FIELDS, geometry, strict=True):
        fields.update(zip(names, values, strict=True))
    return fields


def draw_channel_factors(data, count):
    """Factors per output channel, and their biases."""
    pairs = data.draw(st.lists(multipliers(), min_size=1, max_size=3))
    pairs = [pairs[c % len(pairs)] for c in range(count)]
    rng = np.random.default_rng(data.draw(seeds))
    bound = 2 ** int(rng.integers(1, 31))
    return pairs, rng.integers(-bound, bound, count).astype(np.int32), rng


def quantization_fields(data, is_unsigned):
    zero_point = data.draw(zero_points)
    low, high = data.draw(clamps())
    return {
        "input_offset": -zero_point - (128 if is_unsigned else 0),
        "output_offset": data.draw(zero_points),
        "output_min": low,
        "output_max": high,
    }


def image_of(rng, shape, is_unsigned):
    values = int8_values(rng, *shape)
    return (values + 128).astype(np.uint8) if is_unsigned else values.astype(np.int8)


@pytest.mark.parametrize("is_unsigned", [False, True], ids=["s8", "u8"])
@given(data=st.data())
@settings(max_examples=50)
def test_conv(any_kernels, is_unsigned, data):
    """Every window, clipped or not, and every split into rows gives the rescaled sum."""
    size, geometry = data.draw(geometries())
    channels, out_channels = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 9)))
    factors, bias, rng = draw_channel_factors(data, out_channels)
    quantization = quantization_fields(data, is_unsigned)
    image = image_of(rng, (*size, channels), is_unsigned)
    weights = int8_values(rng, out_channels, *geometry[1], channels).astype(np.int8)
    params = {
        **window_fields(size, geometry),
        **quantization,
        "input_ring": size[0],
        "output_ring": geometry[0][0],
        "input_channels": channels,
        "output_channels": out_channels,
        "weights": weights,
        "bias": bias,
        "requant": requant_array(factors),
    }
    ranges = data.draw(splits(geometry[0][0]))
    got = any_kernels.run(
        "td_conv_u8" if is_unsigned else "td_conv_s8",
        ("td_conv_params", params),
        [image],
        ((*geometry[0], out_channels), np.int8),
        ranges,
        scratch_bytes_of(weights),
    )
    sums = oracle.convolution_sums(image, weights, bias, quantization["input_offset"], geometry)
    expected = oracle.outputs(
        sums,
        factors,
        quantization["output_offset"],
        quantization["output_min"],
        quantization["output_max"],
    )
    np.testing.assert_array_equal(got, expected.astype(np.int8))


@given(data=st.data())
@settings(max_examples=50)
def test_conv_in_rings(kernels, data):
    """Row by row from and into rings that hold just the rows in use; all else is rubbish."""
    size, geometry = data.draw(geometries())
    (height, width), filter_size, stride, dilation, padding = geometry
    channels, out_channels = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 9)))
    factors, bias, rng = draw_channel_factors(data, out_channels)
    quantization = quantization_fields(data, False)
    image = image_of(rng, (*size, channels), False)
    weights = int8_values(rng, out_channels, *filter_size, channels).astype(np.int8)
    reach = (filter_size[0] - 1) * dilation[0] + 1
    input_ring = data.draw(st.integers(min(reach, size[0]), size[0] + 2))
    output_ring = data.draw(st.integers(1, height))
    params = {
        **window_fields(size, geometry),
        **quantization,
        "input_ring": input_ring,
        "output_ring": output_ring,
        "input_channels": channels,
        "output_channels": out_channels,
        "weights": weights,
        "bias": bias,
        "requant": requant_array(factors),
    }
    sums = oracle.convolution_sums(image, weights, bias, quantization["input_offset"], geometry)
    clamp = (quantization["output_min"], quantization["output_max"])
    expected = oracle.outputs(sums, factors, quantization["output_offset"], *clamp)
    output = np.full((output_ring, width, out_channels), 77, np.int8)
    for y in range(height):
        held = int8_values(rng, input_ring, size[1], channels).astype(np.int8)
        first = y * stride[0] - padding[0]
        for row in range(max(first, 0), min(first + reach, size[0])):
            held[row % input_ring] = image[row]
        before = output
        struct = ("td_conv_params", params)
        output = kernels.run(
            "td_conv_s8", struct, [held], before, [(y, y + 1)], scratch_bytes_of(weights)
        )
        slot = y % output_ring
        np.testing.assert_array_equal(output[slot], expected[y].astype(np.int8))
        np.testing.assert_array_equal(np.delete(output, slot, 0), np.delete(before, slot, 0))


@given(data=st.data())
def test_fully_connected(kernels, data):
    """Rows of any length, all factors."""
    rows, count, out_count = data.draw(st.tuples(*(st.integers(1, n) for n in (4, 40, 6))))
    factors, bias, rng = draw_channel_factors(data, out_count)
    quantization = quantization_fields(data, is_unsigned=False)
    values = int8_values(rng, rows, count).astype(np.int8)
    weights = int8_values(rng, out_count, count).astype(np.int8)
    params = {
        **quantization,
        "input_count": count,
        "output_count": out_count,
        "weights": weights,
        "bias": bias,
        "requant": requant_array(factors),
    }
    got = kernels.run(
        "td_fully_connected_s8",
        ("td_fully_connected_params", params),
        [values],
        ((rows, out_count), np.int8),
        data.draw(splits(rows)),
    )
    moved = values.astype(object) + quantization["input_offset"]
    sums = np.einsum("ri,oi->ro", moved, weights.astype(object)) + bias.astype(object)
    expected = oracle.outputs(
        sums,
        factors,
        quantization["output_offset"],
        quantization["output_min"],
        quantization["output_max"],
    )
    np.testing.assert_array_equal(got, expected.astype(np.int8))


def test_no_bias_and_rows_left_alone(kernels):
    """Without a bias the sum starts at 0, and rows outside the range keep what they held."""
    rng = np.random.default_rng(3)
    image = int8_values(rng, 6, 5, 4).astype(np.int8)
    weights = int8_values(rng, 3, 3, 3, 4).astype(np.int8)
    geometry = ((6, 5), (3, 3), (1, 1), (1, 1), (1, 1))
    factors = [(1 << 30, -7)] * 3
    params = {
        **window_fields((6, 5), geometry),
        "input_channels": 4,
        "output_channels": 3,
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
    before = np.full((6, 5, 3), 77, np.int8)
    struct = ("td_conv_params", params)
    got = kernels.run("td_conv_s8", struct, [image], before, [(2, 5)], scratch_bytes_of(weights))
    sums = oracle.convolution_sums(image, weights, np.zeros(3, int), 3, geometry)
    expected = oracle.outputs(sums, factors, -2, -128, 127).astype(np.int8)
    np.testing.assert_array_equal(got[2:5], expected[2:5])
    assert (got[[0, 1, 5]] == 77).all()
