"""A network whose outputs stay as they are: only changes to and from float at its ends go."""

from dataclasses import replace

from tinydet.compiler.ir import Graph
from tinydet.compiler.passes.editing import without_dead_ops
from tinydet.errors import ModelFileError

REMEDY = "Give a network with one input, whose outputs are computed from it."


def cut_float_ends(graph: Graph, where: object) -> Graph:
    """Make the int8 or uint8 codes behind float inputs and outputs the inputs and outputs.

    Args:
        graph: After constant folding.
        where: Path of the model, for the message.

    Returns:
        The graph without a QUANTIZE of a float input and a DEQUANTIZE of an output.

    Raises:
        ModelFileError: It has several inputs, or an output that does not depend on the input.
    """
    producers = graph.producers()
    outputs = []
    for index in graph.outputs:
        op = graph.ops[producers[index]] if index in producers else None
        outputs.append(op.source() if op is not None and op.kind == "DEQUANTIZE" else index)
    graph = without_dead_ops(replace(graph, outputs=tuple(outputs)))
    if len(graph.inputs) != 1:
        raise ModelFileError(where, f"has {len(graph.inputs)} inputs", REMEDY)
    computed = {index for op in graph.ops for index in op.outputs}
    idle = [graph.tensors[index].name for index in graph.outputs if index not in computed]
    if idle:
        found = f"its output {idle[0]!r} does not depend on the input"
        raise ModelFileError(where, found, REMEDY)
    return without_float_input(graph)


def without_float_input(graph: Graph) -> Graph:
    """The graph from the codes on, where it quantizes its one float input first."""
    if len(graph.inputs) != 1:
        return graph
    readers = [graph.ops[position] for position in graph.consumers().get(graph.inputs[0], [])]
    is_float = graph.tensors[graph.inputs[0]].dtype == "float32"
    if not is_float or len(readers) != 1 or readers[0].kind != "QUANTIZE":
        return graph
    rest = tuple(op for op in graph.ops if op is not readers[0])
    return without_dead_ops(replace(graph, ops=rest, inputs=readers[0].outputs))
