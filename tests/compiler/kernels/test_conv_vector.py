"""CONV_2D with weights for vectors of sixteen, against the formulas in unbounded integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.kernels import oracle
from tests.compiler.kernels.convolution_case import planar_rows, window_fields
from tests.compiler.kernels.rings import check_in_rings, window_rows
from tests.compiler.kernels.strategies import (
    clamps,
    geometries,
    int8_values,
    multipliers,
    seeds,
    splits,
    zero_points,
)
from tinydet.compiler.codegen.packing import Quantization
from tinydet.compiler.codegen.vector_packing import pack_vectors, vector_group_bytes, vector_steps
from tinydet.compiler.requant import Multiplier

GROUPS_AT_ONCE = 3


def draw_values(draw, is_plain):
    """Zero points, clamp, factors of all channels; plain ones are what the short form takes."""
    zero_point, output_zero = draw(zero_points), draw(st.sampled_from([-128, -128, 3, 127]))
    low, high = (-128, 127) if is_plain else draw(clamps())
    factors = draw(st.lists(multipliers(-1 if is_plain else 12), min_size=1, max_size=3))
    if is_plain:
        factors = [(multiplier, min(shift, -1)) for multiplier, shift in factors]
    return zero_point, output_zero, (low, high), factors


def build_case(rng, window, num_channels, values, *, planar=None, is_unsigned=False, groups=1):
    """Parameters, image, what must come out, geometry and the source of numbers."""
    (size, geometry), (channels, out_channels) = window, num_channels
    zero_point, output_zero, clamp, factors = values
    image = int8_values(rng, *size, channels).astype(np.int8)
    weights = int8_values(rng, out_channels, *geometry[1], channels).astype(np.int8)
    bound = 2 ** int(rng.integers(1, 30))
    bias = rng.integers(-bound, bound, out_channels).astype(np.int32)
    factors = [factors[c % len(factors)] for c in range(out_channels)]
    sums = oracle.convolution_sums(image, weights, bias, -zero_point, geometry)
    expected = oracle.outputs(sums, factors, output_zero, *clamp).astype(np.int8)
    shift = 128 if is_unsigned else 0
    code = Quantization(
        zero_point + shift, (0, 255) if is_unsigned else (-128, 127), (clamp[0], clamp[1])
    )
    packed = pack_vectors(weights, bias, [Multiplier(*f) for f in factors], code, output_zero)
    left, right = planar or (0, 0)
    (height, width), *_ = geometry
    stride = left + width + right
    params = {
        **window_fields(size, geometry),
        "input_channels": channels,
        "output_channels": out_channels,
        "input_ring": size[0],
        "output_ring": height,
        "input_zero_point": packed.input_zero_point,
        "output_offset": output_zero,
        "output_min": clamp[0],
        "output_max": clamp[1],
        "is_plain": int(packed.is_plain),
        "is_positive": int(packed.is_positive),
        "groups_at_once": groups,
        "pixel_stride": 1 if planar else out_channels,
        "channel_stride": stride if planar else 1,
        "output_pad_left": left,
        "output_pad_right": right,
        "output_row_bytes": out_channels * stride if planar else out_channels * width,
        "steps": vector_steps(weights[0].size),
        "weights": packed.weights,
        "channels": np.array(packed.channels, np.int32),
    }
    if planar:
        expected = planar_rows(expected, planar, output_zero)
    pixels = (image.astype(int) + shift).astype(np.uint8) if is_unsigned else image
    return params, pixels, expected, geometry, rng


@st.composite
def cases(draw, planar=None, is_unsigned=False):
    """What ``build_case`` makes of any window."""
    window = draw(geometries())
    num_channels = draw(st.integers(1, 37)), draw(st.integers(1, 9))
    values = draw_values(draw, draw(st.booleans()))
    rng, groups = np.random.default_rng(draw(seeds)), draw(st.integers(1, GROUPS_AT_ONCE))
    return build_case(
        rng, window, num_channels, values, planar=planar, is_unsigned=is_unsigned, groups=groups
    )


def run(kernels, case, ranges, output=None, image=None):
    """What the kernel writes."""
    params, pixels, expected, *_ = case
    pixels = pixels if image is None else image
    values = params["filter_height"] * params["filter_width"] * params["input_channels"]
    return kernels.run(
        "td_conv_vector_u8" if pixels.dtype == np.uint8 else "td_conv_vector_s8",
        ("td_conv_vector_params", params),
        [pixels],
        (expected.shape, np.int8) if output is None else output,
        ranges,
        params["groups_at_once"] * vector_group_bytes(values),
    )


@given(data=st.data(), is_unsigned=st.booleans())
@settings(max_examples=60)
def test_conv(any_kernels, data, is_unsigned):
    """Every window, clipped or not, and every split into rows gives the rescaled sum."""
    case = data.draw(cases(is_unsigned=is_unsigned))
    got = run(any_kernels, case, data.draw(splits(len(case[2]))))
    np.testing.assert_array_equal(got, case[2])


@given(data=st.data())
@settings(max_examples=40)
def test_conv_to_planar_rows(any_kernels, data):
    """The same numbers channel by channel, with zero points around each."""
    case = data.draw(cases(planar=(1, data.draw(st.integers(0, 4)))))
    got = run(any_kernels, case, data.draw(splits(len(case[2]))))
    np.testing.assert_array_equal(got, case[2])


@given(data=st.data(), planar=st.none() | st.just((1, 2)))
@settings(max_examples=30)
def test_conv_in_rings(any_kernels, data, planar):
    """Row by row from and into rings that hold just the rows in use; all else is rubbish."""
    case = data.draw(cases(planar))
    params, pixels, expected, geometry, rng = case
    needed, reach = window_rows(geometry)
    rings = (
        data.draw(st.integers(min(reach, len(pixels)), len(pixels) + 2)),
        data.draw(st.integers(1, len(expected))),
    )
    params |= dict(zip(("input_ring", "output_ring"), rings, strict=True))

    def one(held, before, rows):
        return run(any_kernels, case, [rows], before, held[0])

    check_in_rings(one, [pixels], expected, rings, needed, rng)


@pytest.mark.parametrize("steps", range(1, 19))
@pytest.mark.parametrize("output_zero", [-128, 3], ids=["positive", "any"])
def test_every_number_of_steps(any_kernels, steps, output_zero):
    """The form in Helium has a loop for each of few steps, and enters a row of eight for more."""
    rng = np.random.default_rng(steps)
    window = (2, 13), ((2, 13), (1, 1), (1, 1), (1, 1), (0, 0))
    values = 5, output_zero, (-128, 127), [(0x5A82799A, -9), (0x7FFFFFFF, -8)]
    planar = (1, 2) if steps % 2 else None
    case = build_case(rng, window, (16 * steps - steps % 3, 3), values, planar=planar)
    assert case[0]["is_plain"]
    assert case[0]["steps"] == steps
    np.testing.assert_array_equal(run(any_kernels, case, [(0, 2)]), case[2])


def test_a_first_layer(any_kernels):
    """Windows of three rows of an image, in groups along a row, at its edges and within."""
    rng = np.random.default_rng(0)
    window = (9, 39), ((5, 20), (3, 3), (2, 2), (1, 1), (1, 1))
    values = 7, -128, (-128, 127), [(0x5A82799A, -9)]
    case = build_case(rng, window, (3, 5), values, planar=(1, 3), is_unsigned=True)
    np.testing.assert_array_equal(run(any_kernels, case, [(0, 2), (2, 5)]), case[2])


@pytest.mark.parametrize(
    ("size", "output", "stride", "planar"),
    [
        ((3, 24), (3, 9), (1, 1), None),  # rows go on behind the last pixel that is used
        ((2, 6), (4, 9), (2, 3), None),  # windows behind the end of the image
        ((6, 1), (6, 1), (1, 1), (1, 0)),  # channels of two bytes
        ((3, 6), (3, 6), (1, 1), (1, 1)),  # four pixels through the end of a row
    ],
)
@pytest.mark.parametrize("is_unsigned", [False, True])
def test_points_of_few_values(any_kernels, size, output, stride, planar, is_unsigned):
    """Windows of one pixel, which the form in Helium reads where they lie, where it can."""
    window = size, (output, (1, 1), stride, (1, 1), (0, 0))
    values = 7, -128, (-128, 127), [(0x5A82799A, -9)]
    rng = np.random.default_rng(1)
    case = build_case(rng, window, (11, 5), values, planar=planar, is_unsigned=is_unsigned)
    np.testing.assert_array_equal(run(any_kernels, case, [(0, output[0])]), case[2])


def test_form_is_chosen_by_the_processor(m7_kernels):
    assert not m7_kernels.has("conv_vector_block_mve")
