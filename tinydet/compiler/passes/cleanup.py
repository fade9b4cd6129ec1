"""Removing operators that change nothing."""

from dataclasses import replace

from tinydet.compiler.ir import (
    UINT8_SHIFT,
    ConvOptions,
    Graph,
    Op,
    PadOptions,
    PoolOptions,
    ReshapeOptions,
)
from tinydet.compiler.passes.editing import with_ops_replaced, with_readers_moved, without_dead_ops


def fold_input_type(graph: Graph) -> Graph:
    """Let the first convolutions read the uint8 image instead of an int8 copy of it.

    A QUANTIZE from uint8 to int8 with equal scales and zero points 128 apart keeps every value:
    a convolution gets the same sums from the uint8 values with the uint8 zero point. Readers of
    another kind keep the QUANTIZE.
    """
    producers = graph.producers()
    changes = {}
    for position, op in enumerate(graph.ops):
        index = op.inputs[0] if op.inputs else None
        if isinstance(op.options, ConvOptions) and index in producers:
            source = graph.ops[producers[index]]
            if _is_signed_copy(graph, source):
                changes[position] = replace(op, inputs=(source.inputs[0], *op.inputs[1:]))
    return without_dead_ops(with_ops_replaced(graph, changes))


def _is_signed_copy(graph: Graph, op: Op) -> bool:
    if op.kind != "QUANTIZE":
        return False
    source, output = graph.required_input(op, 0), graph.output(op)
    return (
        (source.dtype, output.dtype) == ("uint8", "int8")
        and source.scale == output.scale
        and source.zero_point - UINT8_SHIFT == output.zero_point
    )


def remove_no_ops(graph: Graph) -> Graph:
    """Drop ops whose output equals their input, join chains of RESHAPE, drop what nobody reads.

    No-ops are RESHAPE to the same shape, CONCATENATION of one tensor, PAD by nothing, QUANTIZE
    between equal types and scales, and poolings of one pixel without stride or activation.
    """
    producers = graph.producers()
    moves = {}
    changes: dict[int, Op] = {}
    for position, op in enumerate(graph.ops):
        index = op.inputs[0] if op.inputs else None
        if index is None or graph.tensors[index].data is not None:
            continue
        if _is_no_op(graph, op):
            moves[op.outputs[0]] = index
        elif op.kind == "RESHAPE" and index in producers:
            before = graph.ops[producers[index]]
            if isinstance(before.options, ReshapeOptions):
                changes[position] = replace(op, inputs=before.inputs)
    if not moves and not changes:
        return without_dead_ops(graph)
    return remove_no_ops(
        without_dead_ops(with_readers_moved(with_ops_replaced(graph, changes), moves))
    )


def _is_no_op(graph: Graph, op: Op) -> bool:
    source, output = graph.required_input(op, 0), graph.output(op)
    same = (source.shape, source.dtype, source.quantization) == (
        output.shape,
        output.dtype,
        output.quantization,
    )
    if not same:
        return False
    if op.kind == "CONCATENATION":
        return len(op.inputs) == 1
    if isinstance(op.options, PadOptions):
        return not any(any(pair) for pair in op.options.paddings)
    if isinstance(op.options, PoolOptions):
        # The shape is kept, so a window of one pixel has no stride that matters.
        one_pixel = op.options.filter_height == op.options.filter_width == 1
        plain = isinstance(op.options.padding, str) or not any(op.options.padding)
        return one_pixel and plain and op.options.activation == "NONE"
    return op.kind in ("RESHAPE", "QUANTIZE")
