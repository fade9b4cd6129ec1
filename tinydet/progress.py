"""Progress of long work on the terminal: a bar with the time left, or a line now and then.

Everything goes to standard error, so that results on standard output can be piped; nothing is
said with ``--quiet``. Colours are those of rich: none where standard error is no terminal, or
where ``NO_COLOR`` is set.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from tinydet.notes import is_quiet, is_verbose, tell

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")
LINE_EVERY_S = 30.0  # pace of the plain lines where standard error is not a terminal
UNITS = 100  # of a bar over stages


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Pass items through, showing how many are done and how long the rest will take.

    Args:
        items: What to iterate over.
        description: A few words shown before the bar.
        total: Number of items, where ``items`` has no length.

    Yields:
        The items.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    around = _WORK.get()
    if is_quiet():
        yield from items
    elif around is not None and around.bar is not None:  # a terminal has one bar at a time
        task = around.bar.add_task(f"  {description}", total=total, left="")
        yield from around.bar.track(items, task_id=task)
        around.bar.remove_task(task)
    elif sys.stderr.isatty():
        with make_bar() as bar:
            yield from bar.track(items, total=total, description=description)
    else:
        yield from _lines(items, description, total)


@contextmanager
def work(description: str, *shares: tuple[str, float]) -> Iterator[None]:
    """A bar over stages that cannot be counted: it advances by the usual share of each.

    Inside another ``work`` it does nothing. Also a decorator.

    Args:
        description: A few words shown before the bar.
        shares: The stages that are entered inside, in order, each with its usual time in any
            unit. One that is left out, or not listed, only makes the time left less exact.
    """
    if _WORK.get() is not None:
        yield
        return
    shown = not is_quiet() and sys.stderr.isatty()
    bar = make_bar(counts=False) if shown else None
    current = _Work(description, shares, bar)
    token = _WORK.set(current)
    try:
        if bar is None:
            yield
        else:
            with bar:
                yield
    finally:
        _WORK.reset(token)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """One stage of the work around it; with ``--verbose`` its time is told. Also a decorator.

    Args:
        name: What is done, a few words.
    """
    current, start = _WORK.get(), time.monotonic()
    if current is not None:
        current.begin(name)
    yield
    if current is not None:
        current.end(name)
    if is_verbose():
        tell(f"{name}: {time.monotonic() - start:.1f} s")


def make_bar(*, counts: bool = True) -> "Progress":
    """A progress bar on standard error: description, bar, count, time taken, time left.

    Args:
        counts: Items are counted, and the bar stays when it is done; else it shows a share, and
            goes.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    around = _WORK.get()
    if around is not None and around.bar is not None:  # a terminal has one bar at a time
        around.bar.stop()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn() if counts else TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn() if counts else TextColumn("{task.fields[left]}"),
        console=Console(stderr=True),
        transient=not counts,
    )


class _Work:
    """The stages of one piece of work and how far it is; for one thread."""

    def __init__(
        self, description: str, shares: Sequence[tuple[str, float]], bar: "Progress | None"
    ) -> None:
        self.description, self.bar = description, bar
        whole = sum(share for _, share in shares)
        self.waiting = [(name, share / whole) for name, share in shares]
        self.done = 0.0
        self.start = self.last_line = time.monotonic()
        self.task = None if bar is None else bar.add_task(description, total=UNITS, left="?")

    def begin(self, name: str) -> None:
        """A stage begins; those that are listed before it were left out."""
        names = [each for each, _ in self.waiting]
        skipped = names.index(name) if name in names else 0
        self.done += sum(share for _, share in self.waiting[:skipped])
        del self.waiting[:skipped]
        self._show(f"{self.description}: {name}")

    def end(self, name: str) -> None:
        """A stage is over."""
        if self.waiting and self.waiting[0][0] == name:
            self.done += self.waiting.pop(0)[1]
        self._show(self.description)

    def _show(self, text: str) -> None:
        now = time.monotonic()
        left = "?"
        if self.done > 0:
            left = f"{(now - self.start) / self.done * max(0.0, 1 - self.done):.0f} s"
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, description=text, completed=UNITS * self.done, left=left)
        elif now - self.last_line >= LINE_EVERY_S and not is_quiet():
            self.last_line = now
            tell(f"{text} ({self.done:.0%}, {left} left)")


_WORK: ContextVar[_Work | None] = ContextVar("work", default=None)


def _lines(items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    start = last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= LINE_EVERY_S:
            last = now
            left = f", {(now - start) / done * (total - done):.0f} s left" if total else ""
            tell(f"{description}: {done}/{total or '?'}{left}")
