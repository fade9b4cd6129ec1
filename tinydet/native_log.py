"""Keeping the messages of native libraries off the user's terminal."""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator

from tinydet.notes import is_verbose

_ONE_AT_A_TIME = threading.RLock()  # the file descriptor belongs to the whole process
STDERR = 2


@contextlib.contextmanager
def captured_native_log() -> Iterator[Callable[[], str]]:
    """Collect what native code writes to file descriptor 2, while Python's own stderr stays.

    TensorFlow and LiteRT log from C++, where no Python setting reaches them once they are loaded.
    ``sys.stderr`` is moved to the real terminal for the time, so that progress bars stay visible.
    With ``--verbose`` the text goes to the terminal at the end.

    Yields:
        A function that gives the text collected so far.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ONE_AT_A_TIME)
        log = stack.enter_context(tempfile.TemporaryFile(buffering=0))
        sys.stderr.flush()
        terminal = os.dup(STDERR)
        stack.callback(os.close, terminal)
        if is_verbose():
            stack.callback(lambda: os.write(STDERR, text().encode()))
        if _writes_to_native_stderr():
            python_stderr = stack.enter_context(os.fdopen(os.dup(terminal), "w", buffering=1))
            stack.enter_context(contextlib.redirect_stderr(python_stderr))
        os.dup2(log.fileno(), STDERR)
        stack.callback(os.dup2, terminal, STDERR)

        def text() -> str:
            log.seek(0)  # not os.pread, which Windows does not have; reading ends at the end
            return log.read().decode("utf-8", "replace")

        yield text


def _writes_to_native_stderr() -> bool:
    try:
        return sys.stderr.fileno() == STDERR
    except (OSError, ValueError, AttributeError):  # replaced by a notebook or a test
        return False
