"""Figures of a model on a chip or board, each with how it was obtained."""

from dataclasses import dataclass
from enum import Enum


class Origin(Enum):
    """How a figure was obtained; the value stands in the report.

    What was measured, counted, reported by a tool, or only read somewhere is never mixed up: the
    origin follows from the kind of record, not from a text in it.
    """

    BOARD = "measured on a board"
    UNTIMED = "run on a core without a cycle counter"
    LINUX = "measured on a Linux machine"
    EMULATED = "instructions counted in an emulator"
    ESTIMATED = "estimated, not measured"
    LINKED = "linked program, stack measured in an emulator"
    EVALUATED = "evaluated on this machine"
    STEDGEAI = "reported by stedgeai"
    PUBLISHED = "published"


@dataclass(frozen=True)
class Subject:
    """What the figures are of.

    Attributes:
        name: Model file, or what the publisher calls it.
        input_size: ``(height, width)``, pixels; None where it is not known.
        alpha: Width of the backbone; None where it is not known.
        classes: In words, as ``"person"`` or ``"80 classes"``; empty where not known.
    """

    name: str
    input_size: tuple[int, int] | None = None
    alpha: float | None = None
    classes: str = ""


@dataclass(frozen=True)
class Source:
    """Where a figure is from.

    Attributes:
        origin: How it was obtained.
        detail: Tool and version, server, machine; may be empty.
        url: Of a published figure; else empty.
    """

    origin: Origin
    detail: str = ""
    url: str = ""

    def __str__(self) -> str:
        """As ``"published: STM32Cube.AI 10.2.0"``."""
        return f"{self.origin.value}: {self.detail}" if self.detail else self.origin.value


@dataclass(frozen=True)
class MemoryFigures:
    """A row of the memory table, bytes; None where the tool does not say.

    Attributes:
        subject: The model.
        chip: Series or core.
        activation_ram: Image, activations, work space.
        runtime_ram: Everything else in RAM.
        weights_flash: Constants of the network.
        code_flash: Machine code.
        source: Where it is from.
    """

    subject: Subject
    chip: str
    activation_ram: float | None
    runtime_ram: float | None
    weights_flash: float | None
    code_flash: float | None
    source: Source

    @property
    def total_ram(self) -> float | None:
        """Sum of the RAM; None where a part is not known."""
        return _sum(self.activation_ram, self.runtime_ram)

    @property
    def total_flash(self) -> float | None:
        """Sum of the flash; None where a part is not known."""
        return _sum(self.weights_flash, self.code_flash)


@dataclass(frozen=True)
class TimeFigures:
    """A row of the tables of times.

    Attributes:
        subject: The model.
        board: Board, machine or emulated core.
        engine: What computes, as ``"1 CPU"`` or ``"1 thread, tinydet C"``.
        source: Where it is from.
        clock_mhz: Of the processor; None where not known.
        ms: One inference; None where no time was taken. With spread: the median.
        spread_ms: ``(5 %, 95 %)`` of the runs; None for single runs.
        cycles: Of the processor; None where not counted.
        instructions: Executed; None where not counted.
        stack_bytes: Deepest stack; None where not measured.
    """

    subject: Subject
    board: str
    engine: str
    source: Source
    clock_mhz: float | None = None
    ms: float | None = None
    spread_ms: tuple[float, float] | None = None
    cycles: int | None = None
    instructions: int | None = None
    stack_bytes: int | None = None


@dataclass(frozen=True)
class AccuracyFigures:
    """A row of the accuracy table.

    Attributes:
        subject: The model.
        kind: As ``"int8 tflite"``.
        data: What it was evaluated on.
        ap: IoU with two decimals -> AP, percent; None where undefined.
        coco_ap: AP over IoU 0.50:0.95, percent; None where not known.
        source: Where it is from.
    """

    subject: Subject
    kind: str
    data: str
    ap: dict[str, float | None]
    coco_ap: float | None
    source: Source


def _sum(*parts: float | None) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None
