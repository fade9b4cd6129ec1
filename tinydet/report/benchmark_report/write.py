"""``benchmark_report.html`` and ``.md``."""

import base64
from pathlib import Path

from tinydet.config.files import make_folder, write_bytes_atomically, write_text_atomically
from tinydet.pages import render
from tinydet.report import markdown
from tinydet.report.benchmark_report.chart import draw_memory_chart
from tinydet.report.benchmark_report.published import Published
from tinydet.report.benchmark_report.read import Benchmarks
from tinydet.report.benchmark_report.tables import (
    Cell,
    Table,
    accuracy_table,
    fits_table,
    mcu_table,
    memory_table,
    mpu_table,
)

HTML_FILE, MARKDOWN_FILE = "benchmark_report.html", "benchmark_report.md"
CHART_FILE = "benchmark_memory.png"
TITLE = "Benchmark report"
ROOFLINE_FILE = "benchmark_roofline_{}.png"
CAPTION = "RAM and flash of the models (lines) and internal memory of the boards (bars)"


def write_benchmark_report(benchmarks: Benchmarks, folder: Path, *, published: bool = True) -> Path:
    """Write the tables and the chart, each row with how it was obtained.

    The same figures give the same files, byte for byte.

    Args:
        benchmarks: What was measured; may be empty.
        folder: Gets ``benchmark_report.html`` (with everything in it), ``benchmark_report.md``,
            ``benchmark_memory.png`` and ``benchmark_roofline_1.png`` and so on.
        published: Put the published figures of the network beside it.

    Returns:
        Path of the HTML file.

    Raises:
        OutputError: The folder cannot be written to.
    """
    make_folder(folder)
    tables = _tables(benchmarks, Published() if published else None)
    chart = draw_memory_chart(benchmarks.memory)
    write_bytes_atomically(folder / CHART_FILE, chart)
    for number, (_, picture) in enumerate(benchmarks.rooflines, 1):
        write_bytes_atomically(folder / ROOFLINE_FILE.format(number), picture)
    write_text_atomically(folder / MARKDOWN_FILE, _markdown(tables, benchmarks))
    path = folder / HTML_FILE
    context = {
        "title": TITLE,
        "tables": tables,
        "unknown": benchmarks.unknown,
        "caption": CAPTION,
        "chart": _embedded(chart),
        "rooflines": [(caption, _embedded(png)) for caption, png in benchmarks.rooflines],
    }
    write_text_atomically(path, render("benchmark_report.html.j2", context))
    return path


def _embedded(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _tables(own: Benchmarks, published: Published | None) -> list[Table]:
    """The tables that have rows; own figures stand in front of the published ones."""
    others = published or Benchmarks()
    memory, mcu = [*own.memory, *others.memory], [*own.mcu, *others.mcu]
    mpu, accuracy = [*own.mpu, *others.mpu], [*own.accuracy, *others.accuracy]
    tables = [memory_table(memory), mcu_table(mcu), mpu_table(mpu), accuracy_table(accuracy)]
    if own.footprints:
        tables.append(fits_table(own.footprints))
    return [table for table in tables if table.rows]


def _markdown(tables: list[Table], benchmarks: Benchmarks) -> str:
    parts = [f"# {TITLE}\n"]
    for table in tables:
        rows = markdown.table(
            list(map(markdown.escape, table.heads)),
            [[_markdown_cell(cell) for cell in row] for row in table.rows],
            [cell.number for cell in table.rows[0]],
        )
        parts.append(f"## {table.title}\n\n{table.note}\n\n{rows}")
    parts.append(f"## Memory use and boards\n\n![{CAPTION}]({CHART_FILE})\n")
    for number, (caption, _) in enumerate(benchmarks.rooflines, 1):
        file = ROOFLINE_FILE.format(number)
        heading = "## What bounds each operator\n\n" if number == 1 else ""
        parts.append(f"{heading}![{markdown.escape(caption)}]({file})\n")
    if benchmarks.unknown:
        names = ", ".join(map(markdown.escape, benchmarks.unknown))
        parts.append(f"Records that could not be used: {names}\n")
    return "\n".join(parts)


def _markdown_cell(cell: Cell) -> str:
    text = markdown.escape(cell.text)
    return f"[{text}]({cell.url})" if cell.url else text
