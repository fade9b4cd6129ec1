"""Kernels over single values and pairs against LiteRT's reference kernels, all bits."""

import numpy as np
import pytest

from tests.compiler.kernels.reference_cases import (
    ACTIVATIONS,
    clamp_fields,
)
from tests.compiler.kernels.single_operator import Operand, build, run_reference
from tests.compiler.kernels.strategies import int8_values
from tinydet.compiler import lookup, requant
from tinydet.compiler.affine_add import affine_add

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
