"""Small graphs for tests of the schedule and the memory plan."""

import inspect

from tinydet.compiler.ir import OPTIONS_OF_KIND, Graph, MeanOptions, Op, Tensor


def activation(name: str, size_bytes: int) -> Tensor:
    """A computed int8 tensor."""
    return Tensor(name, (1, size_bytes), "int8")


def graph_of(tensors, steps, inputs, outputs) -> Graph:
    """A graph from ``(kind, input indices, output index)`` per operator."""
    ops = []
    for position, (kind, reads, output) in enumerate(steps):
        options = OPTIONS_OF_KIND[kind]
        values = {"axes": (1,)} if options is MeanOptions else {}
        assert "axis" not in inspect.signature(options).parameters
        name = f"{tensors[output].name}_{position}"
        ops.append(Op(kind, name, tuple(reads), (output,), options(**values)))
    return Graph(tuple(tensors), tuple(ops), tuple(inputs), tuple(outputs))
