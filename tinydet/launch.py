"""Starting the processes that train together on one machine, and ending them.

How they meet and divide the work is in ``tinydet.training.distribution``.
"""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

SECONDS_TO_END = 10  # what a process gets to end by itself


@contextmanager
def followers(
    command: Sequence[str], count: int, environment_of: Callable[[tuple[str, ...], int], str]
) -> Iterator[None]:
    """Start processes that follow this one; end them afterwards.

    Args:
        command: What each of them runs.
        count: All processes together, this one included.
        environment_of: Value of ``TF_CONFIG`` from the addresses of all, ``host:port``, and the
            index of one. This process is the first, 0.
    """
    addresses = tuple(f"localhost:{port}" for port in _free_ports(count))
    before = os.environ.get("TF_CONFIG")
    with ExitStack() as stack:
        for index in range(1, count):
            environment = {**os.environ, "TF_CONFIG": environment_of(addresses, index)}
            # In a session of its own: Ctrl-C is for the first process, which ends the others.
            process = subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
            )
            stack.callback(_end, process)
        os.environ["TF_CONFIG"] = environment_of(addresses, 0)
        try:
            yield
        finally:
            os.environ.pop("TF_CONFIG")
            if before is not None:
                os.environ["TF_CONFIG"] = before


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody uses now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("localhost", 0))
        return [int(each.getsockname()[1]) for each in sockets]
