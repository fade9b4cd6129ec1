"""Progress of long work on the terminal: a bar with the time left, or a line now and then."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

Item = TypeVar("Item")
LINE_EVERY_S = 30.0  # pace of the plain lines where standard error is no terminal


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Pass items through, showing how many are done and how long the rest will take.

    The bar goes to standard error, so that results on standard output can be piped.

    Args:
        items: What to iterate over.
        description: A few words shown before the bar.
        total: Number of items, where ``items`` has no length.

    Yields:
        The items.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    yield from (_bar if sys.stderr.isatty() else _lines)(items, description, total)


def _bar(items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield from progress.track(items, total=total, description=description)


def _lines(items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    start = last = time.monotonic()
    for done, item in enumerate(items):
        yield item
        now = time.monotonic()
        if now - last >= LINE_EVERY_S:
            last = now
            left = f", {(now - start) / (done + 1) * (total - done - 1):.0f} s left" if total else ""
            print(f"{description}: {done + 1}/{total or '?'}{left}", file=sys.stderr)  # noqa: T201
