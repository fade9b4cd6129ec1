"""AVERAGE_POOL_2D, MAX_POOL_2D, MEAN, RESIZE_* and SOFTMAX against the formulas."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.kernels import oracle
from tests.compiler.kernels.convolution_case import window_fields
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
from tinydet.compiler.lookup import nearest_indices, softmax_exp_table
from tinydet.compiler.requant import resize_scale_10

OUTSIDE = 10**6  # no int8 value


@given(data=st.data(), drawn=geometries(dilation=False), seed=seeds)
@settings(max_examples=60)
def test_pools(kernels, data, drawn, seed):
    """Of the pixels inside the image only: the largest; the average, halves away from zero."""
    size, (output, filter_size, stride, dilation, padding) = drawn
    # Every window holds a pixel: it starts inside the image, or less than its length in front.
    padding = tuple(min(p, f - 1) for p, f in zip(padding, filter_size, strict=True))
    output = tuple(
        min(o, (n - 1 + p) // s + 1)
        for o, n, p, s in zip(output, size, padding, stride, strict=True)
    )
    geometry = (output, filter_size, stride, dilation, padding)
    channels = data.draw(st.integers(1, 4))
    low, high = data.draw(clamps())
    image = int8_values(np.random.default_rng(seed), *size, channels).astype(np.int8)
    seen = oracle.windows(image.astype(object), geometry, OUTSIDE)
    seen = seen.transpose(0, 1, 4, 2, 3).reshape(*geometry[0], channels, -1)
    inside = [[v for v in window if v != OUTSIDE] for window in seen.reshape(-1, seen.shape[-1])]
    fields = window_fields(size, geometry)
    fields = {k: v for k, v in fields.items() if "dilation" not in k}
    fields |= {"channels": channels, "output_min": low, "output_max": high}
    needed, reach = window_rows(geometry)
    rings = (
        data.draw(st.integers(min(reach, size[0]), size[0])),
        data.draw(st.integers(1, geometry[0][0])),
    )
    whole = {"input_ring": size[0], "output_ring": geometry[0][0]}
    in_rings = {"input_ring": rings[0], "output_ring": rings[1]}
    ranges = data.draw(splits(geometry[0][0]))
    shape = (*geometry[0], channels)
    for name, of_window in (
        ("td_max_pool_s8", max),
        ("td_average_pool_s8", lambda window: oracle.halves_away(sum(window), len(window))),
    ):
        params = ("td_pool_params", fields | whole)
        got = kernels.run(name, params, [image], (shape, np.int8), ranges)
        expected = [min(max(of_window(window), low), high) for window in inside]
        np.testing.assert_array_equal(got.ravel(), expected)
        check_in_rings(
            lambda held, before, rows, name=name: kernels.run(
                name, ("td_pool_params", fields | in_rings), held, before, [rows]
            ),
            [image],
            got,
            rings,
            needed,
            np.random.default_rng(seed),
        )


@given(data=st.data(), factor=multipliers(), seed=seeds)
@settings(max_examples=60)
def test_mean(kernels, data, factor, seed):
    """Sums over the middle of [outer][reduced][inner], rescaled."""
    outer, reduced, inner = data.draw(st.tuples(*(st.integers(1, n) for n in (4, 30, 5))))
    offset, zero_point = -data.draw(zero_points), data.draw(zero_points)
    values = int8_values(np.random.default_rng(seed), outer, reduced, inner).astype(np.int8)
    params = {
        "reduced": reduced,
        "inner": inner,
        "requant": factor,
        "input_offset": offset,
        "output_offset": zero_point,
    }
    got = kernels.run(
        "td_mean_s8",
        ("td_mean_params", params),
        [values],
        ((outer, inner), np.int8),
        data.draw(splits(outer)),
    )
    sums = (values.astype(object) + offset).sum(axis=1)
    expected = oracle.outputs(sums, [factor] * inner, zero_point, -128, 127)
    np.testing.assert_array_equal(got, expected.astype(np.int8))


def bilinear(image, out_size, align_corners, half_pixel_centers):
    """Each output pixel from its position in 1/1024 pixels, weighed exactly."""
    places = []
    for in_side, out_side in zip(image.shape[:2], out_size, strict=True):
        step = resize_scale_10(in_side, out_side, align_corners)
        shift = Fraction(step // 2 - 512) if half_pixel_centers else Fraction(0)
        along = [(index * step + shift) / 1024 for index in range(out_side)]
        places.append([min(max(place, Fraction(0)), Fraction(in_side - 1)) for place in along])
    result = np.empty((*out_size, image.shape[2]), object)
    for y, x in np.ndindex(*out_size):
        v, h = places[0][y], places[1][x]
        rows = (int(v), min(int(v) + 1, image.shape[0] - 1))
        columns = (int(h), min(int(h) + 1, image.shape[1] - 1))
        for c in range(image.shape[2]):
            corners = [[int(image[r, k, c]) for k in columns] for r in rows]
            upper, lower = (row[0] * (1 - h % 1) + row[1] * (h % 1) for row in corners)
            exact = upper * (1 - v % 1) + lower * (v % 1)
            result[y, x, c] = oracle.halves_away(exact.numerator, exact.denominator)
    return result


def check_bilinear(kernels, data, image, out_size, mode):
    """A whole tensor in any split, then row by row in rings."""
    params = {
        "input_height": image.shape[0],
        "input_width": image.shape[1],
        "channels": image.shape[2],
        "output_height": out_size[0],
        "output_width": out_size[1],
        "half_pixel_centers": mode[1],
        "height_scale_10": resize_scale_10(image.shape[0], out_size[0], bool(mode[0])),
        "width_scale_10": resize_scale_10(image.shape[1], out_size[1], bool(mode[0])),
    }
    expected = bilinear(image, out_size, *mode).astype(np.int8)
    whole = {"input_ring": image.shape[0], "output_ring": out_size[0]}
    got = kernels.run(
        "td_resize_bilinear_s8",
        ("td_resize_bilinear_params", params | whole),
        [image],
        (expected.shape, np.int8),
        data.draw(splits(out_size[0])),
    )
    np.testing.assert_array_equal(got, expected)
    rings = (data.draw(st.integers(min(3, len(image)), len(image))), 1)
    struct = (
        "td_resize_bilinear_params",
        params | {"input_ring": rings[0], "output_ring": rings[1]},
    )
    step = params["height_scale_10"] / 1024
    check_in_rings(
        lambda held, before, rows: kernels.run(
            "td_resize_bilinear_s8", struct, held, before, [rows]
        ),
        [image],
        expected,
        rings,
        lambda y: [int(max(y * step + (step / 2 - 0.5) * mode[1], 0)) + i for i in (0, 1)],
        np.random.default_rng(0),
    )


@given(data=st.data(), mode=st.sampled_from([(0, 0), (0, 1), (1, 0)]), seed=seeds)
@settings(max_examples=50)
def test_resize_bilinear(kernels, data, mode, seed):
    """Positions in 1/1024 pixel, values rounded with halves away from zero, edges repeated."""
    in_size = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    out_size = data.draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    image = int8_values(np.random.default_rng(seed), *in_size, data.draw(st.integers(1, 3)))
    check_bilinear(kernels, data, image.astype(np.int8), out_size, mode)


@given(data=st.data(), seed=seeds)
@settings(max_examples=20)
def test_resize_to_twice_the_size(any_kernels, data, seed):
    """The same where both sides double, for any number of channels."""
    height, width, channels = (data.draw(st.integers(1, n)) for n in (5, 5, 9))
    image = int8_values(np.random.default_rng(seed), height, width, channels).astype(np.int8)
    check_bilinear(any_kernels, data, image, (2 * height, 2 * width), (0, 1))


@given(data=st.data(), mode=st.sampled_from([(0, 0), (0, 1), (1, 0), (1, 1)]), seed=seeds)
@settings(max_examples=40)
def test_resize_nearest(kernels, data, mode, seed):
    """Output pixel (y, x) is input pixel (row_of[y], column_of[x])."""
    in_size = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    out_size = data.draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    image = int8_values(np.random.default_rng(seed), *in_size, data.draw(st.integers(1, 3)))
    image = image.astype(np.int8)
    rows, columns = (
        np.array(nearest_indices(a, b, *map(bool, mode)), np.int16)
        for a, b in zip(in_size, out_size, strict=True)
    )
    params = {
        "input_width": in_size[1],
        "channels": image.shape[2],
        "output_height": out_size[0],
        "output_width": out_size[1],
        "input_ring": in_size[0],
        "output_ring": out_size[0],
        "row_of": rows,
        "column_of": columns,
    }
    got = kernels.run(
        "td_resize_nearest_s8",
        ("td_resize_nearest_params", params),
        [image],
        ((*out_size, image.shape[2]), np.int8),
        data.draw(splits(out_size[0])),
    )
    np.testing.assert_array_equal(got, image[rows][:, columns])


def softmax(row, table):
    """One row by the fixed-point steps of the reference, in unbounded integers."""
    exponentials = [table[max(row) - v] for v in row]
    total = sum(oracle.halves_away(e, 2**12) for e in exponentials)  # Q12.19
    whole_bits = total.bit_length() - 20  # total / 2**19 lies in [2**whole_bits, twice that)
    half = Fraction(total, 2 ** (whole_bits + 20))  # in [1/2, 1)
    half_raw = int(half * 2**31)
    estimate = 1515870810 + oracle.high_product(half_raw, -1010580540)  # Q2.29
    for _ in range(3):
        error = 2**29 - oracle.high_product(half_raw, estimate)
        estimate += 4 * oracle.high_product(estimate, error)
    scale = min(2 * estimate, 2**31 - 1)
    return [
        min(oracle.halves_away(oracle.high_product(scale, e), 2 ** (whole_bits + 23)) - 128, 127)
        for e in exponentials
    ]


@given(
    data=st.data(), scale=st.floats(2**-12, 2.0), beta=st.sampled_from([1.0, 0.5, 3.0]), seed=seeds
)
@settings(max_examples=60)
def test_softmax(kernels, data, scale, beta, seed):
    """Bit-equal to the fixed-point steps, within 1 of the real softmax, also in place."""
    classes, rows = data.draw(st.sampled_from([1, 2, 3, 21, 81, 300])), data.draw(st.integers(1, 4))
    values = int8_values(np.random.default_rng(seed), rows, classes).astype(np.int8)
    table = softmax_exp_table(scale, beta)
    in_place = data.draw(st.booleans())
    got = kernels.run(
        "td_softmax_s8",
        ("td_softmax_params", {"classes": classes, "exp_table": np.array(table, np.int32)}),
        [None if in_place else values],
        values if in_place else (values.shape, np.int8),
        data.draw(splits(rows)),
    )
    expected = [softmax([int(v) for v in row], table) for row in values]
    np.testing.assert_array_equal(got, expected)
    reals = np.exp(
        beta * np.float32(scale) * (values - values.max(axis=1, keepdims=True).astype(float))
    )
    shares = reals / reals.sum(axis=1, keepdims=True)
    assert np.abs(got - np.clip(shares * 256 - 128, -128, 127)).max() <= 1


@given(data=st.data(), seed=seeds)
@settings(max_examples=15)
def test_softmax_pairs(any_kernels, data, seed):
    """The entry of the distance, the larger value first; also in place."""
    rng = np.random.default_rng(seed)
    table = rng.integers(-128, 128, (256, 2)).astype(np.int8)
    values = int8_values(rng, data.draw(st.integers(1, 20)), 2).astype(np.int8)
    in_place = data.draw(st.booleans())
    got = any_kernels.run(
        "td_softmax_pairs_s8",
        (None, table),
        [None if in_place else values],
        values if in_place else (values.shape, np.int8),
        data.draw(splits(len(values))),
    )
    expected = [
        table[a - b] if a >= b else table[b - a][::-1] for a, b in values.astype(int).tolist()
    ]
    np.testing.assert_array_equal(got, expected)
