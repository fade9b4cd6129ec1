"""Which operator executes how many instructions."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tinydet.compiler import CompiledNetwork
from tinydet.progress import stage
from tinydet.targets.base import CodeArray
from tinydet.targets.cortex_m import CortexMNetwork, CortexMTarget
from tinydet.targets.emulator import TRACE_FUNCTION, Piece
from tinydet.targets.footprint import WEIGHTS, Footprint, footprint_of

INPUT = "input rows"  # the step that brings rows of the image into the arena; no operator
INPUT_PARAMETERS = "copy_input"  # by these the generated C says that it copies the input


@dataclass(frozen=True)
class StepCount:
    """One step of the network.

    Attributes:
        op: Name of the source operator, or ``INPUT``.
        instructions: Executed for it in all its calls, with what the generated functions do up to
            each call (loops, conditions, addresses); an operator without code of its own has 0.
        kernels: The functions it called, and how often; a step that runs row by row calls once a
            row.
        macs: Multiply-accumulate operations; 0 for an operator without weights.
        weights_bytes: Constants in flash that it reads: weights, biases, factors, parameters. A
            table that several steps share counts for each.
    """

    op: str
    instructions: int
    kernels: Mapping[str, int]
    macs: int = 0
    weights_bytes: int = 0


@dataclass(frozen=True)
class Benchmark:
    """Instruction counts of one inference; the same every time, on every machine.

    Attributes:
        core: The emulated core.
        network_instructions: The network alone; the sum of the steps.
        loop_instructions: The share of it that no kernel executes: loops and calls of the generated
            functions.
        boxes_instructions: Box selection on top of the network, 0 without one. Depends on what the
            image shows.
        weights_bytes: Constants of the network in flash, each once.
        boxes_weights_bytes: Other constants of the model: anchors, class names, gaps.
        steps: In the order in which they begin.
        footprint: Memory of the program that was counted.
    """

    core: str
    network_instructions: int
    loop_instructions: int
    boxes_instructions: int
    weights_bytes: int
    boxes_weights_bytes: int
    steps: tuple[StepCount, ...]
    footprint: Footprint

    @property
    def total_instructions(self) -> int:
        """Image in place to detections."""
        return self.network_instructions + self.boxes_instructions

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of the network."""
        return sum(step.macs for step in self.steps)

    def to_record(self) -> dict[str, Any]:
        """JSON-ready mapping."""
        totals = {"total_instructions": self.total_instructions, "macs": self.macs}
        return asdict(self) | totals | {"footprint": self.footprint.to_record()}


@dataclass
class StepCost:
    """What is known of a step while the calls are gone through."""

    instructions: int = 0
    kernels: Counter[str] = field(default_factory=Counter)
    parameters: set[str] = field(default_factory=set)

    def add(self, pieces: Sequence[Piece]) -> None:
        """Count some calls."""
        self.instructions += sum(piece.instructions for piece in pieces)
        self.kernels.update(piece.callee for piece in pieces if piece.callee)
        self.parameters.update(piece.argument for piece in pieces if piece.argument)


@dataclass(frozen=True)
class Builds:
    """A program as it is, and one more that tells what belongs to which operator.

    What is measured has no mark in it. The second build calls ``td_trace`` behind every step and
    every row: as many calls as the generated functions make between two marks there, they make for
    that operator in the first one.

    Attributes:
        program: As it is.
        marked: The one with marks.
        folder: Where they lie.
    """

    program: CortexMNetwork
    marked: CortexMNetwork
    folder: Path

    @classmethod
    def of(cls, target: CortexMTarget, network: CompiledNetwork, folder: Path) -> "Builds":
        """Compile both.

        Args:
            target: Core and compiler.
            network: The network, or detector.
            folder: Where they go.
        """
        return cls(
            target.build(network, folder / "plain"),
            target.build(network, folder / "marked", "-DTD_TRACE"),
            folder,
        )


@stage("count instructions")
def benchmark(builds: Builds, codes: CodeArray) -> Benchmark:
    """Count the instructions of one inference, and measure the memory of the same program.

    Args:
        builds: The network on a core.
        codes: Its input; of a detector a preprocessed image ``[H, W, 3]`` uint8.

    Returns:
        The counts.

    Raises:
        RuntimeError: The two builds do not make the same calls.
    """
    program, network = builds.program, builds.program.network
    run = program.measure_run(codes)
    inference = program.measure_inference(codes)
    costs = assign(run.pieces, builds.marked.measure_run(codes).pieces)
    constants = program.image.sections[WEIGHTS]
    steps = tuple(
        StepCount(
            op,
            cost.instructions,
            dict(cost.kernels),
            network.macs.get(op, 0),
            _constant_bytes(program, cost.parameters),
        )
        for op, cost in costs.items()
    )
    assert sum(step.instructions for step in steps) == run.instructions
    parameters = set().union(*(cost.parameters for cost in costs.values()))
    weights_bytes = _constant_bytes(program, parameters)
    return Benchmark(
        core=program.core,
        network_instructions=run.instructions,
        loop_instructions=sum(piece.own_instructions for piece in run.pieces),
        boxes_instructions=inference.instructions - run.instructions,
        weights_bytes=weights_bytes,
        boxes_weights_bytes=constants.size_bytes - weights_bytes,
        steps=steps,
        footprint=footprint_of(program, inference.stack_bytes),
    )


def _constant_bytes(program: CortexMNetwork, parameters: Set[str]) -> int:
    """Bytes of parameters in flash and of the tables that they point at, each once."""
    section, symbols = program.image.sections[WEIGHTS], program.image.symbols
    tables = program.network.tables
    names = parameters | {table for name in parameters for table in tables.get(name, ())}
    return sum(
        symbols[name].size_bytes
        for name in names
        if name in symbols and 0 <= symbols[name].address - section.address < section.size_bytes
    )


def assign(pieces: Sequence[Piece], marked_pieces: Sequence[Piece]) -> dict[str, StepCost]:
    """Give each call of the plain build to its operator.

    Args:
        pieces: Of the plain build.
        marked_pieces: Of the build that marks the end of each row or operator.

    Returns:
        Operator -> cost, in the order in which they begin. What follows the last call is the last
        operator's.

    Raises:
        RuntimeError: The two do not make the same calls.
    """
    costs: dict[str, StepCost] = {}
    position = 0
    calls: list[Piece] = []
    for piece in marked_pieces:
        if piece.callee != TRACE_FUNCTION:
            calls += [piece] if piece.callee else []
            continue
        own = pieces[position : position + len(calls)]
        if [_call(p) for p in own] != [_call(p) for p in calls]:
            names = [p.callee for p in calls]
            raise RuntimeError(f"the marked build calls {names} where the plain one does not")
        position += len(calls)
        calls = []
        copies = [p for p in own if p.argument == INPUT_PARAMETERS]
        if copies:
            costs.setdefault(INPUT, StepCost()).add(copies)
        kernels = [p for p in own if p.argument != INPUT_PARAMETERS]
        costs.setdefault(piece.argument, StepCost()).add(kernels)
    rest = pieces[position:]
    if calls or any(p.callee for p in rest):
        raise RuntimeError("the plain build makes other calls behind the last mark")
    if costs:
        list(costs.values())[-1].add(rest)
    return costs


def _call(piece: Piece) -> tuple[str, str]:
    return piece.callee, piece.argument
