"""Constraints that keep every intermediate number within 32 bits."""

import math
from collections.abc import Callable

import numpy as np

from tinydet.compiler.constraints.rule import WEIGHTED, constraint
from tinydet.compiler.ir import Graph, MeanOptions, Op, SoftmaxOptions

INT32_MAX = 2**31 - 1
WIDEST = 255  # of a stored value minus its zero point
SOFTMAX_FINEST = 2.0**-26  # beta * scale: finer differences have no fixed-point form
LARGEST_FACTOR = 2.0**29


def stays_within_32_bits(largest: float, real_factor: float) -> bool:
    """Whether a number can be multiplied by a real factor in 32-bit fixed point.

    The number is first shifted left where the factor is 1 or more.
    """
    if not 0 <= real_factor < LARGEST_FACTOR:
        return False
    exponent = max(math.frexp(real_factor)[1], 0)
    return largest * 2.0**exponent <= INT32_MAX


@constraint(*WEIGHTED)
def accumulator_fits(graph: Graph, op: Op) -> str | None:
    """Every sum of products fits into 32 bits, also after a left shift for scales above 1.

    Quantize the model with more representative images, or train it with weight decay.
    """
    weights, bias = graph.required_input(op, 1), graph.input(op, 2)
    if weights.data is None or weights.quantization is None:
        return None
    axis = 3 if op.kind == "DEPTHWISE_CONV_2D" else 0
    others = tuple(i for i in range(len(weights.shape)) if i != axis)
    # Sums as int64 without an int64 copy of the weights.
    positive = np.maximum(weights.data, 0).sum(axis=others, dtype=np.int64)
    bounds = WIDEST * (2 * positive - weights.data.sum(axis=others, dtype=np.int64))
    if bias is not None and bias.data is not None:
        bounds = bounds + np.abs(bias.data.astype(np.int64)).reshape(-1)
    factor = graph.required_input(op, 0).scale / graph.output(op).scale
    scales = weights.quantization.scale
    for scale, bound in zip(scales * (len(bounds) // len(scales)), bounds, strict=True):
        if not stays_within_32_bits(float(bound), factor * scale):
            return "sums that may overflow 32 bits"
    return None


def _quantize(graph: Graph, op: Op) -> bool:
    source, output = graph.required_input(op, 0), graph.output(op)
    if source.dtype == "float32":
        return True
    return stays_within_32_bits(WIDEST, source.scale / output.scale)


def _add(graph: Graph, op: Op) -> bool:
    a, b = graph.required_input(op, 0).scale, graph.required_input(op, 1).scale
    # The sum is 20 bits up; the reference kernel wants its factor below 1.
    return math.frexp(2 * max(a, b) / (2**20 * graph.output(op).scale))[1] <= 0


def _mul(graph: Graph, op: Op) -> bool:
    a, b = graph.required_input(op, 0).scale, graph.required_input(op, 1).scale
    return stays_within_32_bits(WIDEST**2, a * b / graph.output(op).scale)


def _mean(graph: Graph, op: Op) -> bool:
    source, output, options = graph.required_input(op, 0), graph.output(op), op.options
    assert isinstance(options, MeanOptions)
    count = math.prod(source.shape[axis] for axis in options.axes)
    # The count is divided out of the multiplier in whole numbers, which costs up to one bit.
    return stays_within_32_bits(WIDEST * count, 2 * source.scale / output.scale / count)


def _softmax(graph: Graph, op: Op) -> bool:
    assert isinstance(op.options, SoftmaxOptions)
    fineness = op.options.beta * graph.required_input(op, 0).scale
    return math.isfinite(fineness) and fineness > SOFTMAX_FINEST


_FITS: dict[str, Callable[[Graph, Op], bool]] = {
    "QUANTIZE": _quantize,
    "RELU": _quantize,
    "RELU6": _quantize,
    "ADD": _add,
    "MUL": _mul,
    "MEAN": _mean,
    "SOFTMAX": _softmax,
}


@constraint(*_FITS)
def scales_are_comparable(graph: Graph, op: Op) -> str | None:
    """The scales of inputs and output are so near to each other that 32 bits suffice.

    Quantize the model with more representative images.
    """
    return None if _FITS[op.kind](graph, op) else "scales that are too far apart"
