"""Progress of long work on the terminal: a bar with the time left, or a line now and then."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")
LINE_EVERY_S = 30.0  # pace of the plain lines where standard error is not a terminal


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
    if sys.stderr.isatty():
        with make_bar() as bar:
            yield from bar.track(items, total=total, description=description)
    else:
        yield from _lines(items, description, total)


def make_bar() -> "Progress":
    """A progress bar on standard error: description, bar, count, time taken, time left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _lines(items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    start = last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= LINE_EVERY_S:
            last = now
            left = f", {(now - start) / done * (total - done):.0f} s left" if total else ""
            print(f"{description}: {done}/{total or '?'}{left}", file=sys.stderr)  # noqa: T201
