"""Another order of the operators, in which tensors wait less long to be read."""

from tinydet.compiler.ir import Graph


def late_order(graph: Graph) -> Graph:
    """The same network, each operator as late as that saves memory.

    Converters put an operator where its inputs are ready: the upsampling of a pyramid before the
    heads of the level below, so that a large tensor waits for a long time. From the last operator
    backwards this takes the one before which the fewest bytes are alive; of equal ones that which
    stands last.

    Args:
        graph: A verified graph.

    Returns:
        The graph with its operators in an order in which they can run.
    """
    consumers = graph.consumers()
    waiting = {position: _later(graph, consumers, position) for position in range(len(graph.ops))}
    alive = {t for t in graph.outputs if graph.tensors[t].data is None}
    order: list[int] = []
    while waiting:
        ready = [position for position, later in waiting.items() if not later]
        taken = min(ready, key=lambda position: (_grown(graph, position, alive), -position))
        del waiting[taken]
        for later in waiting.values():
            later.discard(taken)
        alive = (alive - set(graph.ops[taken].outputs)) | _computed(graph, taken)
        order.append(taken)
    return graph.with_ops(tuple(graph.ops[position] for position in reversed(order)))


def _later(graph: Graph, consumers: dict[int, list[int]], position: int) -> set[int]:
    """The operators that read what one writes."""
    return {reader for t in graph.ops[position].outputs for reader in consumers.get(t, ())}


def _computed(graph: Graph, position: int) -> set[int]:
    inputs = graph.ops[position].inputs
    return {i for i in inputs if i is not None and graph.tensors[i].data is None}


def _grown(graph: Graph, position: int, alive: set[int]) -> int:
    """By how many bytes more is alive before an operator than behind it."""
    sizes = graph.tensors
    gone = sum(sizes[t].size_bytes for t in graph.ops[position].outputs if t in alive)
    new = sum(sizes[t].size_bytes for t in _computed(graph, position) - alive)
    return new - gone
