"""Work that needs TensorFlow, in a process of its own where this one uses another backend."""

import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any

from tinydet.backends import VARIABLE
from tinydet.errors import TinydetError

COMMAND = (sys.executable, "-c", "from tinydet.pipeline.own_process import serve; serve()")
SAID, DONE, REFUSED, FAILED = "said", "done", "refused", "failed"


def with_tensorflow(
    work: Callable[..., Any], arguments: tuple[Any, ...], say: Callable[[str], None]
) -> Any:
    """What a function returns in a process whose Keras computes with TensorFlow.

    Args:
        work: Of a module; also takes ``say``, as its last argument.
        arguments: Can be pickled, as the result.
        say: Told what the function tells.

    Raises:
        TinydetError: As the function raises it.
        RuntimeError: The function failed otherwise, or its process was ended.
    """
    environment = {**os.environ, VARIABLE: "tensorflow"}
    with subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        try:
            with process.stdin as task:  # type: ignore[union-attr]  # a pipe was asked for
                task.write(pickle.dumps((sys.path, work.__module__, work.__name__)))
                task.write(pickle.dumps(arguments))
            while True:
                kind, value = _next_message(process)
                if kind != SAID:
                    break
                say(value)
        except BaseException:
            process.kill()
            raise
    return _result(kind, value)


def _next_message(process: subprocess.Popen[bytes]) -> tuple[str, Any]:
    try:
        message: tuple[str, Any] = pickle.load(process.stdout)  # type: ignore[arg-type]  # a pipe
    except EOFError:
        return FAILED, f"the process that uses TensorFlow ended with status {process.wait()}"
    return message


def _result(kind: str, value: Any) -> Any:
    if kind == FAILED:
        raise RuntimeError(value)
    if kind == REFUSED:
        raise value
    return value


def serve() -> None:
    """Do what stands on standard input; for the process that ``with_tensorflow`` starts."""
    channel, sys.stdout = sys.stdout.buffer, sys.stderr  # what is printed is no message

    def send(kind: str, value: Any) -> None:
        pickle.dump((kind, value), channel)
        channel.flush()

    sys.path[:], module, name = pickle.load(sys.stdin.buffer)
    try:
        work = getattr(__import__(module, fromlist=[name]), name)
        arguments = pickle.load(sys.stdin.buffer)
        send(DONE, work(*arguments, lambda text: send(SAID, text)))
    except TinydetError as error:
        send(REFUSED, error)
    except KeyboardInterrupt:  # the first process has it, too
        return
    except BaseException:
        send(FAILED, traceback.format_exc())
