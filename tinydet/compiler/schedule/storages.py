"""Which tensors are the same bytes: other shapes of a tensor, and parts of a joined one.

RESHAPE changes no byte, so that its output is another name of its input. A CONCATENATION whose
parts follow each other as they are (nothing is interleaved) needs no copy either: the operators
that compute the parts write them to where they belong.
"""

from dataclasses import dataclass
from math import prod

from tinydet.compiler.ir import ConcatOptions, Graph, Op


@dataclass(frozen=True)
class Place:
    """Where a tensor lies.

    Attributes:
        storage: Index of the piece of memory.
        offset: First byte in it.
    """

    storage: int
    offset: int


@dataclass(frozen=True)
class Storages:
    """Pieces of memory and the tensors in them.

    Attributes:
        places: Place of each computed tensor, by tensor index.
        tensors: Tensors of each storage, in the order in which they are computed.
    """

    places: dict[int, Place]
    tensors: tuple[tuple[int, ...], ...]

    def lies_in(self, tensor: int, other: int, offset: int) -> bool:
        """Whether a tensor is the bytes of another from ``offset`` on."""
        source, target = self.places.get(tensor), self.places[other]
        return source == Place(target.storage, target.offset + offset)


def find_storages(graph: Graph, *, shared: bool = True) -> Storages:
    """Find out which tensors share bytes.

    Args:
        graph: A verified graph.
        shared: Whether they may at all; if not, each has a storage of its own.
    """
    groups = _Groups(graph)
    for op in reversed(graph.ops if shared else ()):
        if op.kind == "RESHAPE":
            groups.join_view(op.inputs[0], op.outputs[0])
        elif op.kind == "CONCATENATION":
            _join_parts(graph, op, groups)
    return groups.storages()


class _Groups:
    """Tensors at fixed distances of each other, which become storages."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        computed = [*graph.inputs, *(t for op in graph.ops for t in op.outputs)]
        self._offsets: dict[int, dict[int, int]] = {t: {t: 0} for t in computed}  # shared dicts

    def join_view(self, source: int | None, view: int) -> None:
        """Let a tensor and its other shape share bytes, where no third tensor is in the way."""
        if source is None or self._graph.tensors[source].data is not None:
            return
        if self._is_lone(view) or (self._is_lone(source) and not self._has_input(source)):
            self._join(source, view, 0)

    def join_part(self, part: int, whole: int, offset: int) -> None:
        """Let a tensor be written to its place in a joined one, where it has no other."""
        if self._is_lone(part) and not self._has_input(part):
            self._join(part, whole, offset)

    def _join(self, tensor: int, base: int, offset: int) -> None:
        group, target = self._offsets[tensor], self._offsets[base]
        if group is target:
            return
        shift = target[base] + offset - group[tensor]
        for member, place in group.items():
            target[member] = place + shift
            self._offsets[member] = target

    def _is_lone(self, tensor: int) -> bool:
        """Whether its bytes are no other tensor's, but for views of the same size."""
        size = self._graph.tensors[tensor].size_bytes
        return all(self._graph.tensors[t].size_bytes == size for t in self._offsets[tensor])

    def _has_input(self, tensor: int) -> bool:
        return any(t in self._graph.inputs for t in self._offsets[tensor])

    def storages(self) -> Storages:
        places: dict[int, Place] = {}
        tensors: list[list[int]] = []
        numbers: dict[int, int] = {}  # identity of a group -> storage
        for tensor, group in self._offsets.items():
            number = numbers.setdefault(id(group), len(tensors))
            if number == len(tensors):
                tensors.append([])
            tensors[number].append(tensor)
            places[tensor] = Place(number, group[tensor] - min(group.values()))
        return Storages(places, tuple(tuple(group) for group in tensors))


def _join_parts(graph: Graph, op: Op, groups: _Groups) -> None:
    options = op.options
    assert isinstance(options, ConcatOptions)
    output = op.outputs[0]
    if prod(graph.tensors[output].shape[: options.axis]) != 1:
        return
    offset = 0
    for index in op.inputs:
        assert index is not None
        part = graph.tensors[index]
        once = op.inputs.count(index) == 1 and part.data is None
        if once and part.quantization == graph.tensors[output].quantization:
            groups.join_part(index, output, offset)
        offset += part.size_bytes
