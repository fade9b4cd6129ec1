"""Small changes to a frozen graph, of which the passes are made."""

from collections.abc import Mapping
from dataclasses import replace

from tinydet.compiler.ir import Graph, Op, without_unused_tensors


def with_readers_moved(graph: Graph, moves: Mapping[int, int]) -> Graph:
    """The graph whose ops and outputs read other tensors.

    Args:
        graph: A graph.
        moves: Tensor index -> the index to read instead; chains are followed.
    """

    def target(index: int) -> int:
        while index in moves:
            index = moves[index]
        return index

    ops = tuple(
        replace(op, inputs=tuple(None if i is None else target(i) for i in op.inputs))
        for op in graph.ops
    )
    return replace(graph, ops=ops, outputs=tuple(target(index) for index in graph.outputs))


def with_ops_replaced(graph: Graph, changes: Mapping[int, Op]) -> Graph:
    """The graph with other ops at some positions."""
    ops = tuple(changes.get(position, op) for position, op in enumerate(graph.ops))
    return graph.with_ops(ops)


def without_dead_ops(graph: Graph) -> Graph:
    """The graph without ops whose results nobody reads, and without unused tensors."""
    needed = set(graph.outputs)
    alive = []
    for op in reversed(graph.ops):
        if needed.intersection(op.outputs):
            alive.append(op)
            needed.update(index for index in op.inputs if index is not None)
    return without_unused_tensors(graph.with_ops(tuple(reversed(alive))))
