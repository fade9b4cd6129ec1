"""Kernels over windows, with the factors of requant.py, against LiteRT's reference kernels."""

import numpy as np
import pytest

from tests.compiler.kernels.convolution_case import conv_params, scratch_bytes_of, window_fields
from tests.compiler.kernels.reference_cases import (
    ACTIVATIONS,
    CONVOLUTIONS,
    clamp_fields,
    window_options,
    windowing,
)
from tests.compiler.kernels.single_operator import Operand, build, constant, run_reference
from tests.compiler.kernels.strategies import int8_values, requant_array
from tests.compiler.kernels.test_depthwise import ROUND_ANY, channel_constants
from tinydet.compiler import requant


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
    """So many outputs that rounding once or twice makes a difference."""
    rng = np.random.default_rng(2)
    values = int8_values(rng, 100, 20).astype(np.int8)
    weights = int8_values(rng, 70, 20).astype(np.int8)
    scales = rng.uniform(0.001, 0.02, 70 if per_channel else 1).astype(np.float32)
    bias = rng.integers(-5000, 5000, 70).astype(np.int32)
    in_scale, out_scale = np.float32(0.05), np.float32(0.07)
    content = build(
        "FULLY_CONNECTED",
        [
            Operand((100, 20), float(in_scale), 5),
            constant(weights, tuple(map(float, scales))),
            constant(bias, tuple(float(in_scale * s) for s in scales)),
        ],
        Operand((100, 70), float(out_scale), -20),
        fusedActivationFunction=ACTIVATIONS["RELU"],
    )
    params = {
        **clamp_fields("RELU", out_scale, -20),
        "input_count": 20,
        "output_count": 70,
        "input_offset": -5,
        "output_offset": -20,
        "weights": weights,
        "bias": bias,
        "requant": requant_array(requant.convolution_multipliers(in_scale, scales, out_scale, 70)),
    }
    got = kernels.run(
        "td_fully_connected_s8",
        ("td_fully_connected_params", params),
        [values],
        ((100, 70), np.int8),
        [(0, 40), (40, 100)],
    )
    np.testing.assert_array_equal(got, run_reference(content, values))


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
