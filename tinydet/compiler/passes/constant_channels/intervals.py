"""Interval analysis: the least and greatest number each channel of each tensor can hold.

Every kernel here is monotone in its inputs: a larger input never gives a smaller output where the
weight is positive, and never a larger one where it is negative; rounding and clamping keep the
order. So the extremes of an output follow from the extremes of the inputs, through the very
arithmetic of the kernels.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tinydet.compiler.ir import (
    AddOptions,
    ConvOptions,
    DepthwiseOptions,
    FullyConnectedOptions,
    Graph,
    Op,
    PoolOptions,
    Tensor,
    window_padding,
)
from tinydet.compiler.requant import (
    Multiplier,
    activation_range,
    add_multipliers,
    convolution_multipliers,
    requantize_multiplier,
)

IntArray = npt.NDArray[np.int64]
LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}
ADD_LEFT_SHIFT = 20


class Interval(NamedTuple):
    """Bounds of the stored values per channel (the last dimension).

    Attributes:
        low: int64 ``[C]``, the least value.
        high: int64 ``[C]``, the greatest value; equal to ``low`` for a constant channel.
    """

    low: IntArray
    high: IntArray


def channel_intervals(graph: Graph) -> dict[int, Interval]:
    """Bounds of every 8-bit tensor of a graph, by tensor index.

    Args:
        graph: Lowered: constraints kept, no float inside.

    Returns:
        Bounds that hold for every input image. Inputs have the range of their type, and so have
        the outputs of ops of which nothing better is known.
    """
    intervals = {
        index: _full_range(tensor)
        for index, tensor in enumerate(graph.tensors)
        if tensor.dtype in LIMITS and tensor.data is None
    }
    for op in graph.ops:
        rule = _RULES.get(op.kind)
        first = op.inputs[0]
        if rule is not None and first in intervals:
            bounds = rule(graph, op, intervals)
            if bounds is not None:
                intervals[op.outputs[0]] = bounds
    return intervals


def _full_range(tensor: Tensor) -> Interval:
    low, high = LIMITS[tensor.dtype]
    channels = tensor.shape[-1] if tensor.shape else 1
    return Interval(np.full(channels, low, np.int64), np.full(channels, high, np.int64))


def rescale(values: IntArray, factors: tuple[Multiplier, ...]) -> IntArray:
    """Multiply by real factors in fixed point, with the double rounding of the kernels.

    Args:
        values: ``[C]``; a left shift must not leave 32 bits (``accumulator_fits`` sees to it).
        factors: One, or ``C``.
    """
    multiplier = np.array([f.multiplier for f in factors], np.int64)
    shift = np.array([f.shift for f in factors], np.int64)
    product = (values << np.maximum(shift, 0)) * multiplier
    high = (product + 2**30) >> 31  # equals the kernels' form: ties of a doubled product go up
    right = np.maximum(-shift, 0)
    remainder = high & ((1 << right) - 1)
    threshold = (((1 << right) - 1) >> 1) + (high < 0)
    result: IntArray = (high >> right) + (remainder > threshold)
    return result


def _clamped(graph: Graph, op: Op, values: IntArray, activation: str) -> IntArray:
    output = graph.output(op)
    low, high = activation_range(activation, output.scale, output.zero_point, output.dtype)
    return np.clip(values + output.zero_point, low, high)


def _weighted(
    graph: Graph, op: Op, taps: IntArray, bounds: Interval, padded: bool
) -> Interval | None:
    """Bounds of sums of products.

    Args:
        graph: Where the op is.
        op: A convolution or fully connected layer.
        taps: Weights ``[outputs, taps, inputs]``.
        bounds: Of the inputs, ``[inputs]`` or, for a depthwise convolution, ``[outputs, 1]``.
        padded: Whether a tap may fall outside of the image, where it contributes 0.
    """
    options = op.options
    assert isinstance(options, ConvOptions | FullyConnectedOptions)
    source, weights = graph.required_input(op, 0), graph.required_input(op, 1)
    bias = graph.input(op, 2)
    assert weights.quantization is not None
    low, high = bounds.low - source.zero_point, bounds.high - source.zero_point
    positive, negative = np.maximum(taps, 0), np.minimum(taps, 0)
    least = positive * low[..., None, :] + negative * high[..., None, :]
    most = positive * high[..., None, :] + negative * low[..., None, :]
    if padded:
        least, most = np.minimum(least, 0), np.maximum(most, 0)
    offset: IntArray | int = 0
    if bias is not None:
        offset = bias.values.reshape(-1).astype(np.int64)
    factors = convolution_multipliers(
        source.scale, weights.quantization.scale, graph.output(op).scale, len(taps)
    )
    sums = (total.sum(axis=(1, 2)) + offset for total in (least, most))
    return Interval(
        *(_clamped(graph, op, rescale(total, factors), options.activation) for total in sums)
    )


def _weights(graph: Graph, op: Op) -> IntArray:
    return graph.required_input(op, 1).values.astype(np.int64)


def _conv(graph: Graph, op: Op, intervals: dict[int, Interval]) -> Interval | None:
    weights = _weights(graph, op)
    taps = weights.reshape(weights.shape[0], -1, weights.shape[-1])
    return _weighted(graph, op, taps, _first(op, intervals), any(window_padding(graph, op)))


def _depthwise(graph: Graph, op: Op, intervals: dict[int, Interval]) -> Interval | None:
    assert isinstance(op.options, DepthwiseOptions)
    weights = _weights(graph, op)
    taps = weights.reshape(-1, weights.shape[3]).T[:, :, None]
    bounds = Interval(
        *(np.repeat(b, op.options.multiplier)[:, None] for b in _first(op, intervals))
    )
    return _weighted(graph, op, taps, bounds, any(window_padding(graph, op)))


def _first(op: Op, intervals: dict[int, Interval]) -> Interval:
    return intervals[op.source()]


def _add(graph: Graph, op: Op, intervals: dict[int, Interval]) -> Interval | None:
    assert isinstance(op.options, AddOptions)
    output = graph.output(op)
    sources = [graph.required_input(op, i) for i in range(2)]
    if any(i not in intervals for i in op.inputs) or any(t.shape != output.shape for t in sources):
        return None
    *input_factors, output_factor = add_multipliers(
        sources[0].scale, sources[1].scale, output.scale
    )
    ends = []
    for end in range(2):
        total = np.zeros(output.shape[-1], np.int64)
        for position, (tensor, factor) in enumerate(zip(sources, input_factors, strict=True)):
            centred = intervals[op.source(position)][end] - tensor.zero_point
            total = total + rescale(centred << ADD_LEFT_SHIFT, (factor,))
        ends.append(_clamped(graph, op, rescale(total, (output_factor,)), op.options.activation))
    return Interval(*ends)


def _same(_: Graph, op: Op, intervals: dict[int, Interval]) -> Interval | None:
    return _first(op, intervals)


def _pad(graph: Graph, op: Op, intervals: dict[int, Interval]) -> Interval | None:
    bounds, output = _first(op, intervals), graph.output(op)
    if len(bounds.low) != output.shape[-1]:
        return None
    zero_point = output.zero_point
    return Interval(np.minimum(bounds.low, zero_point), np.maximum(bounds.high, zero_point))


def _pool(graph: Graph, op: Op, intervals: dict[int, Interval]) -> Interval | None:
    assert isinstance(op.options, PoolOptions)
    output = graph.output(op)
    limits = activation_range(op.options.activation, output.scale, output.zero_point, output.dtype)
    return Interval(*(np.clip(bound, *limits) for bound in _first(op, intervals)))


def _quantize(graph: Graph, op: Op, intervals: dict[int, Interval]) -> Interval | None:
    source, output = graph.required_input(op, 0), graph.output(op)
    factor = requantize_multiplier(source.scale, output.scale)
    return Interval(
        *(
            _clamped(graph, op, rescale(bound - source.zero_point, (factor,)), "NONE")
            for bound in _first(op, intervals)
        )
    )


_Rule = Callable[[Graph, Op, dict[int, Interval]], "Interval | None"]
_RULES: dict[str, _Rule] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "ADD": _add,
    "PAD": _pad,
    "RESIZE_BILINEAR": _same,
    "RESIZE_NEAREST_NEIGHBOR": _same,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "QUANTIZE": _quantize,
}
