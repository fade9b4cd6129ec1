"""Why a program on a board stopped, as the server says it."""

from dataclasses import dataclass
from typing import Literal

StopKind = Literal["signal", "exited", "output", "file", "error", "other"]


@dataclass(frozen=True)
class Stop:
    """One stop reply, or what comes in between.

    Attributes:
        kind: ``signal``: halted. ``exited``: the program ended. ``output``: it goes on, ``text``
            is what it printed. ``file``: it waits for a file operation, ``arguments`` say which.
            ``error``: the server refused. ``other``: nothing to act on.
        number: Of the signal, or the exit status.
        text: See ``kind``.
        arguments: As ``("write", "1", "20001000", "5")``, hexadecimal.
    """

    kind: StopKind
    number: int = 0
    text: str = ""
    arguments: tuple[str, ...] = ()


def parse_stop(payload: bytes) -> Stop:
    """Read an answer to "continue".

    >>> parse_stop(b"T05thread:01;")
    Stop(kind='signal', number=5, text='', arguments=())
    >>> parse_stop(b"O6869")
    Stop(kind='output', number=0, text='hi', arguments=())
    >>> parse_stop(b"Fwrite,1,20001000,5").arguments
    ('write', '1', '20001000', '5')
    """
    letter, rest = payload[:1], payload[1:].decode("latin-1")
    try:
        if letter in (b"T", b"S"):
            return Stop("signal", int(rest[:2], 16))
        if letter in (b"W", b"X"):
            return Stop("exited", int(rest.partition(";")[0], 16))
        if letter == b"O" and payload != b"OK":
            return Stop("output", text=bytes.fromhex(rest).decode("utf-8", "replace"))
        if letter == b"F":
            return Stop("file", arguments=tuple(rest.split(",")))
        if letter == b"E":
            return Stop("error", int(rest[:2], 16))
    except ValueError:
        return Stop("other")
    return Stop("other")
