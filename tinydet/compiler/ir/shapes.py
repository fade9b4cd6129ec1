"""Which shape an operator's output must have, from its inputs and options alone."""

from collections.abc import Callable

import numpy as np

from tinydet.compiler.ir.graph import Graph, Op, window_padding
from tinydet.compiler.ir.options import (
    ConcatOptions,
    ConvOptions,
    DepthwiseOptions,
    FullyConnectedOptions,
    MeanOptions,
    PackOptions,
    PadOptions,
    PoolOptions,
    StridedSliceOptions,
    WindowOptions,
)

Shape = tuple[int, ...]
MAX_STEP = 2**15 - 1  # stride, dilation or padding in pixels; keeps all products within 64 bits


def output_shape(graph: Graph, op: Op) -> Shape:
    """The shape of an op's output.

    Args:
        graph: Tensors are well-formed and all references valid.
        op: An op of it, with options of its kind.

    Returns:
        The shape that follows from inputs and options. Where the output's shape is itself an
        option (RESHAPE, RESIZE_*), that shape, after a check against the input.

    Raises:
        ValueError: Inputs or options contradict each other; the message is a predicate.
    """
    needed = _INPUTS.get(op.kind, 1)
    if len([i for i in op.inputs[:needed] if i is not None]) < needed:
        raise ValueError(f"needs {needed} inputs")
    return _RULES[op.kind](graph, op)


def window_output_size(size: int, extent: int, stride: int, padding: tuple[int, int]) -> int:
    """Positions of a window along one dimension: ``(size + padding - extent) // stride + 1``.

    >>> window_output_size(192, 3, 2, (0, 1))
    96
    """
    return (size + sum(padding) - extent) // stride + 1


def _rank_4(shape: Shape, what: str) -> tuple[int, int, int, int]:
    if len(shape) != 4:
        raise ValueError(f"has {what} of the shape {shape} instead of four dimensions")
    return shape[0], shape[1], shape[2], shape[3]


def _windows(graph: Graph, op: Op, extents: tuple[int, int], strides: tuple[int, int]) -> Shape:
    shape = _rank_4(graph.required_input(op, 0).shape, "an input")
    options = op.options
    assert isinstance(options, WindowOptions)
    explicit = () if isinstance(options.padding, str) else options.padding
    if not all(1 <= value <= MAX_STEP for value in (*strides, *extents)) or not all(
        0 <= value <= MAX_STEP for value in explicit
    ):
        raise ValueError(f"has the strides {strides}, extents {extents} and padding {explicit}")
    padding = window_padding(graph, op)
    rows = window_output_size(shape[1], extents[0], strides[0], padding[:2])
    columns = window_output_size(shape[2], extents[1], strides[1], padding[2:])
    return shape[0], rows, columns


def _conv(graph: Graph, op: Op) -> Shape:
    options = op.options
    assert isinstance(options, ConvOptions)
    weights = _rank_4(graph.required_input(op, 1).shape, "weights")
    dilations = (options.dilation_height, options.dilation_width)
    if not all(1 <= dilation <= MAX_STEP for dilation in dilations):
        raise ValueError(f"has the dilations {dilations}")
    extents = (
        (weights[1] - 1) * options.dilation_height + 1,
        (weights[2] - 1) * options.dilation_width + 1,
    )
    strides = (options.stride_height, options.stride_width)
    channels = weights[0]
    if isinstance(options, DepthwiseOptions):
        channels = weights[3]
        image = _rank_4(graph.required_input(op, 0).shape, "an input")
        expected = image[3] * options.multiplier
        if weights[0] != 1 or channels != expected:
            raise ValueError(f"has weights {weights} for {expected} output channels")
    bias = graph.input(op, 2)
    if bias is not None and bias.shape != (channels,):
        raise ValueError(f"has a bias of the shape {bias.shape} for {channels} channels")
    return (*_windows(graph, op, extents, strides), channels)


def _pool(graph: Graph, op: Op) -> Shape:
    options = op.options
    assert isinstance(options, PoolOptions)
    extents = (options.filter_height, options.filter_width)
    strides = (options.stride_height, options.stride_width)
    return (*_windows(graph, op, extents, strides), graph.required_input(op, 0).shape[-1])


def _elementwise(graph: Graph, op: Op) -> Shape:
    try:
        shapes = [graph.required_input(op, i).shape for i in range(2)]
        return tuple(int(n) for n in np.broadcast_shapes(*shapes))
    except ValueError:
        raise ValueError(f"has inputs of the shapes {shapes}") from None


def _same(graph: Graph, op: Op) -> Shape:
    return graph.required_input(op, 0).shape


def _softmax(graph: Graph, op: Op) -> Shape:
    shape = graph.required_input(op, 0).shape
    if not shape:
        raise ValueError("has a scalar as its input")
    return shape


def _pad(graph: Graph, op: Op) -> Shape:
    assert isinstance(op.options, PadOptions)
    shape, paddings = graph.required_input(op, 0).shape, op.options.paddings
    if len(paddings) != len(shape) or not all(
        0 <= n <= MAX_STEP for pair in paddings for n in pair
    ):
        raise ValueError(f"has the paddings {paddings} for the shape {shape}")
    return tuple(n + sum(pair) for n, pair in zip(shape, paddings, strict=True))


def _resize(graph: Graph, op: Op) -> Shape:
    shape = _rank_4(graph.required_input(op, 0).shape, "an input")
    _, height, width, _ = _rank_4(graph.output(op).shape, "an output")
    return shape[0], height, width, shape[3]


def _concatenation(graph: Graph, op: Op) -> Shape:
    assert isinstance(op.options, ConcatOptions)
    axis = op.options.axis
    if any(index is None for index in op.inputs):
        raise ValueError("lacks an input")
    shapes = [graph.required_input(op, i).shape for i in range(len(op.inputs))]
    first = shapes[0]
    if not 0 <= axis < len(first) or any(
        len(s) != len(first) or s[:axis] != first[:axis] or s[axis + 1 :] != first[axis + 1 :]
        for s in shapes
    ):
        raise ValueError(f"joins the shapes {shapes} along dimension {axis}")
    return (*first[:axis], sum(s[axis] for s in shapes), *first[axis + 1 :])


def _reshape(graph: Graph, op: Op) -> Shape:
    before, after = graph.required_input(op, 0), graph.output(op)
    if before.num_elements != after.num_elements:
        raise ValueError(f"turns the shape {before.shape} into {after.shape}")
    return after.shape


def _mean(graph: Graph, op: Op) -> Shape:
    assert isinstance(op.options, MeanOptions)
    shape, axes = graph.required_input(op, 0).shape, op.options.axes
    if list(axes) != sorted(set(axes)) or not all(0 <= axis < len(shape) for axis in axes):
        raise ValueError(f"has the axes {axes} for the shape {shape}")
    if op.options.keep_dims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def _fully_connected(graph: Graph, op: Op) -> Shape:
    assert isinstance(op.options, FullyConnectedOptions)
    tensor, weights = graph.required_input(op, 0), graph.required_input(op, 1)
    if len(weights.shape) != 2 or tensor.num_elements % weights.shape[1]:
        raise ValueError(f"has weights {weights.shape} for the shape {tensor.shape}")
    outputs, inputs = weights.shape
    bias = graph.input(op, 2)
    if bias is not None and bias.num_elements != outputs:
        raise ValueError(f"has a bias of the shape {bias.shape} for {outputs} outputs")
    if op.options.keep_num_dims:
        if tensor.shape[-1:] != (inputs,):
            raise ValueError(f"has weights {weights.shape} for the shape {tensor.shape}")
        return (*tensor.shape[:-1], outputs)
    return tensor.num_elements // inputs, outputs


def _shape(graph: Graph, op: Op) -> Shape:
    rank = len(graph.required_input(op, 0).shape)
    if rank == 0:
        raise ValueError("has a scalar as its input")
    return (rank,)


def _strided_slice(graph: Graph, op: Op) -> Shape:
    assert isinstance(op.options, StridedSliceOptions)
    if graph.required_input(op, 0).shape == () or len(graph.required_input(op, 0).shape) != 1:
        return graph.output(op).shape  # refused by its constraint
    return () if op.options.shrink_axis_mask & 1 else graph.output(op).shape


def _pack(graph: Graph, op: Op) -> Shape:
    assert isinstance(op.options, PackOptions)
    if any(index is None for index in op.inputs):
        raise ValueError("lacks an input")
    shapes = {graph.required_input(op, i).shape for i in range(len(op.inputs))}
    first = next(iter(shapes))
    if len(shapes) != 1 or not 0 <= op.options.axis <= len(first):
        raise ValueError(f"stacks the shapes {sorted(shapes)} along dimension {op.options.axis}")
    return (*first[: op.options.axis], len(op.inputs), *first[op.options.axis :])


def _tile(graph: Graph, op: Op) -> Shape:
    before, after = graph.required_input(op, 0).shape, graph.output(op).shape
    multiples = graph.required_input(op, 1)
    if multiples.shape != (len(before),):
        raise ValueError(f"has multiples of the shape {multiples.shape}")
    if multiples.data is not None:
        return tuple(n * int(m) for n, m in zip(before, multiples.data, strict=True))
    if len(before) != len(after) or any(a % b for a, b in zip(after, before, strict=True)):
        raise ValueError(f"turns the shape {before} into {after}")
    return after


_INPUTS = {
    "CONV_2D": 2,
    "DEPTHWISE_CONV_2D": 2,
    "ADD": 2,
    "MUL": 2,
    "FULLY_CONNECTED": 2,
    "STRIDED_SLICE": 4,
    "TILE": 2,
}
_RULES: dict[str, Callable[[Graph, Op], Shape]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _conv,
    "ADD": _elementwise,
    "MUL": _elementwise,
    "PAD": _pad,
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "CONCATENATION": _concatenation,
    "RESHAPE": _reshape,
    "SOFTMAX": _softmax,
    "LOGISTIC": _same,
    "LOOKUP": _same,
    "QUANTIZE": _same,
    "DEQUANTIZE": _same,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "MEAN": _mean,
    "FULLY_CONNECTED": _fully_connected,
    "RELU": _same,
    "RELU6": _same,
    "SHAPE": _shape,
    "STRIDED_SLICE": _strided_slice,
    "PACK": _pack,
    "TILE": _tile,
}
