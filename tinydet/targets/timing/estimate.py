"""Cycles and milliseconds of one inference on a board, operator by operator: an estimate."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tinydet.progress import stage
from tinydet.targets.base import CodeArray
from tinydet.targets.benchmark.measure import Builds, assign
from tinydet.targets.boards import Board
from tinydet.targets.cortex_m import CortexMNetwork
from tinydet.targets.emulator import (
    FLASH_BEGIN,
    FLASH_BYTES,
    MAX_PIECES,
    RAM_BEGIN,
    RAM_BYTES,
    Piece,
)
from tinydet.targets.emulator_hooks import build_hook
from tinydet.targets.footprint import KERNELS, WEIGHTS, kernels_bytes
from tinydet.targets.timing.board_memories import FLASH, board_timing, memories
from tinydet.targets.timing.cost import CostModel
from tinydet.targets.timing.recorder import FRACTION, RECORDER, Recorder, Totals
from tinydet.targets.timing.validation import MODEL_ERROR, ModelError


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
    places = _places(program, weights, bank, hot)
    cost = CostModel(program.core, memories(timing, places), program.machine().read)
    call, cold, warm = _run(program, codes, cost, builds.folder, places)
    marks = builds.marked.measure_run(codes).pieces
    return TimingEstimate(
        board=board.name,
        core=program.core,
        clock_mhz=timing.clock_mhz,
        places={"program": FLASH}
        | ({"kernels": hot} if hot != FLASH else {})
        | {"weights": weights, "arena": bank},
        steps=_steps(call, warm, marks, network.macs, cost.pipeline.width),
        cold_memory_cycles=_memory_sixteenths(cold) // FRACTION,
        unknown_accesses=cost.unknown / max(cost.known + cost.unknown, 1),
        error=MODEL_ERROR,
        waits=timing.source,
        weights_bytes_per_cycle=timing.bytes_per_cycle(weights),
    )


def _places(
    program: CortexMNetwork, weights: str, bank: str, kernels: str
) -> dict[tuple[int, int], str]:
    """``(begin, end)`` -> memory, weights first. No two share an address."""
    places = {
        (section.address, section.address + section.size_bytes): memory
        for name, memory in ((WEIGHTS, weights), (KERNELS, kernels))
        if (section := program.image.sections.get(name)) is not None
    }
    ends = [FLASH_BEGIN, *(edge for span in sorted(places) for edge in span)]
    ends.append(FLASH_BEGIN + FLASH_BYTES)
    rest = zip(ends[::2], ends[1::2], strict=True)
    places |= {(begin, end): FLASH for begin, end in rest if begin < end}
    return {**places, (RAM_BEGIN, RAM_BEGIN + RAM_BYTES): bank}


def _run(
    program: CortexMNetwork,
    codes: CodeArray,
    cost: CostModel,
    folder: Path,
    places: Mapping[tuple[int, int], str],
) -> tuple[tuple[Piece, ...], Totals, Totals]:
    """Three inferences: one to see the code, one with empty and one with full caches."""
    machine = program.machine()
    recorder = Recorder(
        machine.engine,
        build_hook(RECORDER, folder.resolve()),
        cost.memories,
        cost.pipeline.unaligned_cycles,
        num_groups=MAX_PIECES,
        group=machine.pieces_begun,
        watched=next(iter(places)),
    )
    totals = []
    try:
        program.measure_run(codes)
        recorder.price(cost.price)
        recorder.locate(cost.accesses)
        for empty in (True, False):
            recorder.reset(empty_caches=empty)
            call = program.measure_run(codes)
            totals.append(recorder.totals())
    finally:
        recorder.detach()
    return call.pieces, totals[0], totals[1]


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
