"""ADD and MUL against the formulas in unbounded integers."""

import numpy as np
import pytest
from hypothesis import given, settings
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

NO_BROADCAST = (True, True, True)
EXACT_ADD = {"a_factor": 0, "b_factor": 0, "addend": 0, "is_affine": 0}


def strides_of(shape, kept):
    """Strides of a dense operand whose dimensions that are not kept have length 1."""
    lengths = [n if keep else 1 for n, keep in zip(shape, kept, strict=True)]
    dense = (lengths[1] * lengths[2], lengths[2], 1)
    return tuple(lengths), tuple(s if keep else 0 for s, keep in zip(dense, kept, strict=True))


@st.composite
def pairs(draw):
    """(walk, a, b, which operand may be overwritten) with broadcasts of either side."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 9)))
    masks = st.one_of(st.just(NO_BROADCAST), st.tuples(*[st.booleans()] * 3))
    kept_a, kept_b = draw(masks), draw(masks)
    rng = np.random.default_rng(draw(seeds))
    (a_shape, a_stride), (b_shape, b_stride) = strides_of(shape, kept_a), strides_of(shape, kept_b)
    rings = dict.fromkeys(("a_ring", "b_ring", "output_ring"), shape[0])
    walk = {"shape": shape, "a_stride": a_stride, "b_stride": b_stride, **rings}
    a, b = (int8_values(rng, *s).astype(np.int8) for s in (a_shape, b_shape))
    return walk, a, b


def run_pair(kernels, function, params, a, b, data):
    """The kernel's output; into a fresh buffer, or over a whole operand."""
    shape = params["walk"]["shape"]
    whole = [i for i, operand in enumerate((a, b)) if operand.shape == shape]
    operands, output = [a, b], (shape, np.int8)
    if whole and data.draw(st.booleans(), label="in place"):
        output, operands[whole[-1]] = operands[whole[-1]].copy(), None
    struct = function.replace("_s8", "_params")
    ranges = data.draw(splits(shape[0]))
    return kernels.run(function, (struct, params), operands, output, ranges)


@given(data=st.data(), pair=pairs())
@settings(max_examples=40)
def test_add(kernels, data, pair):
    """Both inputs are raised by 20 bits, rescaled, summed and rescaled; also in place."""
    walk, a, b = pair
    factors = [data.draw(multipliers(max_shift=0)) for _ in range(3)]
    offsets = [-data.draw(zero_points), -data.draw(zero_points), data.draw(zero_points)]
    low, high = data.draw(clamps())
    params = {
        "walk": walk,
        "a_requant": factors[0],
        "b_requant": factors[1],
        "output_requant": factors[2],
        **EXACT_ADD,
        "a_offset": offsets[0],
        "b_offset": offsets[1],
        "output_offset": offsets[2],
        "output_min": low,
        "output_max": high,
    }
    got = run_pair(kernels, "td_add_s8", params, a, b, data)

    def value(x, y):
        raised = [oracle.rescaled((x + offsets[0]) << 20, factors[0])]
        raised.append(oracle.rescaled((y + offsets[1]) << 20, factors[1]))
        return min(max(oracle.rescaled(sum(raised), factors[2]) + offsets[2], low), high)

    expected = np.vectorize(value)(*np.broadcast_arrays(a.astype(object), b.astype(object)))
    np.testing.assert_array_equal(got, np.broadcast_to(expected, walk["shape"]))


@given(data=st.data(), seed=seeds)
@settings(max_examples=20)
def test_affine_add(any_kernels, data, seed):
    """In one step by any factors, rows of any length, with and without a clamp; also in place."""
    rows, count = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 19))
    rng = np.random.default_rng(seed)
    a, b = (int8_values(rng, rows, 1, count).astype(np.int8) for _ in range(2))
    factors = [int(rng.integers(0, 2**30)) for _ in range(2)]
    addend = int(rng.integers(-(2**29), 2**29))
    low, high = data.draw(clamps())
    walk = {"shape": (rows, 1, count), "a_stride": (count, 0, 1), "b_stride": (count, 0, 1)}
    params = {
        "walk": walk | dict.fromkeys(("a_ring", "b_ring", "output_ring"), rows),
        **dict.fromkeys(("a_requant", "b_requant", "output_requant"), (0, 0)),
        "a_factor": factors[0],
        "b_factor": factors[1],
        "addend": addend,
        **dict.fromkeys(("a_offset", "b_offset", "output_offset"), 0),
        "output_min": low,
        "output_max": high,
        "is_affine": 1,
    }
    got = run_pair(any_kernels, "td_add_s8", params, a, b, data)
    parts = [
        factor * values.astype(object) // 256
        for factor, values in zip(factors, (a, b), strict=True)
    ]
    expected = np.clip((addend + parts[0] + parts[1]) // 2**22, low, high)
    np.testing.assert_array_equal(got, expected.astype(np.int8))


@pytest.mark.parametrize("kind", ["add", "mul"])
@given(data=st.data(), seed=seeds)
@settings(max_examples=20)
def test_pairs_in_rings(kernels, kind, data, seed):
    """Row by row from and into rings, the first operand or (stride 0) one row of it broadcast."""
    height, width = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 9))
    rng = np.random.default_rng(seed)
    a_rows = height if data.draw(st.booleans(), label="a of full height") else 1
    a, b = (int8_values(rng, n, 1, width).astype(np.int8) for n in (a_rows, height))
    rings = tuple(data.draw(st.integers(1, n)) for n in (a_rows, height, height))
    walk = {
        "shape": (height, 1, width),
        "a_stride": (width if a_rows == height else 0, 0, 1),
        "b_stride": (width, 0, 1),
        **dict(zip(("a_ring", "b_ring", "output_ring"), rings, strict=True)),
    }
    factor = (1 << 30, -5)
    names = ("a_requant", "b_requant", "output_requant") if kind == "add" else ("output_requant",)
    params = {
        "walk": walk,
        **dict.fromkeys(names, factor),
        **(EXACT_ADD if kind == "add" else {}),
        "a_offset": 3,
        "b_offset": -7,
        "output_offset": 5,
        "output_min": -128,
        "output_max": 127,
    }
    whole = walk | dict(zip(("a_ring", "b_ring", "output_ring"), (height,) * 3, strict=True))
    full = np.broadcast_to(a, b.shape)
    expected = kernels.run(
        f"td_{kind}_s8",
        (f"td_{kind}_params", params | {"walk": whole | {"a_stride": (width, 0, 1)}}),
        [full, b],
        (b.shape, np.int8),
        [(0, height)],
    )
    check_in_rings(
        lambda held, before, rows: kernels.run(
            f"td_{kind}_s8", (f"td_{kind}_params", params), held, before, [rows]
        ),
        [full if a_rows == height else a, b],
        expected,
        rings,
        lambda y: [y] if a_rows == height else [0, y],
        rng,
    )


@given(data=st.data(), pair=pairs())
@settings(max_examples=40)
def test_mul(kernels, data, pair):
    """The product of the moved inputs is rescaled; also in place."""
    walk, a, b = pair
    factor = data.draw(multipliers())
    offsets = [-data.draw(zero_points), -data.draw(zero_points), data.draw(zero_points)]
    low, high = data.draw(clamps())
    params = {
        "walk": walk,
        "output_requant": factor,
        "a_offset": offsets[0],
        "b_offset": offsets[1],
        "output_offset": offsets[2],
        "output_min": low,
        "output_max": high,
    }
    got = run_pair(kernels, "td_mul_s8", params, a, b, data)

    def value(x, y):
        product = (x + offsets[0]) * (y + offsets[1])
        return min(max(oracle.rescaled(product, factor) + offsets[2], low), high)

    expected = np.vectorize(value)(*np.broadcast_arrays(a.astype(object), b.astype(object)))
    np.testing.assert_array_equal(got, np.broadcast_to(expected, walk["shape"]))
