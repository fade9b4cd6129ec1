"""Folding PAD into the operators that read it."""

from dataclasses import replace

from tinydet.compiler.ir import (
    ConvOptions,
    Graph,
    Op,
    PadOptions,
    PoolOptions,
    WindowOptions,
    window_padding,
)
from tinydet.compiler.passes.editing import with_ops_replaced, without_dead_ops

LOWEST_INT8 = -128


def fold_padding(graph: Graph) -> Graph:
    """Let convolutions and poolings do the padding of the PAD in front of them.

    A PAD writes its zero point, the real 0, which is what a convolution takes for pixels outside:
    always exact. A maximum ignores pixels outside; that is the same where the zero point is the
    lowest value and every window has a pixel inside. An average counts padded pixels but not those
    outside: never the same. A PAD that others read too stays for them.
    """
    producers = graph.producers()
    changes: dict[int, Op] = {}
    for position, op in enumerate(graph.ops):
        index = op.inputs[0] if op.inputs else None
        pad = graph.ops[producers[index]] if index in producers else None
        if pad is not None and isinstance(pad.options, PadOptions) and _is_exact(graph, pad, op):
            # A chain of PADs: the one before has been looked at, not changed, and folds later.
            changes[position] = _folded(graph, pad, op)
    if not changes:
        return graph
    return fold_padding(without_dead_ops(with_ops_replaced(graph, changes)))


def _is_exact(graph: Graph, pad: Op, op: Op) -> bool:
    assert isinstance(pad.options, PadOptions)
    paddings = pad.options.paddings
    if len(paddings) != 4 or any(paddings[0]) or any(paddings[3]):
        return False
    if isinstance(op.options, ConvOptions):
        return True
    if op.kind != "MAX_POOL_2D" or not isinstance(op.options, PoolOptions):
        return False
    top, bottom, left, right = _sum(paddings, window_padding(graph, op))
    return (
        graph.output(pad).zero_point == LOWEST_INT8
        and max(top, bottom) < op.options.filter_height
        and max(left, right) < op.options.filter_width
    )


def _folded(graph: Graph, pad: Op, op: Op) -> Op:
    assert isinstance(pad.options, PadOptions)
    assert isinstance(op.options, WindowOptions)
    padding = _sum(pad.options.paddings, window_padding(graph, op))
    return replace(
        op,
        inputs=(pad.inputs[0], *op.inputs[1:]),
        options=replace(op.options, padding=padding),
    )


def _sum(
    paddings: tuple[tuple[int, int], ...], window: tuple[int, int, int, int]
) -> tuple[int, int, int, int]:
    (top, bottom), (left, right) = paddings[1:3]
    return (top + window[0], bottom + window[1], left + window[2], right + window[3])
