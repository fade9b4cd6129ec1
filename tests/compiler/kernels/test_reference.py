"""The kernels, with the factors of requant.py, against LiteRT's reference kernels, all bits."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.compiler.kernels.convolution_case import conv_params, scratch_bytes_of, window_fields
from tests.compiler.kernels.single_operator import Operand, build, constant, run_reference
from tests.compiler.kernels.strategies import int8_values, requant_array
from tests.compiler.kernels.test_depthwise import ROUND_ANY, channel_constants
from tinydet.compiler import lookup, requant
from tinydet.compiler.affine_add import affine_add

ACTIVATIONS = vars(schema.ActivationFunctionType)
SCALES = (0.0235294122248888, 0.5, 0.003921568859368563, 0.1172345)


def windowing(size, filter_size, stride, dilation, padding):
    """Geometry as the file's SAME or VALID means it."""
    out, before = [], []
    for length, f, s, d in zip(size, filter_size, stride, dilation, strict=True):
        reach = (f - 1) * d + 1
        out.append(-(-length // s) if padding == "SAME" else -(-(length - reach + 1) // s))
        missing = max(0, (out[-1] - 1) * s + reach - length) if padding == "SAME" else 0
        before.append(missing // 2)
    return tuple(out), filter_size, stride, dilation, tuple(before)


def window_options(geometry, padding, activation):
    _, _, stride, dilation, _ = geometry
    return {
        "padding": getattr(schema.Padding, padding),
        "strideH": stride[0],
        "strideW": stride[1],
        "dilationHFactor": dilation[0],
        "dilationWFactor": dilation[1],
        "fusedActivationFunction": ACTIVATIONS[activation],
    }


def clamp_fields(activation, scale, zero_point):
    low, high = requant.activation_range(activation, scale, zero_point)
    return {"output_min": low, "output_max": high}


CONVOLUTIONS = [
    # size, filter, stride, dilation, padding, per channel, activation
    ((9, 7), (3, 3), (2, 2), (1, 1), "SAME", True, "RELU6"),
    ((8, 10), (3, 3), (1, 1), (1, 1), "SAME", True, "NONE"),
    ((5, 6), (1, 1), (1, 1), (1, 1), "VALID", False, "RELU"),
    ((9, 8), (3, 2), (1, 1), (2, 3), "SAME", True, "RELU_N1_TO_1"),
    ((9, 11), (2, 5), (3, 2), (1, 1), "VALID", True, "NONE"),
]


@pytest.mark.parametrize("case", CONVOLUTIONS)
@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize("out_scale", [0.05, 0.00002])  # the second needs left shifts
def test_convolutions(kernels, case, kind, out_scale):
    size, filter_size, stride, dilation, padding, per_channel, activation = case
    rng = np.random.default_rng(1)
    in_channels, in_scale, in_zero, out_zero = 3, 0.0235294122248888, -7, 11
    multiplier = 2 if padding == "VALID" else 1
    is_conv = kind == "CONV_2D"
    out_channels = 6 if is_conv else in_channels * multiplier
    weight_shape = (*filter_size, in_channels) if is_conv else (*filter_size, out_channels)
    weights = int8_values(rng, *((out_channels,) if is_conv else (1,)), *weight_shape).astype(
        np.int8
    )
    weight_scales = rng.uniform(0.001, 0.02, out_channels if per_channel else 1)
    weight_scales = tuple(float(s) for s in weight_scales.astype(np.float32))
    bias = rng.integers(-5000, 5000, out_channels).astype(np.int32)
    image = int8_values(rng, *size, in_channels).astype(np.int8)
    geometry = windowing(size, filter_size, stride, dilation, padding)
    options = window_options(geometry, padding, activation)
    if not is_conv:
        options["depthMultiplier"] = multiplier
    content = build(
        kind,
        [
            Operand((1, *image.shape), in_scale, in_zero),
            constant(weights, weight_scales, axis=0 if is_conv else 3),
            constant(bias, tuple(in_scale * s for s in weight_scales)),
        ],
        Operand((1, *geometry[0], out_channels), out_scale, out_zero),
        **options,
    )
    in_scale32, out_scale32 = float(np.float32(in_scale)), float(np.float32(out_scale))
    factors = requant.convolution_multipliers(in_scale32, weight_scales, out_scale32, out_channels)
    fields = clamp_fields(activation, out_scale32, out_zero) | {"output_offset": out_zero}

    def params_of(input_offset, input_range=(-128, 127)):
        quantization = fields | {"input_offset": input_offset}
        if is_conv:
            return conv_params(
                size, geometry, weights, bias, factors, quantization, input_range=input_range
            )
        return {
            **window_fields(size, geometry),
            **fields,
            "input_channels": in_channels,
            "depth_multiplier": multiplier,
            "input_ring": size[0],
            "output_ring": geometry[0][0],
            "rounding": ROUND_ANY,
            "outside": np.full(in_channels, -input_offset % 256, np.uint8),
            **channel_constants(weights[0], bias, -input_offset, factors),
        }

    scratch = scratch_bytes_of(params_of(0)) if is_conv else None
    name = "conv" if is_conv else "depthwise"
    shape = (*geometry[0], out_channels)
    whole = [(0, shape[0])]
    struct = (f"td_{name}_params", params_of(-in_zero))
    got = kernels.run(f"td_{name}_s8", struct, [image], (shape, np.int8), whole, scratch)
    expected = run_reference(content, image[None])[0]
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(got, expected)
    # The same image as uint8, its QUANTIZE folded into the offset.
    struct = (f"td_{name}_params", params_of(-in_zero - 128, (0, 255)))
    raised = (image.astype(np.int16) + 128).astype(np.uint8)
    got = kernels.run(f"td_{name}_u8", struct, [raised], (shape, np.int8), whole, scratch)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("per_channel", [False, True])
def test_fully_connected(kernels, per_channel):
    rng = np.random.default_rng(2)
    values = int8_values(rng, 3, 20).astype(np.int8)
    weights = int8_values(rng, 7, 20).astype(np.int8)
    scales = rng.uniform(0.001, 0.02, 7 if per_channel else 1).astype(np.float32)
    bias = rng.integers(-5000, 5000, 7).astype(np.int32)
    in_scale, out_scale = np.float32(0.05), np.float32(0.07)
    content = build(
        "FULLY_CONNECTED",
        [
            Operand((3, 20), float(in_scale), 5),
            constant(weights, tuple(map(float, scales))),
            constant(bias, tuple(float(in_scale * s) for s in scales)),
        ],
        Operand((3, 7), float(out_scale), -20),
        fusedActivationFunction=ACTIVATIONS["RELU"],
    )
    params = {
        **clamp_fields("RELU", out_scale, -20),
        "input_count": 20,
        "output_count": 7,
        "input_offset": -5,
        "output_offset": -20,
        "weights": weights,
        "bias": bias,
        "requant": requant_array(requant.convolution_multipliers(in_scale, scales, out_scale, 7)),
    }
    got = kernels.run(
        "td_fully_connected_s8",
        ("td_fully_connected_params", params),
        [values],
        ((3, 7), np.int8),
        [(0, 3)],
    )
    np.testing.assert_array_equal(got, run_reference(content, values))


PAIR_SCALES = [(0.02, 0.03, 0.04), (0.5, 0.001, 0.3), (0.1, 0.1, 0.05), (0.7, 0.013, 0.11)]


@pytest.mark.parametrize("kind", ["ADD", "MUL"])
@pytest.mark.parametrize("scales", PAIR_SCALES)
@pytest.mark.parametrize("activation", ["NONE", "RELU6"])
def test_add_and_mul_of_all_pairs(kernels, kind, scales, activation):
    """All 65536 pairs of values."""
    a_scale, b_scale, out_scale = (np.float32(s) for s in scales)
    if kind == "MUL":
        out_scale = np.float32(out_scale * a_scale * 90)
    zeros = (-3, 100, -17)
    a, b = (grid.astype(np.int8) for grid in np.mgrid[-128:128, -128:128])
    content = build(
        kind,
        [
            Operand((1, 256, 256), float(a_scale), zeros[0]),
            Operand((1, 256, 256), float(b_scale), zeros[1]),
        ],
        Operand((1, 256, 256), float(out_scale), zeros[2]),
        fusedActivationFunction=ACTIVATIONS[activation],
    )
    params = {
        "walk": {
            "shape": (256, 1, 256),
            "a_stride": (256, 0, 1),
            "b_stride": (256, 0, 1),
            **dict.fromkeys(("a_ring", "b_ring", "output_ring"), 256),
        },
        **clamp_fields(activation, out_scale, zeros[2]),
        "a_offset": -zeros[0],
        "b_offset": -zeros[1],
        "output_offset": zeros[2],
    }
    if kind == "ADD":
        names = ("a_requant", "b_requant", "output_requant")
        factors = requant.add_multipliers(a_scale, b_scale, out_scale)
        params |= dict(zip(names, map(tuple, factors), strict=True))
        params |= {"a_factor": 0, "b_factor": 0, "addend": 0, "is_affine": 0}
    else:
        params["output_requant"] = tuple(requant.mul_multiplier(a_scale, b_scale, out_scale))
    name = f"td_{kind.lower()}"
    got = kernels.run(
        f"{name}_s8", (f"{name}_params", params), [a, b], (a.shape, np.int8), [(0, 256)]
    )
    expected = run_reference(content, a[None], b[None])[0]
    np.testing.assert_array_equal(got, expected)
    affine = affine_add(tuple(map(float, (a_scale, b_scale, out_scale))), zeros)
    if kind == "ADD" and affine is not None:
        params |= affine._asdict() | {"is_affine": 1}
        struct = ("td_add_params", params)
        got = kernels.run("td_add_s8", struct, [a, b], (a.shape, np.int8), [(0, 256)])
        np.testing.assert_array_equal(got, expected)


def test_mul_factor_is_rounded_to_float32():
    """A triple where the float64 factor would give other numbers than the reference kernel."""
    rng = np.random.default_rng(0)
    a, b = (grid.astype(np.int8) for grid in np.mgrid[-128:128, -128:128])
    told_apart = 0
    for _ in range(3000):
        a_scale, b_scale = (np.float32(v) for v in rng.uniform(0.01, 1, 2))
        ratio = 2 * rng.integers(50, 300) / rng.integers(1, 200)
        out_scale = np.float32(float(a_scale) * float(b_scale) * ratio)
        single = requant.mul_multiplier(a_scale, b_scale, out_scale)
        double = requant.quantize_multiplier(float(a_scale) * float(b_scale) / float(out_scale))
        if single == double:
            continue
        products = a.astype(np.int64) * b
        single_values, double_values = (_rescale_all(products, m) for m in (single, double))
        if np.array_equal(single_values, double_values):
            continue
        operands = [Operand((1, 256, 256), float(s)) for s in (a_scale, b_scale)]
        content = build("MUL", operands, Operand((1, 256, 256), float(out_scale)))
        expected = run_reference(content, a[None], b[None])[0]
        np.testing.assert_array_equal(single_values, expected)
        told_apart += 1
        if told_apart == 2:
            return
    pytest.fail("no scales tell float32 from float64")


def _rescale_all(products, factor):
    high = (2 * (products << max(factor.shift, 0)) * factor.multiplier + 2**31) // 2**32
    power = 2 ** max(-factor.shift, 0)
    return np.clip(np.sign(high) * ((2 * np.abs(high) + power) // (2 * power)), -128, 127)


QUANTIZES = [
    ("int8", 0.02, 5, "int8", 0.013, -40),
    ("uint8", 0.0078125, 127, "int8", 0.0078125, -1),
    ("uint8", 0.02, 3, "int8", 0.05, -9),
    ("int8", 0.11, -100, "uint8", 0.07, 130),
    ("uint8", 0.3, 9, "uint8", 0.004, 200),
    ("int8", 0.3, -128, "int8", 0.00001, 0),
]


@pytest.mark.parametrize("case", QUANTIZES)
def test_quantize_of_all_values(kernels, case):
    in_type, in_scale, in_zero, out_type, out_scale, out_zero = case
    values = np.arange(256, dtype=np.uint8).view(in_type)
    content = build(
        "QUANTIZE",
        [Operand((256,), in_scale, in_zero, in_type)],
        Operand((256,), out_scale, out_zero, out_type),
    )
    limits = np.iinfo(out_type)
    params = {
        "requant": tuple(
            requant.requantize_multiplier(np.float32(in_scale), np.float32(out_scale))
        ),
        "input_offset": -in_zero,
        "output_offset": out_zero,
        "output_min": int(limits.min),
        "output_max": int(limits.max),
    }
    short = {"int8": "s8", "uint8": "u8"}
    name = f"td_requantize_{short[in_type]}_{short[out_type]}"
    output = ((256,), np.dtype(out_type))
    got = kernels.run(name, ("td_requantize_params", params), [values], output, [(0, 256)])
    np.testing.assert_array_equal(got, run_reference(content, values))


@pytest.mark.parametrize("kind", ["RELU", "RELU6", "RELU_N1_TO_1"])
@pytest.mark.parametrize("scales", [(0.1, 0.1), (0.07, 0.031), (0.04, 0.09)])
def test_relu_of_all_values(kernels, kind, scales):
    in_scale, out_scale = (np.float32(s) for s in scales)
    values = np.arange(256, dtype=np.uint8).view(np.int8)
    content = build(
        kind, [Operand((256,), float(in_scale), 7)], Operand((256,), float(out_scale), -60)
    )
    params = {
        "requant": tuple(requant.relu_multiplier(in_scale, out_scale)),
        "input_offset": -7,
        "output_offset": -60,
        **clamp_fields(kind, out_scale, -60),
    }
    got = kernels.run(
        "td_requantize_s8_s8",
        ("td_requantize_params", params),
        [values],
        ((256,), np.int8),
        [(0, 256)],
    )
    np.testing.assert_array_equal(got, run_reference(content, values))


@pytest.mark.parametrize("scale", [0.001, 0.0235, 0.1, 0.73, 4.0])
@pytest.mark.parametrize("zero_point", [-128, -3, 127])
def test_logistic_of_all_values(kernels, scale, zero_point):
    values = np.arange(256, dtype=np.uint8).view(np.int8)
    content = build(
        "LOGISTIC", [Operand((256,), scale, zero_point)], Operand((256,), 1 / 256, -128)
    )
    table = lookup.logistic_table(float(np.float32(scale)), zero_point, 1 / 256, -128)
    got = kernels.run("td_lookup_s8", (None, table), [values], ((256,), np.int8), [(0, 256)])
    np.testing.assert_array_equal(got, run_reference(content, values))


@pytest.mark.parametrize("beta", [1.0, 0.5])
@pytest.mark.parametrize("scale", [0.0001, 0.0235, 0.1172345, 0.25, 1.7])
def test_softmax_of_all_pairs(kernels, scale, beta):
    """Every pair of values; then rows of many classes."""
    rng = np.random.default_rng(4)
    pairs = np.mgrid[-128:128, -128:128].reshape(2, -1).T.astype(np.int8)
    table = np.array(lookup.softmax_exp_table(float(np.float32(scale)), beta), np.int32)
    for values in (pairs, int8_values(rng, 300, 81).astype(np.int8), int8_values(rng, 400, 3)):
        values = np.ascontiguousarray(values, np.int8)
        content = build(
            "SOFTMAX",
            [Operand(values.shape, scale, 9)],
            Operand(values.shape, 1 / 256, -128),
            beta=beta,
        )
        params = {"classes": values.shape[1], "exp_table": table}
        got = kernels.run(
            "td_softmax_s8",
            ("td_softmax_params", params),
            [values],
            (values.shape, np.int8),
            [(0, len(values))],
        )
        expected = run_reference(content, values)
        np.testing.assert_array_equal(got, expected)
        if values.shape[1] == 2:
            pairs = lookup.softmax_pair_table(float(np.float32(scale)), beta)
            whole = [(0, len(values))]
            shape = (values.shape, np.int8)
            got = kernels.run("td_softmax_pairs_s8", (None, pairs), [values], shape, whole)
            np.testing.assert_array_equal(got, expected)


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


@pytest.mark.parametrize("case", CONVOLUTIONS)
@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_pools(kernels, case, kind):
    size, filter_size, stride, _, padding, _, activation = case
    image = int8_values(np.random.default_rng(7), *size, 4).astype(np.int8)
    geometry = windowing(size, filter_size, stride, (1, 1), padding)
    options = window_options(geometry, padding, activation)
    options = {k: v for k, v in options.items() if "dilation" not in k}
    scale, zero_point = 0.05, -10
    content = build(
        kind,
        [Operand((1, *image.shape), scale, zero_point)],
        Operand((1, *geometry[0], 4), scale, zero_point),
        filterHeight=filter_size[0],
        filterWidth=filter_size[1],
        **options,
    )
    fields = window_fields(size, geometry) | clamp_fields(activation, scale, zero_point)
    params = {k: v for k, v in fields.items() if "dilation" not in k} | {
        "channels": 4,
        "input_ring": size[0],
        "output_ring": geometry[0][0],
    }
    name = {"AVERAGE_POOL_2D": "td_average_pool_s8", "MAX_POOL_2D": "td_max_pool_s8"}[kind]
    shape = (*geometry[0], 4)
    got = kernels.run(name, ("td_pool_params", params), [image], (shape, np.int8), [(0, shape[0])])
    np.testing.assert_array_equal(got, run_reference(content, image[None])[0])


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


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_float_edge(kernels, dtype):
    """DEQUANTIZE and QUANTIZE from float."""
    scale, zero_point, short = 0.0371, 17, {"int8": "s8", "uint8": "u8"}[dtype]
    params = ("td_dequantize_params", {"scale": scale, "zero_point": zero_point})
    codes = np.arange(256, dtype=np.uint8).view(dtype)
    edge = Operand((256,), scale, zero_point, dtype)
    content = build("DEQUANTIZE", [edge], Operand((256,), dtype="float32"))
    output = ((256,), np.float32)
    floats = kernels.run(f"td_dequantize_{short}", params, [codes], output, [(0, 256)])
    np.testing.assert_array_equal(floats, run_reference(content, codes))
    reals = np.random.default_rng(0).uniform(-7, 7, 4096).astype(np.float32)
    reals[:512] = np.float32(scale) * np.arange(-256, 256).astype(np.float32) / 2
    content = build(
        "QUANTIZE",
        [Operand((4096,), dtype="float32")],
        Operand((4096,), scale, zero_point, dtype),
    )
    output = ((4096,), np.dtype(dtype))
    got = kernels.run(f"td_quantize_{short}", params, [reals], output, [(0, 4096)])
    np.testing.assert_array_equal(got, run_reference(content, reals))
