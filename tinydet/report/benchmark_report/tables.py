"""The tables of the report: the same cells for Markdown and HTML."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tinydet.report.benchmark_report.figures import (
    AccuracyFigures,
    MemoryFigures,
    Subject,
    TimeFigures,
)
from tinydet.targets import Fit, Footprint, fit, load_boards
from tinydet.targets.footprint import KIB

NONE = "\N{EN DASH}"
TIMED = ("engine", "MHz", "ms")  # columns behind the board


@dataclass(frozen=True)
class Cell:
    """Text, perhaps with a link; ``number`` cells are right-aligned."""

    text: str
    url: str = ""
    number: bool = False


@dataclass(frozen=True)
class Table:
    """A table of the report.

    Attributes:
        title: Heading.
        note: One sentence below it.
        heads: Of the columns.
        rows: One cell for each column.
    """

    title: str
    note: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def memory_table(rows: Sequence[MemoryFigures]) -> Table:
    """RAM and flash, as the model card prints them."""
    sizes = ("activation RAM", "runtime RAM", "weights flash", "code flash")

    def cells(row: MemoryFigures) -> Iterable[Cell]:
        parts = (row.activation_ram, row.runtime_ram, row.weights_flash, row.code_flash)
        totals = (row.total_ram, row.total_flash)
        kib = (None if size is None else size / KIB for size in (*parts, *totals))
        return Cell(row.chip), *(_number(size, 2) for size in kib)

    return _table_of_figures(
        "Memory footprint",
        "KiB. Activation RAM includes the input image; runtime RAM is everything else.",
        ("chip", *sizes, "total RAM", "total flash"),
        ((row, cells(row)) for row in rows),
    )


def mcu_table(rows: Sequence[TimeFigures]) -> Table:
    """Times on microcontrollers."""

    def cells(row: TimeFigures) -> Iterable[Cell]:
        counts = (row.cycles, row.instructions, row.stack_bytes)
        return *_timed(row), *(_number(count, 0) for count in counts)

    return _table_of_figures(
        "Microcontrollers",
        "One inference. Rows of tinydet: network and box selection on one image; published rows "
        "and estimates: the network. Instructions are not cycles: they leave out wait states, "
        "caches and dual issue, and no time can be derived from them alone.",
        ("board or core", *TIMED, "cycles", "instructions", "stack, bytes"),
        ((row, cells(row)) for row in rows),
    )


def mpu_table(rows: Sequence[TimeFigures]) -> Table:
    """Times under Linux."""

    def spread(row: TimeFigures) -> Cell:
        ends = row.spread_ms
        text = NONE if ends is None else f"{ends[0]:.2f} .. {ends[1]:.2f}"
        return Cell(text, number=True)

    return _table_of_figures(
        "Linux boards",
        "One inference of the network, median of the runs where a spread is given.",
        ("board", *TIMED, "5 % .. 95 %"),
        ((row, (*_timed(row), spread(row))) for row in rows),
    )


def accuracy_table(rows: Sequence[AccuracyFigures]) -> Table:
    """AP of the models that were evaluated, and the published ones."""
    ious = sorted({iou for row in rows for iou in row.ap})

    def cells(row: AccuracyFigures) -> Iterable[Cell]:
        figures = (*(row.ap.get(iou) for iou in ious), row.coco_ap)
        return Cell(row.kind), Cell(row.data), *(_number(figure, 1) for figure in figures)

    return _table_of_figures(
        "Accuracy",
        "Percent. Figures on different data cannot be compared.",
        ("kind", "data", *(f"AP@{iou}" for iou in ious), "COCO AP"),
        ((row, cells(row)) for row in rows),
    )


def _table_of_figures(
    title: str,
    note: str,
    heads: tuple[str, ...],
    rows: Iterable[tuple[MemoryFigures | TimeFigures | AccuracyFigures, Iterable[Cell]]],
) -> Table:
    """Rows that begin with the model and its input, and end with how they were obtained."""
    return Table(
        title,
        note,
        ("model", "input", *heads, "how obtained"),
        tuple(
            (*_subject(row.subject), *cells, Cell(str(row.source), row.source.url))
            for row, cells in rows
        ),
    )


def _timed(row: TimeFigures) -> tuple[Cell, ...]:
    return Cell(row.board), Cell(row.engine), _number(row.clock_mhz, 0), _number(row.ms, 2)


def fits_table(footprints: Sequence[tuple[Subject, Footprint]]) -> Table:
    """Every board against every model."""
    heads = [_short(subject) for subject, _ in footprints]
    rows = []
    for board in load_boards():
        verdicts = [_verdict(fit(board, footprint)) for _, footprint in footprints]
        rows.append((Cell(board.name), Cell(board.core), *map(Cell, verdicts)))
    return Table(
        "Which model fits which board",
        "KiB. Based on the sizes in the boards' documentation; the arena must be contiguous, and "
        "nothing is reserved for the rest of the application.",
        ("board", "core", *heads),
        tuple(rows),
    )


def _verdict(result: Fit) -> str:
    """As ``"yes: RAM 312, flash 870 free"``."""
    ram, flash = result.ram_spare_bytes / KIB, result.flash_spare_bytes / KIB
    if result.inside:
        return f"yes: RAM {ram:.0f}, flash {flash:.0f} free"
    short = [(kind, -spare) for kind, spare in (("RAM", ram), ("flash", flash)) if spare < 0]
    missing = ", ".join(f"{kind} {size:.0f} short" for kind, size in short)
    return f"{'with external memory' if result.fits else 'no'}: {missing}"


def _subject(subject: Subject) -> tuple[Cell, Cell]:
    alpha = "" if subject.alpha is None else f", alpha {subject.alpha:g}"
    classes = f" ({subject.classes})" if subject.classes else ""
    return Cell(f"{subject.name}{alpha}{classes}"), Cell(_size(subject), number=True)


def _short(subject: Subject) -> str:
    alpha = "" if subject.alpha is None else f", alpha {subject.alpha:g}"
    return f"{subject.name} {_size(subject)}{alpha}"


def _size(subject: Subject) -> str:
    if subject.input_size is None:
        return NONE
    height, width = subject.input_size
    return str(width) if width == height else f"{width}x{height}"


def _number(value: float | None, digits: int) -> Cell:
    return Cell(NONE if value is None else f"{value:,.{digits}f}", number=True)
