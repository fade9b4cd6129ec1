"""What kernels cost on each core, for ``--optimize``: cycles per product and per call.

    python benchmarks/kernel_costs.py [MODEL.tflite]

Estimates a network of 192 pixels (the shipped person detector) on a board of each core, in two
plans: every operator in one call, and the smallest arena, in which many run row by row. Cycles of
one product are those of the first plan; cycles of a call are how much longer the operators of a
kind take in the second, less products that it computes in vain, for each call more. Writes
``tinydet/compiler/schedule/kernel_costs.json`` after each core. Cycles are those of the core: what
its memories add depends on the board. But where the board has RAM that it never waits for, the file
also says how much, and how much longer the second plan takes in the RAM that takes the first one.
"""

import argparse
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from record import write_result

from tinydet.compiler import CompileOptions, compile_detector
from tinydet.compiler.compiled_detector import CompiledDetector
from tinydet.compiler.schedule.costs import COSTS_FILE
from tinydet.compiler.schedule.peaks import products_in_vain
from tinydet.pipeline.detector_of import spec_for
from tinydet.pretrained import pretrained_model
from tinydet.targets import Builds, CortexMTarget
from tinydet.targets.boards import Board, find_board
from tinydet.targets.timing import TimingEstimate, estimate

BOARDS = ("STM32H747I-DISCO", "STM32L4R9I-DISCO", "B-U585I-IOT02A")
MIN_CALLS = 50  # more than in one piece; of fewer, the quotient says little


@dataclass
class Sums:
    """Of the operators of one kind, in one plan."""

    cycles: Counter[str] = field(default_factory=Counter)
    macs: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    in_vain: Counter[str] = field(default_factory=Counter)


def main() -> None:
    """Estimate and write kernel_costs.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", default=pretrained_model("person_192"))
    model = parser.parse_args().model
    cores: dict[str, Any] = {}
    command = f"python benchmarks/kernel_costs.py {model.name}"
    # The C is the same for all cores; of no core, `speed` is every operator in one call.
    plans = [compiled(model, objective) for objective in ("speed", "ram")]
    for board in map(find_board, BOARDS):
        with tempfile.TemporaryDirectory() as folder:
            cores[board.core] = measured(plans, board, Path(folder))
        write_result(COSTS_FILE.stem, command, {"cores": cores}, COSTS_FILE.parent)


def compiled(model: Path, objective: Any) -> CompiledDetector:
    """One plan."""
    return compile_detector(model, CompileOptions(optimize=objective), spec=spec_for(model, None))


def measured(plans: Sequence[CompiledDetector], board: Board, folder: Path) -> dict[str, Any]:
    """Costs on the core of a board, with kernels in RAM for code in both plans."""
    if board.code_ram is not None:  # no bank that the larger arena needs
        board = replace(board, code_ram=replace(board.code_ram, name="RAM for code"))
    whole, rows = (
        Builds.of(CortexMTarget(board.core), plan, folder / str(number))
        for number, plan in enumerate(plans)
    )
    shape = (*plans[0].spec.input_size, 3)
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    of_whole, of_rows = (estimate(builds, image, board) for builds in (whole, rows))
    found = costs(sums(plans[0], of_whole), sums(plans[1], of_rows))
    slow, fast = of_whole.places["arena"], of_rows.places["arena"]
    print(f"{board.core}: {of_whole.cycles:,} cycles in {slow}, {of_rows.cycles:,} in {fast}")
    if slow != fast:
        again = estimate(rows, image, board, arena=slow)
        bank = next(bank for bank in board.ram if bank.name == fast)
        found["fast_ram_bytes"] = bank.size_bytes
        found["slow_ram"] = round(again.cycles / of_rows.cycles - 1, 4)
    return found


def sums(detector: CompiledDetector, result: TimingEstimate) -> Sums:
    """Of the operators of each kind."""
    found = count_calls(detector)
    kinds = {op.name: op.kind for op in detector.plan.schedule.graph.ops}
    for step in result.steps:
        found.cycles[kinds[step.op]] += step.issue_cycles + step.stall_cycles
        found.macs[kinds[step.op]] += step.macs
    return found


def count_calls(detector: CompiledDetector) -> Sums:
    """Calls of kernels, and products in vain."""
    schedule, found = detector.plan.schedule, Sums()
    for segment in schedule.segments:
        for step in schedule.flow.steps[segment.begin : segment.end]:
            if not 0 < step.number <= len(schedule.graph.ops):
                continue
            op = schedule.graph.ops[step.number - 1]
            found.calls[op.kind] += step.rows if segment.is_loop else 1
            found.in_vain[op.kind] += products_in_vain(schedule.graph, op) * segment.is_loop
    return found


def costs(whole: Sums, rows: Sums) -> dict[str, Any]:
    """Fields of ``KernelCosts``."""
    per_mac = {kind: whole.cycles[kind] / macs for kind, macs in whole.macs.items() if macs}
    more: dict[str, int] = defaultdict(int)
    for kind, calls in rows.calls.items():
        more[kind] = calls - whole.calls[kind]
    longer = {
        kind: rows.cycles[kind] - whole.cycles[kind] - rows.in_vain[kind] * per_mac.get(kind, 0.0)
        for kind in more
    }
    per_call = {
        kind: max(0, round(longer[kind] / calls))
        for kind, calls in sorted(more.items())
        if calls >= MIN_CALLS
    }
    return {
        "per_mac": {kind: round(value, 3) for kind, value in sorted(per_mac.items())},
        "per_call": per_call,
        "other_call": min(per_call.values()),
    }


if __name__ == "__main__":
    main()
