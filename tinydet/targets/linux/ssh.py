"""Commands on a board through the system's OpenSSH client.

The client is part of Linux, macOS and Windows 10 and newer, and brings what its user has set up:
``~/.ssh/config``, agent, security keys, jump hosts, known hosts. A library of our own would have
to be told all that anew. It is always run so that it asks nothing: it either gets in by key, to a
host whose key is known, or says why not.
"""

import os
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from tinydet.errors import MissingToolError
from tinydet.targets.linux.ssh_host import CLIENT, SshHost, connection_error

TRANSPORT_FAILED = 255  # exit status of ssh for all that is not the command's own
END_SECONDS = 10  # for a process that was told to end


@dataclass(frozen=True)
class Answer:
    """What a command on the board left.

    Attributes:
        status: Its exit status, not that of the connection.
        output: Its standard output.
        complaint: Its standard error, stripped.
    """

    status: int
    output: str
    complaint: str


def run_on(host: SshHost, script: str, *, content: bytes = b"") -> Answer:
    """Run a POSIX shell script on the board.

    Args:
        host: The board.
        script: On one line; the board's login shell may be any.
        content: Standard input.

    Raises:
        MissingToolError: There is no OpenSSH client.
        RemoteError: The board cannot be reached, or the connection broke.
    """
    with _session(host, script) as session:
        _feed(session.process, [content])
        output = session.output.read()
        return session.end(output)


def stream_from(
    host: SshHost, script: str, content: Iterable[bytes] = ()
) -> Generator[str | Answer, None, None]:
    """Run a script and take its lines as they come.

    Args:
        host: The board.
        script: See ``run_on``.
        content: Pieces of standard input, sent while lines are read.

    Yields:
        Lines without their end; at last an ``Answer`` without output.

    Raises:
        MissingToolError: There is no OpenSSH client.
        RemoteError: The board cannot be reached, or the connection broke.
    """
    with _session(host, script) as session:
        failures: list[BaseException] = []
        feeder = threading.Thread(
            target=_feed, args=(session.process, content, failures), daemon=True
        )
        feeder.start()
        for line in session.output:
            yield line.rstrip("\r\n")
        feeder.join()
        if failures:  # the pieces could not be made: reading an image failed
            raise failures[0]
        yield session.end("")


@dataclass
class _Session:
    """A running ``ssh``."""

    host: SshHost
    process: "subprocess.Popen[bytes]"
    output: IO[str]
    complaint: IO[bytes]

    def end(self, output: str) -> Answer:
        """Wait for the end, and tell a failed connection from a failed command."""
        status = self.process.wait()
        self.complaint.seek(0)
        complaint = self.complaint.read().decode("utf-8", "replace").strip()
        if status == TRANSPORT_FAILED:
            raise connection_error(self.host, complaint)
        return Answer(status, output, complaint)


@contextmanager
def _session(host: SshHost, script: str) -> Iterator[_Session]:
    """Start ``ssh``; whatever happens, it does not outlive the block."""
    client = shutil.which(CLIENT)
    if client is None:
        raise MissingToolError(
            "working on a board over the network",
            "the OpenSSH client (ssh)",
            "Install it with your system's packages (Windows: optional feature OpenSSH client).",
        )
    command = [client, *host.ssh_options(), "--", host.address, f"sh -c {shlex.quote(script)}"]
    with (
        tempfile.TemporaryFile() as complaint,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaint,
            env=os.environ | {"LC_ALL": "C"},  # messages are read, see connection_error
        ) as process,
    ):
        assert process.stdout is not None
        try:
            with closing(_text(process.stdout)) as output:
                yield _Session(host, process, output, complaint)
        finally:
            _stop(process)


def _text(stream: IO[bytes]) -> IO[str]:
    return open(stream.fileno(), encoding="utf-8", errors="replace", newline="\n", closefd=False)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    if process.stdin is not None:
        with suppress(OSError):  # what was not sent yet cannot be sent any more
            process.stdin.close()


def _feed(
    process: "subprocess.Popen[bytes]",
    content: Iterable[bytes],
    failures: list[BaseException] | None = None,
) -> None:
    """Write standard input; a command that ends early is no fault of its own."""
    assert process.stdin is not None
    try:
        with suppress(BrokenPipeError, ConnectionResetError):
            for piece in content:
                process.stdin.write(piece)
                process.stdin.flush()  # the board need not wait for the next one
    except Exception as failure:
        if failures is None:
            raise
        failures.append(failure)
    finally:
        with suppress(OSError):
            process.stdin.close()
