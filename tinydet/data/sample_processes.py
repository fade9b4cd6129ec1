"""Processes that augment images beside this one.

Threads of one process share Python's lock: two of them make 1.3 times as many images as one.
"""

import pickle
import queue
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from tinydet.data.augmented_samples import AugmentedSamples, Labels, Place
from tinydet.data.opencv_threads import single_threaded_opencv
from tinydet.data.preprocess import ImageArray
from tinydet.errors import TinydetError, UnsupportedError

PROGRAM = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from tinydet.data.sample_processes import serve; serve()"
)


class SampleProcesses:
    """Makes samples in processes of their own; as many threads as processes may ask at a time.

    They end with ``stop``, and where this process ends in whatever way.

    Args:
        source: What makes the samples; each process has a copy.
        count: Of processes.
    """

    def __init__(self, source: AugmentedSamples, count: int) -> None:
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            for _ in range(count)
        ]
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
        start = pickle.dumps(sys.path) + pickle.dumps(source)
        for process in self._processes:
            _send(process, start)
            self._idle.put(process)

    def make(self, places: Sequence[Place]) -> tuple[ImageArray, list[Labels]]:
        """See ``AugmentedSamples.make``.

        Raises:
            DataError: An image cannot be read.
            UnsupportedError: The process was ended by somebody else.
        """
        process = self._idle.get()
        try:
            _send(process, pickle.dumps(places))
            made: Any = pickle.load(process.stdout)  # type: ignore[arg-type]  # a pipe
        except (EOFError, OSError, pickle.UnpicklingError):
            raise UnsupportedError(
                "training.num_workers",
                f"{len(self._processes)} processes, one of which ended with status "
                f"{process.wait()},",
                "as many as the memory holds",
                "Give fewer.",
            ) from None
        finally:
            self._idle.put(process)
        if isinstance(made, TinydetError):
            raise made
        return made  # type: ignore[no-any-return]  # of ``serve``

    def stop(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):  # what was not sent yet
                    pipe.close()  # type: ignore[union-attr]  # both are pipes


def _send(process: subprocess.Popen[bytes], content: bytes) -> None:
    process.stdin.write(content)  # type: ignore[union-attr]  # a pipe
    process.stdin.flush()  # type: ignore[union-attr]


def serve() -> None:
    """Make what standard input asks for; for the processes of ``SampleProcesses``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process has it, too, and ends this one
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what is printed is no answer
    source: AugmentedSamples = pickle.load(requests)
    with single_threaded_opencv():
        while True:
            try:
                places = pickle.load(requests)
            except EOFError:
                return
            try:
                made: Any = source.make(places)
            except TinydetError as error:
                made = error
            pickle.dump(made, answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
