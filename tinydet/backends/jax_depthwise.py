"""Depthwise convolution in JAX as a sum of shifted products.

XLA's compiler for CPUs runs a grouped convolution and its gradients by plain loops, ten to two
hundred times slower than these sums, which it fuses and vectorizes.
"""

from functools import partial
from itertools import product

import jax
from jax import Array, lax
from jax import numpy as jnp


def depthwise(inputs: Array, kernel: Array, strides: tuple[int, int], padding: str) -> Array:
    """See ``Backend.depthwise``: as ``keras.ops.depthwise_conv`` computes it, up to rounding.

    The result has the type of the inputs; sums are of float32 at least.
    """
    wide = jnp.promote_types(inputs.dtype, jnp.float32)
    margins = lax.padtype_to_pads(inputs.shape[1:3], kernel.shape[:2], strides, padding.upper())
    padded = jnp.pad(inputs.astype(wide), ((0, 0), *margins, (0, 0)))
    return _differentiable(padded, kernel.astype(wide), strides).astype(inputs.dtype)


def _valid(padded: Array, kernel: Array, strides: tuple[int, int]) -> Array:
    size = _output_size(padded, kernel, strides)
    return sum(_under(padded, tap, size, strides) * kernel[tap] for tap in _taps(kernel))


def _taps(kernel: Array) -> list[tuple[int, int]]:
    rows, columns = kernel.shape[:2]
    return list(product(range(rows), range(columns)))


def _output_size(padded: Array, kernel: Array, strides: tuple[int, int]) -> tuple[int, int]:
    rows, columns = (
        (whole - part) // stride + 1
        for whole, part, stride in zip(padded.shape[1:3], kernel.shape[:2], strides, strict=True)
    )
    return rows, columns


def _under(
    padded: Array, tap: tuple[int, int], size: tuple[int, int], strides: tuple[int, int]
) -> Array:
    """What one weight of the kernel meets, for every output."""
    (row, column), (rows, columns), (down, right) = tap, size, strides
    batch, _, _, channels = padded.shape
    end = (batch, row + (rows - 1) * down + 1, column + (columns - 1) * right + 1, channels)
    return lax.slice(padded, (0, row, column, 0), end, (1, down, right, 1))


def _forward(
    padded: Array, kernel: Array, strides: tuple[int, int]
) -> tuple[Array, tuple[Array, Array]]:
    return _valid(padded, kernel, strides), (padded, kernel)


def _backward(
    strides: tuple[int, int], kept: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
    padded, kernel = kept
    (of_padded,) = jax.linear_transpose(lambda x: _valid(x, kernel, strides), padded)(gradient)
    size = gradient.shape[1], gradient.shape[2]
    # One reduction of all products reads each input once; one for each would write them out.
    padded = lax.optimization_barrier(padded)
    products = [_under(padded, tap, size, strides) * gradient for tap in _taps(kernel)]
    zeros = [jnp.zeros((), gradient.dtype)] * len(products)
    sums = lax.reduce(products, zeros, partial(jax.tree.map, jnp.add), (0, 1, 2))
    return of_padded, jnp.stack(sums).reshape(kernel.shape)


_differentiable = jax.custom_vjp(_valid, nondiff_argnums=(2,))
_differentiable.defvjp(_forward, _backward)
