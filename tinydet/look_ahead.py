"""Work done ahead of its use, by threads, with the results in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def usable_cores() -> int:
    """Cores this process may run on; containers, SLURM and taskset grant fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(
    pool: Executor, work: Callable[[Task], Result], tasks: Iterable[Task], ahead: int
) -> Iterator[Result]:
    """The results of all tasks, in the order of the tasks.

    Unlike ``pool.map``, which takes in every task at once, only a few are worked on ahead: memory
    stays bounded however long the tasks are and however slow the consumer is.

    Args:
        pool: Does the work.
        work: Task to result. What it raises is raised here, in the place of the result.
        tasks: Taken in one by one.
        ahead: How many tasks are in the making while the consumer has a result, >= 0.

    Yields:
        One result per task.

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as pool:
    ...     list(in_order(pool, abs, range(-3, 1), ahead=2))
    [3, 2, 1, 0]
    """
    pending: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            pending.append(pool.submit(work, task))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
