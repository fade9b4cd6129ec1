"""The tables of what a newcomer meets: the first steps, the pages, the workbench, the answers."""

from collections import Counter
from collections.abc import Callable
from typing import Any

Figures = dict[str, Any]
Table = Callable[[list[str], list[list[str]]], str]


def newcomer_table(figures: Figures, table: Table) -> str:
    """From a clone to a report and to boxes that firmware prints."""
    lines, total = [], 0
    for row in figures["rows"]:
        total += row["seconds"]
        since = duration(total)
        lines.append([f"`{row['command']}`", duration(row["seconds"]), since, row["gives"]])
    return (
        "## A newcomer's path\n\nFrom a clone to a report and to boxes that firmware prints, as"
        " `.ci/run` runs it from nothing on the machine named in the result file. How long"
        " installing takes depends on the network.\n\n"
        + table(["command", "time", "since the start", "then there is"], lines)
    )


def duration(seconds: int) -> str:
    """Minutes and seconds.

    >>> duration(7), duration(61)
    ('7 s', '1 min 1 s')
    """
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def pages_table(figures: Figures, table: Table) -> str:
    """What Lighthouse says of the pages."""
    rows = figures["rows"]
    kinds = {
        "a run's report": [row for row in rows if row["page"] == "report"],
        "the workbench": [row for row in rows if row["page"] == "workbench"],
        "the site": [row for row in rows if row["page"].endswith(".html")],
    }
    lines = [
        [
            name,
            str(len(of_kind)),
            str(min(row["accessibility"] for row in of_kind)),
            failed_rules(of_kind),
            str(sum(row["errors"] for row in of_kind)),
            str(sum(len(row["others"]) for row in of_kind)),
        ]
        for name, of_kind in kinds.items()
        if of_kind
    ]
    heads = ["pages of", "looked at", "lowest score", "rules that fail", "errors on the console"]
    return (
        f"## Pages in a browser\n\nLighthouse {rows[0]['lighthouse']}, accessibility from 0 to 100,"
        f" as a phone shows the page; at least {figures['least_score']} is asked for. `make pages`"
        " also runs axe-core on pages of each kind, narrow and wide, light and dark.\n\n"
        + table([*heads, "requests to other machines"], lines)
    )


def failed_rules(rows: list[Figures]) -> str:
    """Names of the rules, each with the number of its pages."""
    counts = Counter(rule for row in rows for rule in row["failed"])
    return ", ".join(f"{rule} ({count})" for rule, count in sorted(counts.items())) or "none"


def workbench_table(figures: Figures, table: Table) -> str:
    """The workbench on a large data set."""
    lines = [
        [row["what"], f"{row['processor_ms']:.1f}", f"{row['ms']:.1f}"] for row in figures["rows"]
    ]
    return (
        f"## The workbench on {figures['images']:,} images\n\n`tinydet data view`, 640 x 480 JPEGs"
        f" with {figures['boxes']:,} boxes. Medians in ms: processor time of server and client, and"
        " on the clock, which counts whatever else the machine did; the browser's own work is only"
        f" in the latter. At most {figures['peak_mib']:.0f} MiB; the page holds"
        f" {figures.get('tiles_in_the_page', 'few')} pictures at a time.\n\n"
        + table(["what", "processor", "clock"], lines)
    )


def answer_table(figures: Figures, table: Table) -> str:
    """How soon the command line answers; the clock counts only on a machine that was not busy."""
    rows = figures["rows"]
    is_quiet = rows[0]["least_s"] < 2 * rows[0]["processor_s"]
    lines = [
        [
            f"`{row['command']}`",
            f"{row['processor_s']:.2f} s",
            f"{row['least_s']:.2f} s" if is_quiet else "not measured: busy machine",
        ]
        for row in rows
    ]
    return (
        "## How soon the command line answers\n\nOf"
        f" {figures['repeats']} starts each: median of the processor time, shortest time on the"
        " clock.\n\n" + table(["command", "processor", "clock"], lines)
    )
