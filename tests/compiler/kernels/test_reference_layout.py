"""Kernels that move, repeat or gather values against LiteRT's reference kernels, all bits."""

import numpy as np
import pytest

from tests.compiler.kernels.single_operator import Operand, build, constant, run_reference
from tests.compiler.kernels.strategies import int8_values
from tinydet.compiler import lookup, requant

RESIZES = [
    ((3, 4), (6, 8)),
    ((6, 6), (12, 12)),
    ((3, 2), (5, 3)),
    ((7, 5), (3, 2)),
    ((4, 3), (7, 11)),
]


@pytest.mark.parametrize("sizes", RESIZES)
@pytest.mark.parametrize("mode", [(False, False), (False, True), (True, False)])
@pytest.mark.parametrize("kind", ["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"])
def test_resizes(kernels, kind, sizes, mode):
    in_size, out_size = sizes
    align_corners, half_pixel_centers = mode
    image = int8_values(np.random.default_rng(5), *in_size, 3).astype(np.int8)
    content = build(
        kind,
        [Operand((1, *image.shape), 0.1, 3), constant(np.array(out_size, np.int32))],
        Operand((1, *out_size, 3), 0.1, 3),
        alignCorners=align_corners,
        halfPixelCenters=half_pixel_centers,
    )
    params = {
        "input_width": in_size[1],
        "channels": 3,
        "output_height": out_size[0],
        "output_width": out_size[1],
        "input_ring": in_size[0],
        "output_ring": out_size[0],
    }
    if kind == "RESIZE_BILINEAR":
        name = "td_resize_bilinear"
        params |= {
            "input_height": in_size[0],
            "half_pixel_centers": int(half_pixel_centers),
            "height_scale_10": requant.resize_scale_10(in_size[0], out_size[0], align_corners),
            "width_scale_10": requant.resize_scale_10(in_size[1], out_size[1], align_corners),
        }
    else:
        name = "td_resize_nearest"
        for field, axis in (("row_of", 0), ("column_of", 1)):
            indices = lookup.nearest_indices(in_size[axis], out_size[axis], *mode)
            params[field] = np.array(indices, np.int16)
    output = ((*out_size, 3), np.int8)
    got = kernels.run(f"{name}_s8", (f"{name}_params", params), [image], output, [(0, out_size[0])])
    np.testing.assert_array_equal(got, run_reference(content, image[None])[0])


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("half_pixel_centers", [False, True])
def test_nearest_indices(align_corners, half_pixel_centers):
    """All pairs of sides up to 24."""
    for in_side in range(1, 25, 3):
        row = np.arange(in_side, dtype=np.int8).reshape(1, 1, in_side, 1)
        for out_side in range(1, 25):
            content = build(
                "RESIZE_NEAREST_NEIGHBOR",
                [Operand(row.shape, 0.1), constant(np.array([1, out_side], np.int32))],
                Operand((1, 1, out_side, 1), 0.1),
                alignCorners=align_corners,
                halfPixelCenters=half_pixel_centers,
            )
            expected = tuple(run_reference(content, row).ravel().tolist())
            got = lookup.nearest_indices(in_side, out_side, align_corners, half_pixel_centers)
            assert got == expected, (in_side, out_side)


@pytest.mark.parametrize("scales", [(0.05, 0.03), (0.02, 0.021), (0.1, 0.1), (0.9, 0.001)])
@pytest.mark.parametrize("axes", [(1, 2), (3,), (2,), (2, 3)])
@pytest.mark.parametrize("keep_dims", [False, True])
def test_mean(kernels, scales, axes, keep_dims):
    in_scale, out_scale = (np.float32(s) for s in scales)
    values = int8_values(np.random.default_rng(6), 1, 7, 6, 5).astype(np.int8)
    kept = np.mean(values, axes, keepdims=keep_dims).shape
    content = build(
        "MEAN",
        [Operand(values.shape, float(in_scale), -20), constant(np.array(axes, np.int32))],
        Operand(kept, float(out_scale), 33),
        keepDims=keep_dims,
    )
    reduced = int(np.prod([values.shape[a] for a in axes]))
    inner = int(np.prod(values.shape[axes[-1] + 1 :]))
    outer = values.size // (reduced * inner)
    params = {
        "reduced": reduced,
        "inner": inner,
        "requant": tuple(requant.mean_multiplier(in_scale, out_scale, reduced)),
        "input_offset": 20,
        "output_offset": 33,
    }
    output = ((outer, inner), np.int8)
    got = kernels.run("td_mean_s8", ("td_mean_params", params), [values], output, [(0, outer)])
    np.testing.assert_array_equal(got.ravel(), run_reference(content, values).ravel())


@pytest.mark.parametrize("kind", ["PAD", "PADV2"])
def test_pad(kernels, kind):
    image = int8_values(np.random.default_rng(8), 4, 3, 2).astype(np.int8)
    amounts = np.array([[0, 0], [1, 2], [0, 3], [2, 1]], np.int32)
    shape = tuple(int(n) for n in np.array([1, 4, 3, 2]) + amounts.sum(axis=1))
    operands = [Operand((1, 4, 3, 2), 0.1, -9), constant(amounts)]
    if kind == "PADV2":
        operands.append(constant(np.array([5], np.int8), 0.1, -9))
    content = build(kind, operands, Operand(shape, 0.1, -9))
    params = {
        "input_height": 4,
        "input_width": 3,
        "input_channels": 2,
        "input_ring": 4,
        "output_ring": shape[1],
        "before": tuple(int(n) for n in amounts[1:, 0]),
        "after": tuple(int(n) for n in amounts[1:, 1]),
        "value": 5 if kind == "PADV2" else -9,
    }
    output = (shape[1:], np.int8)
    got = kernels.run("td_pad_s8", ("td_pad_params", params), [image], output, [(0, shape[1])])
    np.testing.assert_array_equal(got, run_reference(content, image[None])[0])


@pytest.mark.parametrize("axis", [1, 3])
def test_concat(kernels, axis):
    rng = np.random.default_rng(9)
    shapes = [[1, 2, 3, 4], [1, 2, 3, 4]]
    shapes[1][axis] = 6
    parts = [int8_values(rng, *shape).astype(np.int8) for shape in shapes]
    whole = list(shapes[0])
    whole[axis] += 6
    operands = [Operand(tuple(shape), 0.1, 4) for shape in shapes]
    content = build("CONCATENATION", operands, Operand(tuple(whole), 0.1, 4), axis=axis)
    output, start = np.zeros(whole, np.int8), 0
    for part in parts:
        run = int(np.prod(part.shape[axis:]))
        params = {
            "outer": int(np.prod(whole[:axis])),
            "input_run": run,
            "output_run": int(np.prod(whole[axis:])),
            "output_start": start,
        }
        output = kernels.run("td_concat_s8", ("td_concat_params", params), [part], output)
        start += run
    np.testing.assert_array_equal(output, run_reference(content, *parts))
