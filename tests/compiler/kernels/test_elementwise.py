"""QUANTIZE, table look-up, PAD, CONCATENATION and the float edge against the formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.compiler.kernels import oracle
from tests.compiler.kernels.rings import check_in_rings
from tests.compiler.kernels.strategies import (
    clamps,
    int8_values,
    multipliers,
    seeds,
    splits,
    zero_points,
)


@pytest.mark.parametrize("types", ["s8_s8", "s8_u8", "u8_s8", "u8_u8"])
@given(data=st.data(), factor=multipliers(max_shift=20))
def test_requantize(kernels, types, data, factor):
    """All 256 values, any zero points, also in place."""
    dtypes = [np.int8 if part == "s8" else np.uint8 for part in types.split("_")]
    lowest = [int(np.iinfo(dtype).min) for dtype in dtypes]
    offset = -(data.draw(zero_points) + 128 + lowest[0])
    zero_point = data.draw(zero_points) + 128 + lowest[1]
    low, high = data.draw(clamps(lowest[1], lowest[1] + 255))
    values = np.arange(lowest[0], lowest[0] + 256).astype(dtypes[0])
    params = {
        "requant": factor,
        "input_offset": offset,
        "output_offset": zero_point,
        "output_min": low,
        "output_max": high,
    }
    in_place = data.draw(st.booleans())
    got = kernels.run(
        f"td_requantize_{types}",
        ("td_requantize_params", params),
        [None if in_place else values],
        values if in_place else ((256,), dtypes[1]),
        data.draw(splits(256)),
    ).view(dtypes[1])
    expected = [
        min(max(oracle.rescaled(int(v) + offset, factor) + zero_point, low), high) for v in values
    ]
    np.testing.assert_array_equal(got, expected)


@given(seed=seeds, data=st.data())
def test_lookup(kernels, seed, data):
    """Entry (uint8) value; also in place."""
    rng = np.random.default_rng(seed)
    table = rng.integers(-128, 128, 256).astype(np.int8)
    values = rng.permutation(np.arange(-128, 128)).astype(np.int8)
    in_place = data.draw(st.booleans())
    inputs, output = ([None], values) if in_place else ([values], ((256,), np.int8))
    got = kernels.run("td_lookup_s8", (None, table), inputs, output, data.draw(splits(256)))
    np.testing.assert_array_equal(got, [table[int(v) % 256] for v in values])


@given(data=st.data(), seed=seeds)
def test_pad(kernels, data, seed):
    """Any amount on all six sides, in rows."""
    sides = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2))
    shape = data.draw(st.tuples(*[st.integers(1, 5)] * 3))
    before, after, value = data.draw(sides), data.draw(sides), data.draw(zero_points)
    image = int8_values(np.random.default_rng(seed), *shape).astype(np.int8)
    expected = np.pad(image, list(zip(before, after, strict=True)), constant_values=value)
    params = dict(zip(("input_height", "input_width", "input_channels"), shape, strict=True))
    params |= {"before": before, "after": after, "value": value}
    rings = {"input_ring": shape[0], "output_ring": len(expected)}
    got = kernels.run(
        "td_pad_s8",
        ("td_pad_params", params | rings),
        [image],
        (expected.shape, np.int8),
        data.draw(splits(expected.shape[0])),
    )
    np.testing.assert_array_equal(got, expected)
    rings = tuple(data.draw(st.integers(1, n)) for n in (shape[0], len(expected)))
    struct = ("td_pad_params", params | {"input_ring": rings[0], "output_ring": rings[1]})
    check_in_rings(
        lambda held, before, rows: kernels.run("td_pad_s8", struct, held, before, [rows]),
        [image],
        expected,
        rings,
        lambda y: [y - before[0]],
        np.random.default_rng(seed),
    )


@given(data=st.data(), axis=st.integers(0, 2), seed=seeds)
def test_concat(kernels, data, axis, seed):
    """Part by part along any axis; what belongs to other parts is not touched."""
    rng = np.random.default_rng(seed)
    shape = list(data.draw(st.tuples(*[st.integers(1, 4)] * 3)))
    parts = []
    for length in data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)):
        shape[axis] = length
        parts.append(int8_values(rng, *shape).astype(np.int8))
    expected = np.concatenate(parts, axis)
    inner = int(np.prod(expected.shape[axis + 1 :]))
    output = np.full(expected.shape, 77, np.int8)
    start = 0
    for part in parts:
        run = part.shape[axis] * inner
        params = {
            "outer": int(np.prod(expected.shape[:axis])),
            "input_run": run,
            "output_run": expected.shape[axis] * inner,
            "output_start": start,
        }
        output = kernels.run("td_concat_s8", ("td_concat_params", params), [part], output)
        start += run
    np.testing.assert_array_equal(output, expected)


@pytest.mark.parametrize("kind", ["s8", "u8"])
@given(
    scale=st.floats(2**-20, 100, width=32), zero=zero_points, values=st.lists(st.floats(width=32))
)
def test_float_edge(kernels, kind, scale, zero, values):
    """DEQUANTIZE of all values is exact to the bit; QUANTIZE takes it back and clamps the rest."""
    dtype, lowest = (np.int8, -128) if kind == "s8" else (np.uint8, 0)
    zero += 128 + lowest
    params = ("td_dequantize_params", {"scale": scale, "zero_point": zero})
    codes = np.arange(lowest, lowest + 256).astype(dtype)
    whole = [(0, 256)]
    floats = kernels.run(f"td_dequantize_{kind}", params, [codes], ((256,), np.float32), whole)
    reals = np.float64(np.float32(scale)) * (codes.astype(np.float64) - zero)
    np.testing.assert_array_equal(floats, reals.astype(np.float32))
    back = kernels.run(f"td_quantize_{kind}", params, [floats], ((256,), dtype), whole)
    np.testing.assert_array_equal(back, codes)
    if not values:
        return
    wild = np.array(values, np.float32)
    got = kernels.run(f"td_quantize_{kind}", params, [wild], (wild.shape, dtype), [(0, len(wild))])
    with np.errstate(over="ignore"):
        steps = np.nan_to_num((wild / np.float32(scale)).astype(np.float64), nan=-np.inf)
    rounded = np.sign(steps) * np.floor(np.abs(np.clip(steps, -2000, 2000)) + 0.5)
    np.testing.assert_array_equal(got, np.clip(rounded + zero, lowest, lowest + 255).astype(dtype))
