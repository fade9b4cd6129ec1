"""td_depthwise_planar_s8 against the formulas in unbounded integers, on rows laid out here."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.kernels import oracle
from tests.compiler.kernels.rings import check_in_rings, window_rows
from tests.compiler.kernels.strategies import clamps, int8_values, seeds, splits, zero_points

ROUND_ANY, ROUND_SHIFTED, ROUND_POSITIVE = range(3)
CHANNEL = np.dtype([("bias", "<i4"), ("multiplier", "<i4"), ("weights", "i1", (3, 4))])


def planar(image, before, stride, fill):
    """[height][channels][stride]: each channel with the zero point around it."""
    height, width, channels = image.shape
    rows = np.full((height, channels, stride), fill, np.int8)
    rows[:, :, before : before + width] = image.transpose(0, 2, 1)
    return rows


def draw_factors(data, rounding, channels):
    """Multipliers and shifts for which a rounding is allowed."""
    shifts = st.integers(-31, 8) if rounding == ROUND_ANY else st.integers(-22, -1)
    likely = st.one_of(st.integers(-12, -1), shifts)
    numbers = st.one_of(st.sampled_from([0, 2**30, 2**31 - 1]), st.integers(2**30, 2**31 - 1))
    pairs = data.draw(st.lists(st.tuples(numbers, likely), min_size=1, max_size=3))
    return [pairs[c % len(pairs)] for c in range(channels)]


@st.composite
def cases(draw, rounding):
    """Parameters, planar rows, what must come out, and the geometry."""
    data = draw(st.data())
    height, width, channels = (draw(st.integers(1, n)) for n in (6, 14, 4))
    stride = draw(st.tuples(st.integers(1, 3), st.sampled_from([1, 1, 2])))
    top, left = draw(st.integers(0, 3)), draw(st.integers(0, 2))
    output = draw(st.tuples(st.integers(1, 5), st.integers(1, 14)))
    geometry = (output, (3, 3), stride, (1, 1), (top, left))
    rng = np.random.default_rng(draw(seeds))
    zero_point = draw(zero_points)
    low, high = draw(clamps()) if rounding == ROUND_ANY else (-128, 127)
    output_zero = -128 if rounding == ROUND_POSITIVE else draw(zero_points)
    image = int8_values(rng, height, width, channels).astype(np.int8)
    weights = int8_values(rng, 3, 3, channels).astype(np.int8)
    factors = draw_factors(data, rounding, channels)
    bound = 2 ** int(rng.integers(1, 29))
    bias = rng.integers(-bound, bound, channels)
    sums = oracle.depthwise_sums(image, weights, bias, -zero_point, geometry)
    expected = oracle.outputs(sums, factors, output_zero, low, high).astype(np.int8)
    records = np.zeros(channels, CHANNEL)
    records["bias"] = bias - zero_point * weights.astype(int).sum(axis=(0, 1))
    records["multiplier"] = [m for m, _ in factors]
    records["weights"][:, :, :3] = weights.transpose(2, 0, 1)
    records["weights"][:, 0, 3] = [-shift for _, shift in factors]
    start = draw(st.sampled_from([0, 0, 0, 1, 2]))
    # Windows are read in pairs: up to the byte behind the last of an odd number of them.
    reach = start + (output[1] - 1) * stride[1] + 3 + output[1] % 2
    channel_stride = -(-max(reach, start + left + width) // 4) * 4
    params = {
        "input_height": height,
        "channels": channels,
        "output_height": output[0],
        "output_width": output[1],
        "input_ring": height,
        "output_ring": output[0],
        "stride_height": stride[0],
        "stride_width": stride[1],
        "pad_top": top,
        "input_start": start,
        "channel_stride": channel_stride,
        "output_offset": output_zero,
        "output_min": low,
        "output_max": high,
        "rounding": rounding,
        "outside": np.full(channel_stride, zero_point, np.int8),
        "channel": records.view(np.uint8),
    }
    return params, planar(image, start + left, channel_stride, zero_point), expected, geometry


@pytest.mark.parametrize("rounding", [ROUND_ANY, ROUND_SHIFTED, ROUND_POSITIVE])
@given(data=st.data())
@settings(max_examples=25)
def test_every_window_of_every_channel(any_kernels, rounding, data):
    """Both strides, any width, rows above and below the image, every split into rows."""
    params, rows, expected, _ = data.draw(cases(rounding))
    got = any_kernels.run(
        "td_depthwise_planar_s8",
        ("td_depthwise_planar_params", params),
        [rows],
        (expected.shape, np.int8),
        data.draw(splits(len(expected))),
    )
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("rounding", [ROUND_SHIFTED, ROUND_POSITIVE])
@given(data=st.data())
@settings(max_examples=10)
def test_other_cores_and_compilers(core_kernels, rounding, data):
    params, rows, expected, _ = data.draw(cases(rounding))
    struct, output = ("td_depthwise_planar_params", params), (expected.shape, np.int8)
    whole = [(0, len(expected))]
    got = core_kernels.run("td_depthwise_planar_s8", struct, [rows], output, whole)
    np.testing.assert_array_equal(got, expected)


@given(data=st.data())
@settings(max_examples=30)
def test_in_rings(kernels, data):
    params, rows, expected, geometry = data.draw(cases(ROUND_SHIFTED))
    needed, reach = window_rows(geometry)
    rings = (
        data.draw(st.integers(min(reach, len(rows)), len(rows) + 2)),
        data.draw(st.integers(1, len(expected))),
    )
    struct = (
        "td_depthwise_planar_params",
        params | {"input_ring": rings[0], "output_ring": rings[1]},
    )
    check_in_rings(
        lambda held, before, rows: kernels.run(
            "td_depthwise_planar_s8", struct, held, before, [rows]
        ),
        [rows],
        expected,
        rings,
        needed,
        np.random.default_rng(0),
    )


@pytest.mark.parametrize("rounding", [ROUND_SHIFTED, ROUND_POSITIVE])
def test_ties_and_ends(any_kernels, rounding):
    """Sums around every tie, both signs, and those that leave the range of the output."""
    sums = np.concatenate([np.arange(-2100, 2100), [-(2**29), 2**29 - 1]])
    output_zero = -128 if rounding == ROUND_POSITIVE else -7
    factors = [(2**30, -3)] * len(sums)  # a sum over 16: a tie every 16
    records = np.zeros(len(sums), CHANNEL)
    records["bias"], records["multiplier"] = sums, 2**30
    records["weights"][:, 0, 3] = 3
    params = {
        "input_height": 1,
        "channels": len(sums),
        "output_height": 1,
        "output_width": 1,
        "input_ring": 1,
        "output_ring": 1,
        "stride_height": 1,
        "stride_width": 1,
        "pad_top": 1,
        "input_start": 0,
        "channel_stride": 4,
        "output_offset": output_zero,
        "output_min": -128,
        "output_max": 127,
        "rounding": rounding,
        "outside": np.zeros(4, np.int8),
        "channel": records.view(np.uint8),
    }
    got = any_kernels.run(
        "td_depthwise_planar_s8",
        ("td_depthwise_planar_params", params),
        [np.zeros((1, len(sums), 4), np.int8)],
        ((1, 1, len(sums)), np.int8),
        [(0, 1)],
    )
    expected = oracle.outputs(sums.astype(object)[None, None], factors, output_zero, -128, 127)
    np.testing.assert_array_equal(got, expected.astype(np.int8))
