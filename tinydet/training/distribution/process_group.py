"""The processes that train together: what they share, and what only the first one has."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
from keras import ops

from tinydet.backends import choose_backend
from tinydet.errors import ProcessGroupError, UnsupportedError, first_line
from tinydet.native_log import captured_native_log
from tinydet.training.distribution.cluster import Cluster
from tinydet.training.distribution.collectives import COLLECTIVES, Collectives

Values = npt.NDArray[np.float64]


class ProcessGroup:
    """The processes that train together; also a process that is alone.

    A sum is one for which every process waits: all of them must ask for the same sums in the same
    order. What only one process does (measuring, writing files) must ask for none.

    Args:
        index: Of this process, from 0.
        size: How many there are.
        collectives: How they add up; None where the process is alone.

    Attributes:
        is_first: Whether this process is the one that writes files and measures.
    """

    def __init__(
        self, index: int = 0, size: int = 1, collectives: Collectives | None = None
    ) -> None:
        self.index = index
        self.size = size
        self.is_first = index == 0
        self._collectives = collectives

    def is_lost(self, error: Exception) -> bool:
        """Whether a sum raised an error because a process is gone."""
        return self._collectives is not None and self._collectives.is_lost(error)

    def total(self, value: Any) -> Any:
        """Sum of a tensor over the processes.

        Works in a compiled step and outside. Its gradient is the sum of the processes' gradients.

        Args:
            value: A tensor of the same shape and type in every process.
        """
        if self._collectives is None:
            return value
        return self._collectives.differentiable_total(value)

    def totals(self, values: Sequence[Any]) -> list[Any]:
        """Sums of many float32 tensors, in one go: what a step costs is the number of sums."""
        if self._collectives is None:
            return list(values)
        shapes = [tuple(value.shape) for value in values]
        flat = self._collectives.total(ops.concatenate([ops.reshape(v, (-1,)) for v in values]))
        ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1].tolist()
        parts = ops.split(flat, ends)
        return [ops.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]

    def from_first(self, values: Values) -> Values:
        """What the first process holds.

        Args:
            values: Of the same size in every process; only those of the first one count.
        """
        if self.size == 1:
            return values
        own = values if self.is_first else np.zeros_like(values)
        return np.asarray(ops.convert_to_numpy(self.total(np.asarray(own, np.float64))), np.float64)

    def text_from_first(self, text: str) -> str:
        """A text of the first process."""
        if self.size == 1:
            return text
        content = np.frombuffer(text.encode(), np.uint8)
        length = int(self.from_first(np.array([len(content)], np.float64))[0])
        sent = content if self.is_first else np.zeros(length)
        return self.from_first(sent.astype(np.float64)).astype(np.uint8).tobytes().decode()

    def weights_from_first(self, variables: Sequence[Any]) -> None:
        """Give variables of Keras the values that they have in the first process."""
        if self.size == 1:
            return
        flat = np.concatenate(
            [ops.convert_to_numpy(v).astype(np.float64).ravel() for v in variables]
        )
        ends = np.cumsum([math.prod(v.shape) for v in variables])[:-1]
        parts = np.split(self.from_first(flat), ends)
        for variable, part in zip(variables, parts, strict=True):
            variable.assign(part.reshape(variable.shape).astype(variable.dtype))

    def require_same(self, what: Mapping[str, str]) -> None:
        """Refuse to train where the processes do not agree.

        Args:
            what: Description -> hash.

        Raises:
            ProcessGroupError: This process has another hash than the first one.
        """
        for name, value in what.items():
            if self.text_from_first(value) != value:
                raise ProcessGroupError(
                    f"process {self.index} of {self.size}",
                    f"has other {name} than the first process",
                    "Give every process the same configuration and the same images.",
                )

    def share_of(self, batch_size: int, parts: int = 1) -> slice:
        """Which samples of a batch this process works on.

        Args:
            batch_size: Of all processes together.
            parts: In which a process takes its share, one after another.

        Raises:
            ProcessGroupError: The batch cannot be divided.
            UnsupportedError: The share cannot be divided.
        """
        share, rest = divmod(batch_size, self.size)
        if rest:
            raise ProcessGroupError(
                "training.batch_size",
                f"{batch_size} images cannot be divided among {self.size} processes",
                f"Give a multiple of {self.size}: it is the size of the batch of all together.",
            )
        if share % parts:
            raise UnsupportedError(
                "training.accumulate",
                f"{parts} parts of {share} images",
                f"a divisor of {share}",
                "Correct it, or training.batch_size.",
            )
        return slice(self.index * share, (self.index + 1) * share)


@contextmanager
def told_of_lost_processes(group: ProcessGroup) -> Iterator[None]:
    """Turn what the backend raises when a process is gone into one line.

    Raises:
        ProcessGroupError: A sum could not be made.
    """
    if group.size == 1:
        yield
        return
    try:
        yield
    except Exception as error:
        if not group.is_lost(error):
            raise
        raise ProcessGroupError(
            f"process {group.index} of {group.size}",
            f"has lost another process ({type(error).__name__})",
            "See the messages of that process, then resume all of them with tinydet run --resume.",
        ) from error


_current = ProcessGroup()


def current_group() -> ProcessGroup:
    """The group that this process has joined; one of its own where it has joined none."""
    return _current


def leave() -> None:
    """Be alone again, for what only one process does."""
    global _current
    _current = ProcessGroup()


def join(cluster: Cluster) -> ProcessGroup:
    """Meet the other processes; waits until all of them are there.

    Must come before the backend does anything else, except for choosing the visible devices.

    Args:
        cluster: Who they are.

    Raises:
        ProcessGroupError: They cannot be reached, or this process cannot be.
    """
    global _current
    collectives = COLLECTIVES[choose_backend().name]()
    try:
        with captured_native_log():
            collectives.meet(cluster)
    except Exception as error:  # whatever the backend makes of an address or a network
        _refuse(cluster, error)
    _current = ProcessGroup(cluster.index, len(cluster.addresses), collectives)
    return _current


def _refuse(cluster: Cluster, error: Exception) -> NoReturn:
    raise ProcessGroupError(
        cluster.addresses[cluster.index],
        f"process {cluster.index} of {len(cluster.addresses)} cannot join the others "
        f"({first_line(error)})",
        "Check the addresses, and that no other program uses the port.",
    ) from error
