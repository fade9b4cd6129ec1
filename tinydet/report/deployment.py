"""The deployment side of the report: memory, suitable boards, times, and the C to copy."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydet.report.facts import bytes_text
from tinydet.report.run_files import RunFiles
from tinydet.report.summary import TFLITE

if TYPE_CHECKING:
    from tinydet.targets import Footprint

FOOTPRINT = "benchmarking/footprint.json"
BENCHMARK = "benchmarking/benchmark.json"
# Where a run, and a benchmark in it, draw the memory plan; the first that is there is shown.
ARENA_PICTURES = ("benchmarking/arena.png", "benchmarking/c/arena.png", "deployment/arena.png")
EXAMPLE_BOARD = "STM32H747I-DISCO"
# The whole program around a detector that was compiled as it is called by default.
C_SNIPPET = """\
#include "detector.h"

static _Alignas(DETECTOR_ARENA_ALIGNMENT) uint8_t arena[DETECTOR_ARENA_BYTES];

/* rgb: 3 bytes a pixel, row by row. Boxes come back as fractions of the image. */
int find(const uint8_t *rgb, int height, int width, td_detection found[DETECTOR_MAX_DETECTIONS]) {
    const td_image image = {rgb, height, width, 3 * width, TD_RGB888};
    return detector_detect_image(&image, arena, found, DETECTOR_MAX_DETECTIONS);
}
"""


@dataclass(frozen=True)
class MemoryRow:
    """One line of the memory table: what, how much, and what it consists of."""

    name: str
    size: str
    note: str


@dataclass(frozen=True)
class BoardRow:
    """One board: whether the model fits, in a word for the eye and in a sentence.

    Attributes:
        name: Of the board.
        core: Its processor.
        state: ``good``: inside the chip; ``fair``: with external memory; ``poor``: not.
        verdict: The figures.
        time: Milliseconds of an inference with where they come from; empty: not known.
    """

    name: str
    core: str
    state: str
    verdict: str
    time: str


@dataclass(frozen=True)
class Deployment:
    """What a reader needs to bring the model to a board.

    Attributes:
        memory: RAM and flash; empty where nothing was built.
        boards: Those that fit first.
        timed: Some board has a time.
        commands: Command line and what it does, for what comes next.
        snippet: C that calls the detector.
    """

    memory: tuple[MemoryRow, ...]
    boards: tuple[BoardRow, ...]
    timed: bool
    commands: tuple[tuple[str, str], ...]
    snippet: str = C_SNIPPET

    @property
    def fitting(self) -> int:
        """How many boards it fits, external memory included."""
        return sum(row.state != "poor" for row in self.boards)


def read_deployment(files: RunFiles) -> Deployment | None:
    """The deployment section; None where the run has no int8 model.

    Args:
        files: The run folder.
    """
    if not (files.folder / TFLITE).is_file():
        return None
    footprint = files.read(FOOTPRINT, _read_footprint)
    benchmark = files.mapping(BENCHMARK) if (files.folder / BENCHMARK).exists() else None
    times = _times(benchmark or {})
    name = files.folder.name
    commands = [
        (f"tinydet compile {name}", "the C, its RAM and flash"),
        (f"tinydet deploy {name} --board {EXAMPLE_BOARD}", "a firmware project with a self-test"),
    ]
    if not times:
        where = f"--output {name}/benchmarking"
        words = f"tinydet benchmark {name} --board {EXAMPLE_BOARD} {where}"
        commands.append((words, f"the estimated time; then: tinydet report {name}"))
    boards = tuple(_boards(footprint, times)) if footprint else ()
    return Deployment(
        tuple(_memory(footprint)) if footprint else (), boards, bool(times), tuple(commands)
    )


def _read_footprint(file: Path) -> "Footprint":
    from tinydet.targets.footprint import Footprint

    try:
        return Footprint.from_record(json.loads(file.read_text(encoding="utf-8")))
    except (TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None


def _memory(footprint: "Footprint") -> list[MemoryRow]:
    f = footprint
    runtime = (
        f"stack {f.stack_bytes} B, detections {f.detections_bytes} B, variables {f.static_bytes} B"
    )
    image = {"image": "with", "caller": "without", "rows": "with some rows of"}[f.input_mode]
    return [
        MemoryRow("RAM", bytes_text(f.total_ram_bytes), ""),
        MemoryRow("arena", bytes_text(f.arena_bytes), f"activations, {image} the input image"),
        MemoryRow("other", bytes_text(f.runtime_ram_bytes), runtime),
        MemoryRow("Flash", bytes_text(f.total_flash_bytes), f"built for {f.core}"),
        MemoryRow("weights", bytes_text(f.weights_bytes), "with biases and multipliers"),
        MemoryRow("code", bytes_text(f.code_bytes), "with the tables of the kernels"),
    ]


def _boards(footprint: "Footprint", times: Mapping[str, str]) -> list[BoardRow]:
    from tinydet.targets import fit, load_boards

    fits = [fit(board, footprint) for board in load_boards()]
    fits.sort(key=lambda each: (not each.inside, not each.fits))  # stable: the list is by worth
    return [
        BoardRow(
            each.board.name,
            each.board.core,
            "good" if each.inside else "fair" if each.fits else "poor",
            _figures(each.verdict()),
            times.get(each.board.name, ""),
        )
        for each in fits
    ]


def _figures(verdict: str) -> str:
    """A verdict without its first words, which stand in the column before."""
    for word in ("fits, ", "does not fit: ", "fits with "):
        verdict = verdict.removeprefix(word)
    return verdict


def _times(benchmark: Mapping[str, Any]) -> dict[str, str]:
    """Board -> time in words: a measurement says that it is one, an estimate carries its error."""
    if isinstance(benchmark.get("ms"), int | float) and "board" in benchmark:
        return {str(benchmark["board"]): f"{benchmark['ms']:.0f} ms, measured"}
    estimate = benchmark.get("timing_estimate")
    if isinstance(estimate, Mapping) and isinstance(estimate.get("milliseconds"), int | float):
        worst = estimate.get("error", {}).get("worst")
        error = f", worst error so far {worst:.0%}" if isinstance(worst, int | float) else ""
        text = (
            f"{estimate['milliseconds']:.0f} ms at {estimate['clock_mhz']:.0f} MHz, estimated"
            f"{error}"
        )
        return {str(estimate.get("board")): text}
    return {}
