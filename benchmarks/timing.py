"""Estimated cycles of the generated C on boards.

    python benchmarks/timing.py [MODEL.tflite ...] [--boards BOARD ...]

The models are int8 detectors with ``detector.json`` beside them, of which constant channels are
removed. Beside them networks of random weights, alpha 0.35, at 192, 224, 256 and 416 pixels, whose
channels are all kept. All run on the first of ``BOARDS``, those of 192 pixels on the others too.
Weights lie in internal flash, the arena in the fastest RAM that takes it; on some boards the
weights also lie in the external flash. The file is written after each row. With ``--boards`` only
the rows of these boards are estimated, and take the place of those in the file.
"""

import argparse
import tempfile
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from embedded import SIZES, random_model
from record import read_rows, write_result

from tinydet.compiler import CompiledDetector, CompileOptions, compile_detector
from tinydet.compiler.memory import InputMode
from tinydet.pipeline.detector_of import spec_for
from tinydet.targets import Builds, CortexMTarget
from tinydet.targets.boards import find_board
from tinydet.targets.timing import estimate, format_estimate
from tinydet.targets.timing.board_memories import EXTERNAL_FLASH, FLASH

BOARDS = ("STM32H747I-DISCO", "STM32L4R9I-DISCO", "STM32F469I-DISCO", "B-U585I-IOT02A")
EXTERNAL = ("STM32H735G-DK", "STM32F746G-DISCO", "STM32H747I-DISCO")
PARTS = ("issue_cycles", "stall_cycles", "memory_cycles")
SMALL = 192  # pixels: what the other boards run
ON_EVERY_CORE = 256  # pixels: of the trained ones, what the other boards run, too
FED_IN_ROWS = 416  # pixels: with the whole image in it, the arena fits into no internal RAM


@dataclass(frozen=True)
class Case:
    """One model on one board.

    Attributes:
        model: The .tflite.
        size: Its input, pixels.
        board: Name of the board.
        weights: Memory that the weights are read from.
        random: Of random weights, all channels kept.
    """

    model: Path
    size: int
    board: str
    weights: str
    random: bool


def main() -> None:
    """Estimate and write results/timing.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="*")
    parser.add_argument("--boards", nargs="+", default=(), choices=sorted({*BOARDS, *EXTERNAL}))
    parsed = parser.parse_args()
    words = ["python benchmarks/timing.py", *(f"{model.stem}.tflite" for model in parsed.models)]
    command = " ".join([*words, *(["--boards", *parsed.boards] if parsed.boards else [])])
    rows = {_key(row): row for row in read_rows("timing")} if parsed.boards else {}
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs(Path(folder))
        for case in cases(parsed.models, Path(folder), parsed.boards or {*BOARDS, *EXTERNAL}):
            made = row(case, programs)
            rows[_key(made)] = made
            write_result("timing", command, {"rows": list(rows.values())})


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["model"], row["input"], row["board"], row["places"]["weights"]


def cases(models: list[Path], folder: Path, boards: Collection[str]) -> Iterator[Case]:
    """Small networks on all boards, large ones on the first, then weights in external flash."""
    trained = {model: spec_for(model, None).input_size[0] for model in models}
    small = [
        (random_model(SMALL, folder), SMALL, True),
        *((model, size, False) for model, size in trained.items() if size == SMALL),
    ]
    for board in (board for board in BOARDS if board in boards):
        for model, size, random in small:
            yield Case(model, size, board, FLASH, random)
    for size in SIZES[SIZES.index(SMALL) + 1 :] if BOARDS[0] in boards else ():
        yield Case(random_model(size, folder), size, BOARDS[0], FLASH, random=True)
    for model, size in trained.items():
        for board in BOARDS if size == ON_EVERY_CORE else BOARDS[:1]:
            if size != SMALL and board in boards:
                yield Case(model, size, board, FLASH, random=False)
    internal = {board: (FLASH,) for board in EXTERNAL if board not in BOARDS}
    for board in (board for board in EXTERNAL if board in boards):
        for model in (model for model, size in trained.items() if size == SMALL):
            for weights in (*internal.get(board, ()), EXTERNAL_FLASH):
                yield Case(model, SMALL, board, weights, random=False)


class Programs:
    """Each model compiled once for each core.

    Args:
        folder: Where they go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built: dict[tuple[Path, str], tuple[CompiledDetector, Builds]] = {}

    def of(self, case: Case) -> tuple[CompiledDetector, Builds]:
        """The detector and its programs."""
        core = find_board(case.board).core
        key = case.model, core
        if key not in self._built:
            mode: InputMode = "rows" if case.size >= FED_IN_ROWS else "image"
            options = CompileOptions(remove_channels=not case.random, input_mode=mode, core=core)
            detector = compile_detector(case.model, options, spec=spec_for(case.model, None))
            folder = self._folder / f"program_{len(self._built)}"
            self._built[key] = detector, Builds.of(CortexMTarget(core), detector, folder)
        return self._built[key]


def row(case: Case, programs: Programs) -> dict[str, Any]:
    """Estimate one."""
    board = find_board(case.board)
    detector, builds = programs.of(case)
    image = np.random.default_rng(0).integers(0, 256, (*detector.spec.input_size, 3), np.uint8)
    begin = time.perf_counter()
    external = case.weights == EXTERNAL_FLASH
    result = estimate(builds, image, board, external_weights=external)
    seconds = time.perf_counter() - begin
    print(format_estimate(result))
    record: dict[str, Any] = {
        "model": "random" if case.random else case.model.stem,
        "input": case.size,
        "input_mode": detector.input_mode,
        "all_channels": case.random,
        "arena_bytes": detector.arena_bytes,
        "fits": external or _flash_bytes(builds) <= board.flash_bytes,
    }
    record |= result.to_record()
    steps = record.pop("steps")  # of so many rows too long for a file that is kept
    record |= {part: sum(step[part] for step in steps) for part in ("instructions", *PARTS)}
    record["seconds_taken"] = round(seconds, 1)
    record["cycles_per_mac"] = round(result.cycles / result.macs, 3)
    return record


def _flash_bytes(builds: Builds) -> int:
    """Of a program and its weights."""
    return sum(s.size_bytes for s in builds.program.image.sections.values() if s.loaded)


if __name__ == "__main__":
    main()
