"""What each step of a network reads and writes, row by row.

Step 0 brings the inputs of the graph, step ``i + 1`` runs operator ``i``, one more step at the end
reads the outputs (the boxes are found there). Steps that move no byte (see ``storages``) run
nothing and are not in a flow.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

import numpy as np

from tinydet.compiler.ir import ConcatOptions, Graph, Op
from tinydet.compiler.kernel_scratch import least_scratch_bytes
from tinydet.compiler.layouts import PlanarRow, row_layout
from tinydet.compiler.schedule.costs import KernelCosts, kernel_costs
from tinydet.compiler.schedule.rows import IntArray, RowNeed, row_need, works_in_place
from tinydet.compiler.schedule.storages import Storages, find_storages

StepNumber = int  # 0: inputs; i + 1: operator i; len(graph.ops) + 1: outputs


@dataclass(frozen=True)
class Part:
    """A piece of a storage that one step writes, row after row.

    Attributes:
        tensor: The tensor that is written.
        storage: Index of its storage.
        offset: First byte in the storage.
        rows: Number of rows; 1 for what is written in one piece.
        row_bytes: Bytes of each.
        writer: Number of the step that writes it.
        alone: Nothing else lies in the storage, under no other name.
    """

    tensor: int
    storage: int
    offset: int
    rows: int
    row_bytes: int
    writer: StepNumber
    alone: bool

    @property
    def end(self) -> int:
        """The byte of the storage behind it."""
        return self.offset + self.rows * self.row_bytes


@dataclass(frozen=True, eq=False)
class Read:
    """What a step reads of a part.

    Attributes:
        part: Index of the part.
        first: For each row that the step computes the first row of the part that it needs.
        end: The row behind the last.
        stride: Rows of the part for each row of the step; None if it cannot keep pace with the
            writer of the part, which must have written all of it.
        in_place: Elements of the output may take the place of those read.
    """

    part: int
    first: IntArray
    end: IntArray
    stride: Fraction | None
    in_place: bool


@dataclass(frozen=True, eq=False)
class Step:
    """An operator that runs, or the step that brings the inputs or takes the outputs.

    Attributes:
        number: Its number.
        rows: How often it computes a row; 1 if it runs in one piece.
        by_rows: It can compute its rows in pieces.
        writes: Indices of parts.
        reads: What it needs.
        scratch_bytes: Memory that its kernel uses while it runs.
        kept_bytes: The share of it that must last from its first call to its last one.
    """

    number: StepNumber
    rows: int
    by_rows: bool
    writes: tuple[int, ...]
    reads: tuple[Read, ...]
    scratch_bytes: int
    kept_bytes: int = 0


@dataclass(frozen=True, eq=False)
class Flow:
    """The steps of a network that run, in order, and the memory that they pass on.

    Attributes:
        graph: The network.
        storages: Which tensors share bytes.
        layouts: Tensors with planar rows.
        parts: What is written.
        steps: Steps that run.
        external_input: The inputs are the caller's memory; no part is written for them.
        costs: What kernels cost on the core.
    """

    graph: Graph
    storages: Storages
    layouts: dict[int, PlanarRow]
    parts: tuple[Part, ...]
    steps: tuple[Step, ...]
    external_input: bool
    costs: KernelCosts


def make_flow(
    graph: Graph,
    *,
    shared: bool = True,
    external_input: bool = False,
    input_rows: bool = False,
    input_scratch_bytes: int = 0,
    output_scratch_bytes: int = 0,
    core: str | None = None,
) -> Flow:
    """Work out what runs, and what it reads and writes.

    Args:
        graph: A verified graph.
        shared: Whether tensors may share bytes; see ``find_storages``.
        external_input: Whether the inputs lie in memory of the caller.
        input_rows: Whether the inputs come row by row, so that the step that brings them can go
            along with those that read them.
        input_scratch_bytes: What bringing the inputs needs beside them.
        output_scratch_bytes: What finding the boxes needs beside the outputs.
        core: Processor whose cycles count; None as in ``kernel_costs``.
    """
    maker = _FlowMaker(graph, find_storages(graph, shared=shared), external_input, input_rows)
    flow = maker.flow()
    first = replace(flow.steps[0], scratch_bytes=input_scratch_bytes)
    last = replace(flow.steps[-1], scratch_bytes=output_scratch_bytes)
    steps = (first, *flow.steps[1:-1], last)
    return replace(flow, steps=steps, costs=kernel_costs(core))


class _FlowMaker:
    def __init__(
        self, graph: Graph, storages: Storages, external_input: bool, input_rows: bool
    ) -> None:
        self._graph, self._storages = graph, storages
        self._layouts = row_layout(graph)
        self._external_input, self._input_rows = external_input, input_rows
        self._parts: list[Part] = []
        self._parts_of: dict[int, list[int]] = {}  # storage -> parts written so far

    def flow(self) -> Flow:
        graph = self._graph
        steps = [self._input_step()]
        for number, op in enumerate(graph.ops, 1):
            step = self._join(number, op) if op.kind in ("RESHAPE", "CONCATENATION") else None
            if step is None and op.kind not in ("RESHAPE", "CONCATENATION"):
                step = self._operator(number, op)
            if step is not None:
                steps.append(step)
        steps.append(self._output_step())
        parts = tuple(self._parts)
        return Flow(
            graph,
            self._storages,
            self._layouts,
            parts,
            tuple(steps),
            self._external_input,
            kernel_costs(),
        )

    def _input_step(self) -> Step:
        writes: list[int] = []
        height = 1
        for index in () if self._external_input else self._graph.inputs:
            shape = self._graph.tensors[index].shape
            height = shape[1] if len(shape) == 4 and shape[0] == 1 else 1
            writes.append(self._write(index, 0, height))
        by_rows = self._input_rows and len(writes) == 1 and height > 1
        return Step(0, height if by_rows else 1, by_rows, tuple(writes), (), 0)

    def _output_step(self) -> Step:
        number = len(self._graph.ops) + 1
        computed = (t for t in self._graph.outputs if self._graph.tensors[t].data is None)
        reads = [read for t in dict.fromkeys(computed) for read in self._whole(t, 1)]
        return Step(number, 1, False, (), tuple(reads), 0)

    def _operator(self, number: StepNumber, op: Op) -> Step:
        computed: dict[int, int] = {}  # tensor -> position of the input
        for position, index in enumerate(op.inputs):
            if index is not None and self._graph.tensors[index].data is None:
                computed.setdefault(index, position)
        needs = {t: row_need(self._graph, op, position) for t, position in computed.items()}
        by_rows = bool(needs) and None not in needs.values()
        rows = self._graph.output(op).shape[1] if by_rows else 1
        reads: list[Read] = []
        for tensor, need in needs.items():
            in_place = works_in_place(self._graph, op, computed[tensor])
            if by_rows and need is not None:
                reads += self._by_rows(tensor, need, in_place)
            else:
                reads += self._whole(tensor, 1, in_place)
        writes = (self._write(op.outputs[0], number, rows),)
        scratch_bytes = least_scratch_bytes(self._graph, op)
        return Step(number, rows, by_rows, writes, tuple(reads), scratch_bytes)

    def _join(self, number: StepNumber, op: Op) -> Step | None:
        """RESHAPE and CONCATENATION: copies of what does not lie in the output already."""
        moved = moved_inputs(self._graph, op, self._storages)
        reads: list[Read] = []
        writes: list[int] = []
        for _, index, offset in moved:
            if self._graph.tensors[index].data is None:
                reads += self._whole(index, 1)
            if offset is not None:
                size = self._graph.tensors[index].size_bytes
                writes.append(self._write(op.outputs[0], number, 1, offset, size))
        if not moved:
            return None
        if not writes:
            writes.append(self._write(op.outputs[0], number, 1))
        return Step(number, 1, False, tuple(writes), tuple(reads), 0)

    def _write(
        self,
        tensor: int,
        writer: StepNumber,
        rows: int,
        start: int = 0,
        size_bytes: int | None = None,
    ) -> int:
        layout = self._layouts.get(tensor)
        if size_bytes is None:
            size_bytes = self._graph.tensors[tensor].size_bytes
        row_bytes = size_bytes // rows if layout is None else layout.size_bytes
        place = self._storages.places[tensor]
        alone = len(self._storages.tensors[place.storage]) == 1
        part = Part(tensor, place.storage, place.offset + start, rows, row_bytes, writer, alone)
        self._parts.append(part)
        self._parts_of.setdefault(place.storage, []).append(len(self._parts) - 1)
        return len(self._parts) - 1

    def _by_rows(self, tensor: int, need: RowNeed, in_place: bool) -> list[Read]:
        """What a step needs of a tensor of which it needs some rows for each of its own."""
        place = self._storages.places[tensor]
        reads = []
        layout, shape = self._layouts.get(tensor), self._graph.tensors[tensor].shape
        row = layout.size_bytes if layout else self._graph.tensors[tensor].size_bytes // shape[1]
        for index in self._parts_of.get(place.storage, ()):
            part = self._parts[index]
            first = (place.offset + need.first * row - part.offset) // part.row_bytes
            end = -((part.offset - place.offset - need.end * row) // part.row_bytes)
            first, end = np.clip(first, 0, part.rows), np.clip(end, 0, part.rows)
            if bool(np.any(first < end)):
                direct = part.tensor == tensor and part.rows == shape[1]
                stride = need.stride if direct else None
                reads.append(Read(index, first, end, stride, in_place and part.alone))
        return reads

    def _whole(self, tensor: int, rows: int, in_place: bool = False) -> list[Read]:
        """What a step needs of a tensor of which it needs everything all the time."""
        place = self._storages.places[tensor]
        size = self._graph.tensors[tensor].size_bytes
        reads = []
        for index in self._parts_of.get(place.storage, ()):
            part = self._parts[index]
            first = max((place.offset - part.offset) // part.row_bytes, 0)
            end = min(-((part.offset - place.offset - size) // part.row_bytes), part.rows)
            if first < end:
                full = (np.full(rows, first, np.int64), np.full(rows, end, np.int64))
                reads.append(Read(index, *full, None, in_place and part.alone))
        return reads


def moved_inputs(graph: Graph, op: Op, storages: Storages) -> list[tuple[int, int, int | None]]:
    """The inputs of a RESHAPE or CONCATENATION that have to be copied into the output.

    Returns:
        Position, tensor, and its first byte in the output, None where inputs are interleaved.
    """
    output = op.outputs[0]
    interleaved = (
        isinstance(op.options, ConcatOptions)
        and prod(graph.tensors[output].shape[: op.options.axis]) != 1
    )
    moved: list[tuple[int, int, int | None]] = []
    offset = 0
    for position, index in enumerate(op.inputs):
        assert index is not None
        if interleaved:
            moved.append((position, index, None))
        elif not storages.lies_in(index, output, offset):
            moved.append((position, index, offset))
        offset += graph.tensors[index].size_bytes
    return moved
