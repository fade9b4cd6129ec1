"""Commands on a board through the system's OpenSSH client.

The client is part of Linux, macOS and Windows 10 and newer, and brings what its user has set up:
``~/.ssh/config``, agent, security keys, jump hosts, known hosts. A library of our own would have
to be told all that anew. It is always run so that it asks nothing: it either gets in by key, to a
host whose key is known, or says why not.
"""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tinydet.errors import FaultError, MissingToolError, UnsupportedError

CLIENT = "ssh"
OPTIONS = (
    "BatchMode=yes",  # no question, so no password either
    "StrictHostKeyChecking=yes",
    "ConnectTimeout=10",  # seconds
    "ServerAliveInterval=10",  # seconds; a board that went away is noticed after three
    "ServerAliveCountMax=3",
    "ClearAllForwardings=yes",
    "LogLevel=ERROR",
)
TRANSPORT_FAILED = 255  # exit status of ssh for all that is not the command's own
END_SECONDS = 10  # for a process that was told to end


class RemoteError(FaultError):
    """A board cannot be reached, or does not do what it is asked for."""


@dataclass(frozen=True)
class SshHost:
    """How a board is reached.

    Attributes:
        address: ``user@address``, or a name of the user's ``ssh_config``.
        port: None: 22, or what ``ssh_config`` says.
        identity: Private key file; None: agent, ``ssh_config`` and the usual names.
        config: Another file instead of the user's ``ssh_config``.
    """

    address: str
    port: int | None = None
    identity: Path | None = None
    config: Path | None = None

    def __post_init__(self) -> None:
        # A leading dash would be an option of ssh, blanks and quotes are in no name.
        if not re.fullmatch(r"[\w.+%@:\[\]][\w.+%@:\[\]-]*", self.address):
            raise UnsupportedError(
                "--host", repr(self.address), "user@address", "Name the board's address."
            )
        if self.port is not None and not 0 < self.port < 1 << 16:
            raise UnsupportedError("--port", str(self.port), "1 to 65535", "Correct the number.")
        if self.identity is not None and not self.identity.is_file():
            raise UnsupportedError(
                "--identity",
                f"{str(self.identity)!r}, which is no file,",
                "a private key file",
                "Make one with ssh-keygen, or leave the option out to use the agent.",
            )

    def ssh_options(self) -> list[str]:
        """Arguments of ``ssh`` that come before the address."""
        options = ["-T", "-x"]
        options += ["-F", str(self.config)] if self.config else []
        options += ["-p", str(self.port)] if self.port else []
        if self.identity:
            options += ["-i", str(self.identity), "-o", "IdentitiesOnly=yes"]
        return options + [part for option in OPTIONS for part in ("-o", option)]

    def by_hand(self) -> str:
        """The command with which the user connects by hand."""
        parts = [CLIENT, *(["-F", str(self.config)] if self.config else [])]
        parts += ["-p", str(self.port)] if self.port else []
        return shlex.join([*parts, self.address])


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
) -> Iterator[str | Answer]:
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


def connection_error(host: SshHost, complaint: str) -> RemoteError:
    """The error for what ``ssh`` says when it does not get to run a command.

    Args:
        host: Where it should go.
        complaint: Its standard error.
    """
    for signs, found, remedy in _FAULTS:
        if any(sign.lower() in complaint.lower() for sign in signs):
            return RemoteError(host.address, found, remedy.format(by_hand=host.by_hand()))
    lines = complaint.splitlines()
    found = f"the connection failed ({lines[-1] if lines else 'ssh gave no reason'})"
    return RemoteError(host.address, found, f"See what this says: {host.by_hand()} -v")


# What the client says -> what it means, what to do. The first that fits counts.
_FAULTS: Sequence[tuple[Sequence[str], str, str]] = (
    (
        ("REMOTE HOST IDENTIFICATION HAS CHANGED", "host key for .* has changed"),
        "its host key is another than the known one",
        "Make sure that it is your board (it has a new key after a new installation), remove the "
        "old key with ssh-keygen -R, then connect once by hand: {by_hand}",
    ),
    (
        ("Host key verification failed", "host key is known for"),
        "its host key is not known",
        "Connect once by hand, compare the fingerprint with the one the board shows on its "
        "console, and answer yes: {by_hand}",
    ),
    (
        ("Load key", "UNPROTECTED PRIVATE KEY", "bad permissions"),
        "the private key cannot be used",
        "It needs rights for its owner only (chmod 600), and its passphrase in the agent "
        "(ssh-add).",
    ),
    (
        ("Permission denied", "Too many authentication failures"),
        "it lets nobody in with your keys",
        "Put your public key there (ssh-copy-id), load it into the agent (ssh-add) or name it "
        "with --identity. Passwords are not used.",
    ),
    (
        ("Could not resolve hostname",),
        "there is no host of this name",
        "Correct the address; the board's own shows it with: ip addr",
    ),
    (
        ("Connection refused",),
        "it answers, but not to SSH",
        "Start its SSH server, or name its port with --port.",
    ),
    (
        ("timed out", "No route to host", "Network is unreachable", "Host is down"),
        "it cannot be reached",
        "Check that the board is on, its address and its network cable.",
    ),
    (
        ("Connection closed", "Connection reset", "Broken pipe", "not responding", "lost"),
        "the connection broke off",
        "Check power and network of the board, then try again; nothing half-copied is left "
        "under its final name.",
    ),
)
