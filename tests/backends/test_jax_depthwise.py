"""The sum of shifted products is the convolution, and so are its gradients."""

from functools import partial

import numpy as np
import pytest

pytest.importorskip("jax")

import jax
from jax import lax

from tinydet.backends.jax_depthwise import depthwise

CASES = [  # size, kernel, strides
    ((6, 6), (3, 3), (1, 1)),
    ((6, 6), (3, 3), (2, 2)),
    ((7, 5), (3, 3), (2, 2)),
    ((8, 7), (3, 3), (3, 1)),
    ((9, 8), (5, 2), (1, 2)),
    ((3, 3), (3, 3), (2, 2)),
    ((4, 5), (1, 1), (2, 1)),
]


def drawn(*shape):
    return np.random.default_rng(sum(shape)).normal(1, 2, shape).astype(np.float32)


def convolution(inputs, kernel, strides, padding):
    return lax.conv_general_dilated(
        inputs,
        kernel[:, :, None],
        strides,
        padding.upper(),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=inputs.shape[-1],
    )


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("size", "window", "strides"), CASES)
def test_outputs_and_gradients_are_those_of_the_convolution(size, window, strides, padding):
    inputs, kernel = drawn(2, *size, 4), drawn(*window, 4)
    results = []
    for compute in (depthwise, convolution):
        layer = partial(compute, strides=strides, padding=padding)
        outputs, gradients = jax.vjp(layer, inputs, kernel)
        results.append((outputs, *gradients(drawn(*outputs.shape))))
    for found, expected in zip(*results, strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_half_precision_is_summed_in_float32():
    inputs, kernel = drawn(1, 6, 6, 3).astype(jax.numpy.bfloat16), drawn(3, 3, 3)
    found = depthwise(inputs, kernel, (1, 1), "same")
    assert found.dtype == jax.numpy.bfloat16
    exact = convolution(inputs.astype(np.float32), kernel, (1, 1), "same")
    np.testing.assert_array_equal(found, exact.astype(jax.numpy.bfloat16))
