"""Plays a network through, row by row, and looks at what each byte of the arena then holds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
import numpy.typing as npt

from tinydet.compiler.ir import ConcatOptions, Graph, Op
from tinydet.compiler.memory.buffers import Offset
from tinydet.compiler.memory.validator.windows import image_rows, rows_read

# Kernels that read an element (SOFTMAX: a row) before they write it, and nothing else of it.
ELEMENT_BY_ELEMENT = ("ADD", "LOGISTIC", "LOOKUP", "MUL", "QUANTIZE", "RELU", "RELU6", "SOFTMAX")
JOINING = ("RESHAPE", "CONCATENATION")  # change no value

Ids = npt.NDArray[np.int64]
Scratch = tuple[Offset, int]  # where, and how many bytes
MAX_PROBLEMS = 20
_RUBBISH, _STATE = -1, -2
_KEPT = -3  # less the step: what it keeps from its first call to its last


@dataclass(frozen=True)
class Turn:
    """What a step does in a loop: row ``y`` in iteration ``lag + y * every``.

    Attributes:
        step: 0 brings the input, ``i + 1`` runs operator ``i``, one more takes the outputs.
        lag: Iteration of row 0.
        every: Iterations from row to row.
    """

    step: int
    lag: int = 0
    every: int = 1


@dataclass(frozen=True)
class Layout:
    """Where everything lies.

    Attributes:
        arena_bytes: Size of the arena.
        offsets: Tensor -> its first byte; tensors that are not there are the caller's memory.
        rings: Tensor -> rows that its buffer holds, where these are not all.
        row_bytes: Tensor -> bytes of a row, where that is not width times channels.
        scratch: Step -> what its kernel works in.
        kept: Steps whose scratch memory must survive from their first call to their last.
        state: What must survive the first segment, while rows are fed.
    """

    arena_bytes: int
    offsets: Mapping[int, Offset]
    rings: Mapping[int, int] = field(default_factory=dict)
    row_bytes: Mapping[int, int] = field(default_factory=dict)
    scratch: Mapping[int, Scratch] = field(default_factory=dict)
    kept: frozenset[int] = frozenset()
    state: Scratch | None = None


def find_faults(graph: Graph, segments: Sequence[Sequence[Turn]], layout: Layout) -> list[str]:
    """Play all segments through, and tell every value that is lost before its use.

    Each byte of each computed tensor has a number of its own. A row that is computed puts its
    numbers into the arena; a row that is read must find them there. So rows in the wrong slot of a
    ring, rows that are not computed yet, and rows that something else has been written over are
    all found.

    Args:
        graph: The network.
        segments: What runs, in order. A segment of one turn runs in one call.
        layout: Where everything lies.

    Returns:
        One sentence per fault, an empty list means that the plan is correct.
    """
    player = _Player(graph, layout)
    for number, turns in enumerate(segments):
        player.play(turns, is_first=number == 0)
    player.finish()
    return player.problems[:MAX_PROBLEMS]


class _Player:
    def __init__(self, graph: Graph, layout: Layout) -> None:
        self._graph, self._layout = graph, layout
        self._holds: Ids = np.full(layout.arena_bytes, _RUBBISH, np.int64)
        self._ids = _ids_of_bytes(graph, layout)
        self._done: Counter[tuple[int, int]] = Counter()  # (step, row)
        self.problems: list[str] = []

    def play(self, turns: Sequence[Turn], *, is_first: bool) -> None:
        state = self._layout.state if is_first else None
        if state is not None:
            self._use(state, "state")
            self._holds[state[0] : sum(state)] = _STATE
        if len(turns) == 1 and turns[0].step != 0:
            self._call(turns[0].step)
        elif len(turns) == 1:
            self._bring(range(self._rows(0) or 1))
        else:
            self._loop(turns)
        if state is not None and np.any(self._holds[state[0] : sum(state)] != _STATE):
            self._fault("the state was overwritten")

    def finish(self) -> None:
        """Every row of everything has been computed exactly once."""
        for number, op in enumerate(self._graph.ops, 1):
            wanted = self._rows(number) or 1
            counts = [self._done[number, row] for row in range(wanted)]
            if op.kind not in JOINING and counts != [1] * wanted:
                self._fault(f"{op.name}: rows are computed {sorted(set(counts))} times")
        last = len(self._graph.ops) + 1
        if self._done[last, 0] != 1:
            self._fault("the outputs are never taken")

    def _loop(self, turns: Sequence[Turn]) -> None:
        rows = {turn.step: self._rows(turn.step) for turn in turns}
        if None in rows.values():
            self._fault(f"a loop has a step without rows: {rows}")
            return
        ends = [turn.lag + turn.every * (rows[turn.step] or 0) for turn in turns]
        for iteration in range(max(ends)):
            for turn in turns:
                row, rest = divmod(iteration - turn.lag, turn.every)
                if rest == 0 and 0 <= row < (rows[turn.step] or 0):
                    if turn.step == 0:
                        self._bring([row])
                    else:
                        self._row(turn.step, row)

    def _rows(self, step: int) -> int | None:
        if step == 0:
            shape = self._graph.tensors[self._graph.inputs[0]].shape
            return shape[1] if len(shape) == 4 else None
        if step > len(self._graph.ops):
            return None
        return image_rows(self._graph, self._graph.ops[step - 1])

    def _bring(self, rows: Sequence[int]) -> None:
        """The inputs arrive: the first by rows, others whole."""
        written = []
        for position, tensor in enumerate(self._graph.inputs):
            if tensor in self._layout.offsets:
                by_rows = position == 0 and self._rows(0) is not None
                pieces = rows if by_rows else [0] if 0 in rows else []
                written += [self._write(tensor, row if by_rows else None) for row in pieces]
        scratch = self._layout.scratch.get(0)
        if scratch is not None:
            self._disjoint("input", scratch, written)
            self._use(scratch, "input")

    def _call(self, step: int) -> None:
        """A step in one call: row after row, or all at once."""
        rows = self._rows(step)
        if rows is not None:
            for row in range(rows):
                self._row(step, row)
            return
        self._done[step, 0] += 1
        if step > len(self._graph.ops):
            spans = [self._read(t, None, "boxes") for t in self._graph.outputs]
            if step in self._layout.scratch:
                self._disjoint("boxes", self._layout.scratch[step], [s for s in spans if s])
                self._use(self._layout.scratch[step], "boxes")
            return
        op = self._graph.ops[step - 1]
        if op.kind in JOINING:
            self._join(op)
            return
        computed = [i for i in op.inputs if i is not None and self._graph.tensors[i].data is None]
        read = [self._read(t, None, op.name) for t in computed]
        self._step(step, op, None, [span for span in read if span is not None])

    def _row(self, step: int, row: int) -> None:
        self._done[step, row] += 1
        op = self._graph.ops[step - 1]
        spans = [
            self._read(tensor, wanted, op.name)
            for tensor, rows in rows_read(self._graph, op, row)
            for wanted in rows
        ]
        self._step(step, op, row, [span for span in spans if span is not None])

    def _step(self, step: int, op: Op, row: int | None, read: list[tuple[int, int]]) -> None:
        """Note what a kernel writes, which must not be what it still reads."""
        target = self._span(op.outputs[0], row)
        scratch = self._layout.scratch.get(step)
        if scratch is not None:
            self._disjoint(op.name, scratch, [*read, target])
            if step in self._layout.kept and row:
                self._still_kept(scratch, step, op.name)
            self._use(scratch, op.name, _KEPT - step if step in self._layout.kept else _RUBBISH)
        for start, end in read:
            apart = end <= target[0] or target[1] <= start
            in_place = (
                op.kind in ELEMENT_BY_ELEMENT
                and target[0] <= start
                and end - start == target[1] - target[0]
            )
            if not (apart or in_place):
                self._fault(f"{op.kind} {op.name} writes over what it reads, row {row}")
        self._write(op.outputs[0], row)

    def _join(self, op: Op) -> None:
        """RESHAPE and CONCATENATION copy what does not lie in its place already."""
        output = op.outputs[0]
        start = self._layout.offsets[output]
        axis = op.options.axis if isinstance(op.options, ConcatOptions) else 0
        interleaved = prod(self._graph.tensors[output].shape[:axis]) != 1
        for index in op.inputs:
            assert index is not None
            end = start + len(self._ids[index])
            if interleaved or self._layout.offsets.get(index) != start:
                span = self._read(index, None, op.name)
                target = self._span(output, None) if interleaved else (start, end)
                if span is not None and span[0] < target[1] and target[0] < span[1]:
                    self._fault(f"{op.kind} {op.name} writes over what it reads")
                if not interleaved:
                    self._holds[start:end] = self._ids[index]
            start = end
        if interleaved:
            self._write(output, None)

    def _expected(self, tensor: int, row: int | None) -> Ids:
        ids = self._ids[tensor]
        if row is None:
            return ids
        count = len(ids) // self._graph.tensors[tensor].shape[1]
        return ids[row * count : (row + 1) * count]

    def _span(self, tensor: int, row: int | None) -> tuple[int, int]:
        """First byte and the one behind the last, of a row or of the whole tensor."""
        start, ids = self._layout.offsets[tensor], self._ids[tensor]
        if row is None:
            return start, start + len(ids)
        height = self._graph.tensors[tensor].shape[1]
        row_bytes = len(ids) // height
        slot = start + row % self._layout.rings.get(tensor, height) * row_bytes
        return slot, slot + row_bytes

    def _write(self, tensor: int, row: int | None) -> tuple[int, int]:
        start, end = self._span(tensor, row)
        name = self._graph.tensors[tensor].name
        if start < 0 or end > len(self._holds):
            self._fault(f"{name} reaches out of the arena")
            return start, end
        self._holds[start:end] = self._expected(tensor, row)
        return start, end

    def _read(self, tensor: int, row: int | None, reader: str) -> tuple[int, int] | None:
        if self._graph.tensors[tensor].data is not None or tensor not in self._layout.offsets:
            return None
        start, end = self._span(tensor, row)
        expected = self._expected(tensor, row)
        held = self._holds[max(start, 0) : end]
        wrong = len(expected) if len(held) != len(expected) else int((held != expected).sum())
        if wrong:
            what = self._graph.tensors[tensor].name + ("" if row is None else f" row {row}")
            self._fault(f"{reader} reads {what}: {wrong} bytes are not there")
        return start, end

    def _use(self, scratch: Scratch, whose: str, mark: int = _RUBBISH) -> None:
        start, end = scratch[0], sum(scratch)
        if start < 0 or end > len(self._holds):
            self._fault(f"the scratch memory of {whose} reaches out of the arena")
        self._holds[max(start, 0) : end] = mark

    def _still_kept(self, scratch: Scratch, step: int, whose: str) -> None:
        if np.any(self._holds[max(scratch[0], 0) : sum(scratch)] != _KEPT - step):
            self._fault(f"what {whose} keeps from row to row was overwritten")

    def _disjoint(self, whose: str, scratch: Scratch, spans: Sequence[tuple[int, int]]) -> None:
        if any(start < sum(scratch) and scratch[0] < end for start, end in spans):
            self._fault(f"the scratch memory of {whose} is what it reads or writes")

    def _fault(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def _ids_of_bytes(graph: Graph, layout: Layout) -> dict[int, Ids]:
    """The number of each byte of each computed tensor.

    A tensor in another shape, or joined of others, has the numbers of those.
    """
    ids: dict[int, Ids] = {}
    count = 0

    def fresh(tensor: int) -> Ids:
        nonlocal count
        what = graph.tensors[tensor]
        size = prod(what.shape) * np.dtype(what.dtype).itemsize
        if tensor in layout.row_bytes:
            size = what.shape[1] * layout.row_bytes[tensor]
        count += size
        return np.arange(count - size, count)

    for tensor in graph.inputs:
        ids[tensor] = fresh(tensor)
    for op in graph.ops:
        output = op.outputs[0]
        joined = [i for i in op.inputs if i is not None] if op.kind in JOINING else []
        for index in joined:
            if index not in ids:  # a constant
                ids[index] = fresh(index)
        if op.kind == "RESHAPE":
            ids[output] = ids[joined[0]]
        elif isinstance(op.options, ConcatOptions):
            parts = [_as_shape(ids[i], graph, i) for i in joined]
            ids[output] = np.concatenate(parts, op.options.axis).reshape(-1)
        else:
            ids[output] = fresh(output)
    return ids


def _as_shape(ids: Ids, graph: Graph, tensor: int) -> Ids:
    """Numbers in the shape of a tensor; those of the bytes of a value along a last dimension."""
    return ids.reshape(*graph.tensors[tensor].shape, -1)
