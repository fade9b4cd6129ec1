"""CONV_2D and FULLY_CONNECTED against the formulas in unbounded integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.kernels import oracle
from tests.compiler.kernels.convolution_case import (
    conv_params,
    planar_rows,
    scratch_bytes_of,
)
from tests.compiler.kernels.rings import check_in_rings, window_rows
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


def draw_channel_factors(data, count, max_shift=12):
    """Factors per output channel, and their biases."""
    pairs = data.draw(st.lists(multipliers(max_shift), min_size=1, max_size=3))
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


def draw_case(data, is_unsigned, planar=None, *, calls_share_scratch=True):
    """Parameters, image and what must come out; half of the cases are plain ones (is_plain).

    Without the weight -128 most of these with more than a few values are also joined, and half of
    them is_positive.
    """
    size, geometry = data.draw(geometries())
    channels, out_channels = data.draw(st.tuples(st.integers(1, 21), st.integers(1, 9)))
    quantization = quantization_fields(data, is_unsigned)
    if data.draw(st.booleans()):
        factors, bias, rng = draw_channel_factors(data, out_channels, max_shift=-1)
        factors = [(max(multiplier, 2**30), min(shift, -1)) for multiplier, shift in factors]
        bias //= 4
        quantization |= {"output_min": -128, "output_max": 127}
        if data.draw(st.booleans()):
            quantization["output_offset"] = -128
        lowest = -127
    else:
        factors, bias, rng = draw_channel_factors(data, out_channels)
        lowest = -128
    image = image_of(rng, (*size, channels), is_unsigned)
    weights = int8_values(rng, out_channels, *geometry[1], channels, low=lowest).astype(np.int8)
    input_range = (0, 255) if is_unsigned else (-128, 127)
    constants = (weights, bias, factors, quantization)
    params = conv_params(
        size,
        geometry,
        *constants,
        planar,
        input_range=input_range,
        groups_at_once=data.draw(st.integers(1, 8)),
        keeps_weights=calls_share_scratch and data.draw(st.booleans()),
    )
    sums = oracle.convolution_sums(image, weights, bias, quantization["input_offset"], geometry)
    clamp = (quantization["output_min"], quantization["output_max"])
    expected = oracle.outputs(sums, factors, quantization["output_offset"], *clamp)
    return params, image, expected.astype(np.int8), (geometry, rng)


def draw_rows(data, params, height):
    """Calls in any order; in ascending order where the first row copies the weights."""
    rows = data.draw(splits(height))
    return sorted(rows) if params["kept_weight_bytes"] else rows


@pytest.mark.parametrize("is_unsigned", [False, True], ids=["s8", "u8"])
@given(data=st.data())
@settings(max_examples=60)
def test_conv(any_kernels, is_unsigned, data):
    """Every window, clipped or not, and every split into rows gives the rescaled sum."""
    params, image, expected, _ = draw_case(data, is_unsigned)
    got = any_kernels.run(
        "td_conv_u8" if is_unsigned else "td_conv_s8",
        ("td_conv_params", params),
        [image],
        (expected.shape, np.int8),
        draw_rows(data, params, len(expected)),
        scratch_bytes_of(params),
    )
    np.testing.assert_array_equal(got, expected)


@given(data=st.data())
@settings(max_examples=40)
def test_conv_to_planar_rows(any_kernels, data):
    """The same numbers channel by channel, with zero points around each."""
    pads = data.draw(st.tuples(st.integers(0, 2), st.integers(0, 4)))
    params, image, expected, _ = draw_case(data, False, planar=pads)
    planar = planar_rows(expected, pads, params["output_offset"])
    got = any_kernels.run(
        "td_conv_s8",
        ("td_conv_params", params),
        [image],
        (planar.shape, np.int8),
        draw_rows(data, params, len(planar)),
        scratch_bytes_of(params),
    )
    np.testing.assert_array_equal(got, planar)


@given(data=st.data(), planar=st.none() | st.just((1, 2)))
@settings(max_examples=40)
def test_conv_in_rings(any_kernels, data, planar):
    """Row by row from and into rings that hold just the rows in use; all else is rubbish."""
    case = draw_case(data, False, planar, calls_share_scratch=False)
    params, image, expected, (geometry, rng) = case
    needed, reach = window_rows(geometry)
    if planar:
        expected = planar_rows(expected, planar, params["output_offset"])
    rings = (
        data.draw(st.integers(min(reach, len(image)), len(image) + 2)),
        data.draw(st.integers(1, len(expected))),
    )
    params |= dict(zip(("input_ring", "output_ring"), rings, strict=True))

    def run(held, before, rows):
        struct = ("td_conv_params", params)
        return any_kernels.run("td_conv_s8", struct, held, before, [rows], scratch_bytes_of(params))

    check_in_rings(run, [image], expected, rings, needed, rng)


@given(data=st.data())
@settings(max_examples=40)
def test_output_may_replace_input(any_kernels, data):
    """Rows may be written over rows of the input that are no longer needed.

    Both images lie in one buffer, the output so much before the input that each row comes to lie
    over nothing that it or a later row needs.
    """
    params, image, expected, (geometry, _) = draw_case(data, False)
    needed, _ = window_rows(geometry)
    input_row, output_row = image[0].nbytes, expected[0].nbytes
    # Ends of output rows, against the first byte that is still needed then.
    first = [max(0, min([*needed(y), len(image)])) for y in range(len(expected))]
    lead = max([0, *((y + 1) * output_row - first[y] * input_row for y in range(len(expected)))])
    memory = np.full(max(lead + image.nbytes, expected.nbytes), 99, np.int8)
    memory[lead : lead + image.nbytes] = image.reshape(-1)
    got = any_kernels.run(
        "td_conv_s8",
        ("td_conv_params", params),
        [lead],
        memory,
        [(0, len(expected))],
        scratch_bytes_of(params),
    )
    np.testing.assert_array_equal(got[: expected.nbytes], expected.reshape(-1))


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
        oracle.rescaled_once,
    )
    np.testing.assert_array_equal(got, expected.astype(np.int8))


def test_rows_left_alone(kernels):
    """Rows outside the range keep what they held; without a bias the sum starts at 0."""
    rng = np.random.default_rng(3)
    image = int8_values(rng, 6, 5, 4).astype(np.int8)
    weights = int8_values(rng, 3, 3, 3, 4).astype(np.int8)
    geometry = ((6, 5), (3, 3), (1, 1), (1, 1), (1, 1))
    factors = [(1 << 30, -7)] * 3
    fields = {"input_offset": 3, "output_offset": -2, "output_min": -128, "output_max": 127}
    params = conv_params((6, 5), geometry, weights, None, factors, fields)
    before = np.full((6, 5, 3), 77, np.int8)
    struct = ("td_conv_params", params)
    got = kernels.run("td_conv_s8", struct, [image], before, [(2, 5)], scratch_bytes_of(params))
    sums = oracle.convolution_sums(image, weights, np.zeros(3, int), 3, geometry)
    expected = oracle.outputs(sums, factors, -2, -128, 127).astype(np.int8)
    np.testing.assert_array_equal(got[2:5], expected[2:5])
    assert (got[[0, 1, 5]] == 77).all()


def test_form_is_chosen_by_the_processor(m7_kernels, m7_portable_kernels):
    assert m7_kernels.has("conv_block_dsp")
    assert not m7_portable_kernels.has("conv_block_dsp")


@given(data=st.data())
@settings(max_examples=15)
def test_conv_on_other_cores(core_kernels, data):
    """The assembler is the same for all that have its instructions."""
    params, image, expected, _ = draw_case(data, False)
    assert core_kernels.has("conv_task_split") or core_kernels.has("conv_block_dsp")
    output, whole = (expected.shape, np.int8), [(0, len(expected))]
    struct = ("td_conv_params", params)
    scratch = scratch_bytes_of(params)
    got = core_kernels.run("td_conv_s8", struct, [image], output, whole, scratch)
    np.testing.assert_array_equal(got, expected)


# Channels, and height and width of the window, for which td_conv_single_rows.h has other ways.
WINDOWS = [(3, (3, 3)), (8, (1, 1)), (16, (1, 1)), (31, (1, 1)), (64, (1, 1)), (14, (3, 3))]


@given(
    st.sampled_from(WINDOWS),
    st.integers(1, 34),
    st.sampled_from([(2, 8), (3, 5)]),
    st.sampled_from([None, (0, 0), (1, 2)]),
    st.integers(1, 8),
    st.booleans(),
    st.sampled_from([-128, 5]),
    seeds,
)
@settings(max_examples=60)
def test_many_channels_and_long_windows(
    core_kernels, window, out_channels, size, planar, groups_at_once, keeps_weights, offset, seed
):
    """Blocks of any shape, with weights in place and copied, groups in one row and across rows."""
    channels, filter_size = window
    rng = np.random.default_rng(seed)
    geometry = (size, filter_size, (1, 1), (1, 1), tuple(side // 2 for side in filter_size))
    fields = {"input_offset": 7, "output_offset": offset, "output_min": -128, "output_max": 127}
    image = int8_values(rng, *size, channels).astype(np.int8)
    weights = int8_values(rng, out_channels, *filter_size, channels, low=-127).astype(np.int8)
    bias = rng.integers(-5000, 5000, out_channels).astype(np.int32)
    factors = [
        (int(rng.integers(2**30, 2**31)), int(rng.integers(-12, -1))) for _ in range(out_channels)
    ]
    kwargs = {"groups_at_once": groups_at_once, "keeps_weights": keeps_weights}
    params = conv_params(size, geometry, weights, bias, factors, fields, planar, **kwargs)
    assert params["is_plain"]
    sums = oracle.convolution_sums(image, weights, bias, 7, geometry)
    expected = oracle.outputs(sums, factors, offset, -128, 127).astype(np.int8)
    if planar:
        expected = planar_rows(expected, planar, offset)
    got = core_kernels.run(
        "td_conv_s8",
        ("td_conv_params", params),
        [image],
        (expected.shape, np.int8),
        [(0, 1), (1, size[0])],
        scratch_bytes_of(params),
    )
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("kernel", ["kernels", "m7_kernels"])
@pytest.mark.parametrize("offset", [5, -128])
def test_large_sums(request, kernel, offset):
    """Sums near the limits of the short ways of rescaling (is_plain, is_joined) are exact."""
    weights = np.full((2, 1, 1, 32), 127, np.int8)
    weights[1] = -127
    image = np.array([[[-128] * 32, [127] * 32, [-128] * 16 + [127] * 16]], np.int8)
    geometry = ((1, 3), (1, 1), (1, 1), (1, 1), (0, 0))
    fields = {"input_offset": 0, "output_offset": offset, "output_min": -128, "output_max": 127}
    for first, second, joined in (
        (2**30 - 2**20, 2**23 - 2**20, 1),
        (1 - 2**30 + 2**20, 2**20 - 2**23, 1),
        (2**30 - 2**20, 2**30 - 2**20, 0),
    ):
        for shift in (-1, -15, -16, -23, -31):
            bias = np.array([first, second], np.int32)
            factors = [(2**31 - 1, shift)] * 2
            params = conv_params((1, 3), geometry, weights, bias, factors, fields)
            plain = int(shift < -1)
            assert (params["is_plain"], params["is_joined"]) == (plain, joined & plain)
            is_positive = joined and plain and offset == -128 and shift >= -15
            assert params["is_positive"] == is_positive
            got = request.getfixturevalue(kernel).run(
                "td_conv_s8",
                ("td_conv_params", params),
                [image],
                ((1, 3, 2), np.int8),
                [(0, 1)],
                scratch_bytes_of(params),
            )
            sums = oracle.convolution_sums(image, weights, bias, 0, geometry)
            expected = oracle.outputs(sums, factors, offset, -128, 127)
            np.testing.assert_array_equal(got, expected.astype(np.int8))
