"""Cycles and milliseconds of one inference on a board, operator by operator: an estimate."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from tinydet.progress import stage
from tinydet.targets.base import CodeArray
from tinydet.targets.benchmark.measure import Builds, assign
from tinydet.targets.boards import Board
from tinydet.targets.cortex_m import CortexMNetwork, memory_of
from tinydet.targets.emulator import MAX_PIECES, Machine, Piece
from tinydet.targets.footprint import KERNELS, WEIGHTS, kernels_bytes
from tinydet.targets.timing.board_memories import board_timing, memories
from tinydet.targets.timing.cost import CostModel
from tinydet.targets.timing.pipeline import Pipeline
from tinydet.targets.timing.recorder import FRACTION, Recorder, Totals
from tinydet.targets.timing.recorder_hosts import QemuHost, RecorderHost, UnicornHost
from tinydet.targets.timing.validation import ModelError, error_of


@dataclass(frozen=True)
class StepTime:
    """One step of the network.

    Attributes:
        op: Name of the source operator.
        instructions: Executed for it.
        macs: Multiply-accumulate operations.
        issue_cycles: The least that its instructions take, each beside as many others as the core
            can issue in one cycle.
        stall_cycles: More, for results, pairing and branches.
        memory_cycles: More, for flash, buses and caches.
        weight_bytes: Constants that the processor loads, with repeats, from a cache or not.
        fetched_bytes: Constants that come from the memory where the weights lie, with repeats:
            whole lines that no cache held; without a cache all of ``weight_bytes``.
    """

    op: str
    instructions: int
    macs: int
    issue_cycles: int
    stall_cycles: int
    memory_cycles: int
    weight_bytes: int
    fetched_bytes: int

    @property
    def cycles(self) -> int:
        """All."""
        return self.issue_cycles + self.stall_cycles + self.memory_cycles


@dataclass(frozen=True)
class TimingEstimate:
    """Estimated time of one run of the network on a board, without box selection.

    Attributes:
        board: Name of the board.
        core: Its processor.
        clock_mhz: Of the processor.
        places: What lies where: ``program``, ``kernels`` if apart from it, ``weights``, ``arena``.
        steps: In the order in which they begin, with warm caches.
        cold_memory_cycles: What memories cost when the caches are empty at first.
        unknown_accesses: Share of the loads and stores in the code whose address the model does not
            know, and which it takes to cost nothing.
        core_range: ``cycles`` without those of the memories on a core that is surely faster and on
            one that is surely slower, where no board has confirmed the model; else None.
        error: How far the model was from boards that others measured.
        waits: Where the waits of this board's memories are from: derived or fitted.
        weights_bytes_per_cycle: What the memory of the weights brings at most; None: as much as the
            core asks for.
    """

    board: str
    core: str
    clock_mhz: float
    places: Mapping[str, str]
    steps: tuple[StepTime, ...]
    cold_memory_cycles: int
    core_range: tuple[int, int] | None
    unknown_accesses: float
    error: ModelError
    waits: str
    weights_bytes_per_cycle: float | None

    @property
    def cycles(self) -> int:
        """With warm caches: what every inference but the first takes."""
        return sum(step.cycles for step in self.steps)

    @property
    def memory_cycles(self) -> int:
        """The share of memories in ``cycles``."""
        return sum(step.memory_cycles for step in self.steps)

    @property
    def cold_cycles(self) -> int:
        """Of a first inference."""
        return self.cycles - self.memory_cycles + self.cold_memory_cycles

    @property
    def milliseconds(self) -> float:
        """``cycles`` at the clock."""
        return self.cycles / self.clock_mhz / 1e3

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of the network."""
        return sum(step.macs for step in self.steps)

    @property
    def weight_bytes(self) -> int:
        """Constants that the processor loads, with repeats."""
        return sum(step.weight_bytes for step in self.steps)

    @property
    def fetched_bytes(self) -> int:
        """Constants that come from the memory where the weights lie, with repeats."""
        return sum(step.fetched_bytes for step in self.steps)

    def to_record(self) -> dict[str, Any]:
        """JSON-ready mapping."""
        names = ("cycles", "cold_cycles", "milliseconds", "macs", "weight_bytes", "fetched_bytes")
        return {"estimate": True} | asdict(self) | {name: getattr(self, name) for name in names}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "TimingEstimate":
        """The estimate of a record that ``to_record`` made.

        Raises:
            KeyError: A value is missing.
            TypeError: One has another type.
        """
        found = {part.name: record[part.name] for part in fields(cls)}
        steps = tuple(StepTime(**step) for step in record["steps"])
        bounds = found["core_range"]
        return cls(
            **found
            | {
                "steps": steps,
                "error": ModelError(**record["error"]),
                "core_range": None if bounds is None else (int(bounds[0]), int(bounds[1])),
            }
        )


@dataclass(frozen=True)
class _Run:
    """What ran, and what it took with empty and with full caches."""

    pieces: tuple[Piece, ...]
    cold: Totals
    warm: Totals
    core_range: tuple[int, int] | None


@stage("estimate the time")
def estimate(
    builds: Builds,
    codes: CodeArray,
    board: Board,
    *,
    external_weights: bool = False,
    arena: str | None = None,
) -> TimingEstimate:
    """Estimate the time of one inference on a board.

    Args:
        builds: The network on the board's core.
        codes: Its input; of a detector a preprocessed image ``[H, W, 3]`` uint8.
        board: The board.
        external_weights: They are read from the external flash, not from the internal one.
        arena: Name of the RAM bank of the arena; None: the fastest one that takes it.

    Returns:
        The estimate.

    Raises:
        UnsupportedError: The board's speed is not known, or that of the external flash, or its RAM
            does not take the arena.
        MissingToolError: unicorn or capstone is not installed.
    """
    program, network = builds.program, builds.program.network
    timing = board_timing(board)
    weights = timing.weights_memory(external=external_weights)
    hot = timing.kernels_memory(kernels_bytes(program.image), network.arena_bytes)
    bank = arena or timing.arena_bank(network.arena_bytes, kernels=hot).name
    places = _places(program, {WEIGHTS: weights, KERNELS: hot}, timing.program_memory, bank)
    cost = CostModel(program.core, memories(timing, places), program.machine().read)
    run = _run(program, codes, cost, builds.folder, places)
    marks = builds.marked.measure_run(codes).pieces
    return TimingEstimate(
        board=board.name,
        core=program.core,
        clock_mhz=timing.clock_mhz,
        places={"program": timing.program_memory}
        | ({"kernels": hot} if hot != timing.program_memory else {})
        | {"weights": weights, "arena": bank},
        steps=_steps(run.pieces, run.warm, marks, network.macs, cost.pipeline.width),
        cold_memory_cycles=_memory_sixteenths(run.cold) // FRACTION,
        core_range=run.core_range,
        unknown_accesses=cost.unknown / max(cost.known + cost.unknown, 1),
        error=error_of(program.core),
        waits=timing.source,
        weights_bytes_per_cycle=timing.bytes_per_cycle(weights),
    )


def _places(
    program: CortexMNetwork, sections: Mapping[str, str], rest: str, bank: str
) -> dict[tuple[int, int], str]:
    """``(begin, end)`` -> memory, weights first. No two share an address.

    Args:
        program: The program.
        sections: Name of a section -> memory.
        rest: Memory of all other code and constants.
        bank: Memory of what is written.
    """
    memory = memory_of(program.core)
    places = {
        (section.address, section.address + section.size_bytes): where
        for name, where in sections.items()
        if (section := program.image.sections.get(name)) is not None
    }
    code, data = memory.program, memory.data
    inside = sorted(span for span in places if code.address <= span[0] < code.end)
    ends = [code.address, *(edge for span in inside for edge in span), code.end]
    gaps = zip(ends[::2], ends[1::2], strict=True)
    places |= {(begin, end): rest for begin, end in gaps if begin < end}
    return {**places, (data.address, data.end): bank}


def _host(program: CortexMNetwork, folder: Path) -> RecorderHost:
    machine = program.machine()
    if isinstance(machine, Machine):
        return UnicornHost(machine.engine, folder, machine.pieces_begun)
    return QemuHost(machine)


def _run(
    program: CortexMNetwork,
    codes: CodeArray,
    cost: CostModel,
    folder: Path,
    places: Mapping[tuple[int, int], str],
) -> _Run:
    """Inferences with empty and with full caches, behind one that finds the code if need be."""
    host = _host(program, folder)
    recorder = Recorder(
        host,
        cost.memories,
        cost.pipeline.unaligned_cycles,
        num_groups=MAX_PIECES,
        watched=next(iter(places)),
    )
    totals = []
    try:
        if host.addresses_follow:
            program.measure_run(codes)
            recorder.locate(cost.accesses)
        for empty in (True, False):
            recorder.reset(empty_caches=empty)
            call = program.measure_run(codes)
            totals.append(recorder.totals())
            recorder.price(cost.price)  # of no use before the first run with these blocks
        extremes = cost.pipeline.extremes()
        core_range = _range(recorder, cost, extremes) if extremes else None
    finally:
        recorder.detach()
    return _Run(call.pieces, totals[0], totals[1], core_range)


def _range(
    recorder: Recorder, cost: CostModel, extremes: tuple[Pipeline, Pipeline]
) -> tuple[int, int]:
    low, high = (recorder.sum_of(partial(cost.price_on, pipeline)) for pipeline in extremes)
    return round(low), round(high)


def _steps(
    pieces: Sequence[Piece],
    totals: Totals,
    marks: Sequence[Piece],
    macs: Mapping[str, int],
    width: int,
) -> tuple[StepTime, ...]:
    groups = totals.groups[: len(pieces)]

    def by_op(values: Sequence[int]) -> dict[str, int]:
        shown = [replace(p, instructions=int(n)) for p, n in zip(pieces, values, strict=True)]
        return {op: cost.instructions for op, cost in assign(shown, marks).items()}

    instructions = by_op([piece.instructions for piece in pieces])
    core = by_op(groups["issue"].tolist())
    memory = by_op((groups["fetch"] + groups["data"]).tolist())
    weights, fetched = (by_op(groups[n].tolist()) for n in ("weight_bytes", "fetched_bytes"))
    steps = []
    for op, count in instructions.items():
        total = core[op] // FRACTION
        issue = min(-(-count // width), total)
        steps.append(
            StepTime(
                op, count, macs.get(op, 0), issue, total - issue, memory[op] // FRACTION,
                weights[op], fetched[op],
            )
        )  # fmt: skip
    return tuple(steps)


def _memory_sixteenths(totals: Totals) -> int:
    return int(totals.groups["fetch"].sum() + totals.groups["data"].sum())
