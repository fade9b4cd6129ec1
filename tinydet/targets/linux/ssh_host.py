"""How a board is reached, and why it is not."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinydet.errors import FaultError, UnsupportedError

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
                "--host", repr(self.address), "user@address", "Give the address of the board."
            )
        if self.port is not None and not 0 < self.port < 1 << 16:
            raise UnsupportedError("--port", str(self.port), "1 to 65535", "Correct the number.")
        if self.identity is not None and not self.identity.is_file():
            raise UnsupportedError(
                "--identity",
                f"{str(self.identity)!r}, which is not a file,",
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
    return RemoteError(host.address, found, f"Look at the output of: {host.by_hand()} -v")


# What the client says -> what it means, what to do. The first that fits counts.
_FAULTS: Sequence[tuple[Sequence[str], str, str]] = (
    (
        ("REMOTE HOST IDENTIFICATION HAS CHANGED", "host key for .* has changed"),
        "its host key differs from the known one",
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
        "it does not accept your keys",
        "Copy your public key to it (ssh-copy-id), load it into the agent (ssh-add) or name it "
        "with --identity. Passwords are not used.",
    ),
    (
        ("Could not resolve hostname",),
        "there is no host with this name",
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
        "the connection was interrupted",
        "Check power and network of the board, then try again; nothing half-copied is left "
        "under its final name.",
    ),
)
