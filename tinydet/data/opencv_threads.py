"""OpenCV beside threads of our own."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def single_threaded_opencv() -> Iterator[None]:
    """Let OpenCV use one thread: the workers keep the cores busy, its own would fight them."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
