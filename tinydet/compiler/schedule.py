"""When each tensor holds its values, and which tensors can take the bytes of another.

Step 0 writes the inputs of the graph (the image is put or scaled there), step ``i + 1`` runs
operator ``i``, and one more step at the end reads the outputs (the boxes are found there). A
``Storage`` is what the planner places: one or more tensors that follow each other in the same
bytes, because an operator works in place or only gives them another shape.
"""

from dataclasses import dataclass

from tinydet.compiler.ir import Graph, Op

Step = int  # 0: inputs; i + 1: operator i; len(graph.ops) + 1: outputs

# Output element i needs no input element but i (SOFTMAX: none but its row, read before it is
# written), so that the output may take the bytes of an input.
IN_PLACE_KINDS = frozenset({"ADD", "MUL", "SOFTMAX", "LOGISTIC", "RELU", "RELU6", "QUANTIZE"})
VIEW_KINDS = frozenset({"RESHAPE"})  # the bytes stay as they are


@dataclass(frozen=True)
class Storage:
    """Tensors that hold the same bytes of the arena, one after the other.

    Attributes:
        tensors: Indices into ``graph.tensors``, in the order in which they are written.
        first_step: Step at which the first is written; 0 for an input of the graph.
        last_step: Last step at which any of them is read. Inclusive.
        size_bytes: Bytes of each of them.
    """

    tensors: tuple[int, ...]
    first_step: Step
    last_step: Step
    size_bytes: int


@dataclass(frozen=True)
class Schedule:
    """A graph with the lifetimes of its tensors.

    Attributes:
        graph: The graph.
        storages: In the order of their first step.
    """

    graph: Graph
    storages: tuple[Storage, ...]

    @property
    def num_steps(self) -> int:
        """Operators, the step that writes the inputs and the one that reads the outputs."""
        return len(self.graph.ops) + 2

    def step_name(self, step: Step) -> str:
        """As ``"ADD block_2/Add"``; ``"input"`` for the first step, ``"boxes"`` for the last."""
        if step in (0, self.num_steps - 1):
            return "boxes" if step else "input"
        op = self.graph.ops[step - 1]
        return f"{op.kind} {op.name}"


def activations(graph: Graph, op: Op) -> list[int]:
    """The inputs of an operator that are computed, each once, in order."""
    computed = [i for i in op.inputs if i is not None and graph.tensors[i].data is None]
    return list(dict.fromkeys(computed))


def last_reads(graph: Graph) -> dict[int, Step]:
    """The last step at which each activation is read.

    Args:
        graph: A verified graph.

    Returns:
        By tensor index. An output of the graph is read in the step after the last operator; a
        tensor that nothing reads has the step that writes it, since it needs its bytes even so.
    """
    last: dict[int, Step] = dict.fromkeys(graph.inputs, 0)
    for step, op in enumerate(graph.ops, 1):
        for tensor in (*activations(graph, op), *op.outputs):
            last[tensor] = step
    return last | {t: len(graph.ops) + 1 for t in graph.outputs if graph.tensors[t].data is None}


def make_schedule(graph: Graph, *, in_place: bool = True) -> Schedule:
    """Lifetimes of all tensors, the operators in the order of the graph.

    Args:
        graph: A verified graph; its operators are in an order in which they can run.
        in_place: Whether an operator of ``IN_PLACE_KINDS`` may write over an input that nothing
            reads after it, and one of ``VIEW_KINDS`` takes no memory at all.

    Returns:
        The schedule. Every activation is in exactly one storage.
    """
    last = last_reads(graph)
    groups = [[t] for t in graph.inputs]
    first_steps: list[Step] = [0] * len(groups)
    for step, op in enumerate(graph.ops, 1):
        for output in op.outputs:
            shared = _storage_to_share(graph, step, output, groups, last) if in_place else None
            if shared is None:
                shared = len(groups)
                groups.append([])
                first_steps.append(step)
            groups[shared].append(output)
    return Schedule(
        graph,
        tuple(
            Storage(
                tuple(group),
                first_step,
                max(last[t] for t in group),
                graph.tensors[group[0]].size_bytes,
            )
            for group, first_step in zip(groups, first_steps, strict=True)
        ),
    )


def _storage_to_share(
    graph: Graph, step: Step, output: int, groups: list[list[int]], last: dict[int, Step]
) -> int | None:
    """Which storage the output of a step can take over, None where it needs its own."""
    op = graph.ops[step - 1]
    if len(op.outputs) != 1 or op.kind not in IN_PLACE_KINDS | VIEW_KINDS:
        return None
    for candidate in activations(graph, op):
        if graph.tensors[candidate].size_bytes != graph.tensors[output].size_bytes:
            continue
        storage = next(k for k, group in enumerate(groups) if candidate in group)
        dies_here = all(last[t] <= step for t in groups[storage])
        if op.kind in VIEW_KINDS or dies_here:
            return storage
    return None
