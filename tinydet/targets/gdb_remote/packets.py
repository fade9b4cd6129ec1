"""Packets of the GDB remote serial protocol over TCP.

``$payload#checksum``, each acknowledged with ``+`` until both sides agree to leave that out. After
"Appendix E, GDB Remote Serial Protocol" of the GDB manual.
"""

import socket
import time
from dataclasses import dataclass
from typing import Literal

from tinydet.errors import FaultError

StopKind = Literal["signal", "exited", "output", "file", "error", "other"]

ESCAPE, ESCAPE_XOR = 0x7D, 0x20  # "}": the next byte is the original one xor 0x20
SPECIAL = frozenset(b"#$*}")  # must be escaped in a payload
RUN_LENGTH = ord("*")
RUN_LENGTH_BIAS = 29  # the byte after "*" is a count of repetitions, plus this
INTERRUPT = b"\x03"
CHUNK_BYTES = 65536
MAX_PACKET_BYTES = 1 << 22  # more is no GDB server
MAX_TRIES = 3
CONNECT_TIMEOUT_S = 30.0
SERVER_REMEDY = (
    "Start a GDB server (OpenOCD, pyOCD, ST-LINK, J-Link, QEMU), and give its host and port."
)


class BoardError(FaultError):
    """A board, or the GDB server in front of it, does not do what it is asked."""


class AnswerTimeout(Exception):  # noqa: N818 (as the time-outs of the standard library)
    """Nothing came within the time given; the caller knows what that means."""


def encode_packet(payload: bytes) -> bytes:
    r"""Escape and frame a payload.

    >>> encode_packet(b"m0,4")
    b'$m0,4#fd'
    >>> encode_packet(b"}#")
    b'$}]}\x03#5a'
    """
    body = bytearray()
    for byte in payload:
        body += bytes([ESCAPE, byte ^ ESCAPE_XOR]) if byte in SPECIAL else bytes([byte])
    return b"$%b#%02x" % (bytes(body), sum(body) & 0xFF)


def decode_body(body: bytes) -> bytes:
    """Undo escapes and run lengths of a received packet.

    >>> decode_body(b"0* }]")
    b'0000}'
    """
    payload = bytearray()
    index = 0
    while index < len(body):
        byte = body[index]
        following = body[index + 1] if index + 1 < len(body) else 0
        if byte == ESCAPE:
            payload.append(following ^ ESCAPE_XOR)
        elif byte == RUN_LENGTH and payload:
            payload += payload[-1:] * max(following - RUN_LENGTH_BIAS, 0)
        else:
            payload.append(byte)
            index -= 1
        index += 2
    return bytes(payload)


class Connection:
    """A TCP connection to a GDB server.

    Args:
        host: Name or address.
        port: TCP port.

    Raises:
        BoardError: Nobody listens there, or the host is unknown.
    """

    def __init__(self, host: str, port: int) -> None:
        self.where = f"gdb://{host}:{port}"
        self.acknowledges = True
        self._received = bytearray()
        try:
            self._socket = socket.create_connection((host, port), CONNECT_TIMEOUT_S)
        except (OSError, OverflowError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise BoardError(self.where, f"cannot be reached ({reason})", SERVER_REMEDY) from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Close the connection; the server notices."""
        self._socket.close()

    def interrupt(self) -> None:
        """Ask the server to halt the running program."""
        self._send(INTERRUPT)

    def send(self, payload: bytes) -> None:
        """Send a packet, and wait until the server has it.

        Raises:
            BoardError: It does not acknowledge, or is no GDB server.
            AnswerTimeout: It does not answer.
        """
        packet = encode_packet(payload)
        for _ in range(MAX_TRIES):
            self._send(packet)
            if not self.acknowledges or self._acknowledged():
                return
        raise BoardError(self.where, "rejects every packet", SERVER_REMEDY)

    def receive(self, deadline: float) -> bytes:
        """The next packet.

        Args:
            deadline: Time of ``time.monotonic()`` up to which to wait.

        Returns:
            Its payload.

        Raises:
            AnswerTimeout: None came in time.
            BoardError: The server closed the connection, or what comes is no packet.
        """
        while True:
            start = self._next(b"$%", deadline)
            body = self._until_hash(deadline)
            checksum = self._take(2, deadline)
            if start == b"%":  # a notification: nobody waits for it
                continue
            good = checksum.lower() == b"%02x" % (sum(body) & 0xFF)
            if self.acknowledges:
                self._send(b"+" if good else b"-")
            if good:
                return decode_body(body)
            if not self.acknowledges:
                raise BoardError(self.where, "sent a damaged packet", SERVER_REMEDY)

    def _acknowledged(self) -> bool:
        """Whether the next sign is ``+``; packets of before (of a lost answer) are passed over."""
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        while True:
            sign = self._next(b"+-$%", deadline)
            if sign in b"+-":
                return sign == b"+"
            self._until_hash(deadline)
            self._take(2, deadline)

    def _next(self, signs: bytes, deadline: float) -> bytes:
        """The next of these bytes; others before it are dropped, within reason."""
        for _ in range(MAX_PACKET_BYTES):
            sign = self._take(1, deadline)
            if sign in signs:
                return sign
        raise BoardError(self.where, "does not speak the GDB protocol", SERVER_REMEDY)

    def _until_hash(self, deadline: float) -> bytes:
        start = 0
        while (end := self._received.find(b"#", start)) < 0:
            start = len(self._received)
            if start > MAX_PACKET_BYTES:
                raise BoardError(self.where, "does not speak the GDB protocol", SERVER_REMEDY)
            self._fill(deadline)
        return self._take(end + 1, deadline)[:-1]

    def _take(self, count: int, deadline: float) -> bytes:
        while len(self._received) < count:
            self._fill(deadline)
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken

    def _fill(self, deadline: float) -> None:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise AnswerTimeout
        self._socket.settimeout(left_s)
        try:
            content = self._socket.recv(CHUNK_BYTES)
        except TimeoutError:
            raise AnswerTimeout from None
        except OSError as error:
            raise self._lost(error.strerror) from None
        if not content:
            raise self._lost("the server closed it")
        self._received += content

    def _send(self, content: bytes) -> None:
        self._socket.settimeout(CONNECT_TIMEOUT_S)
        try:
            self._socket.sendall(content)
        except TimeoutError:
            raise AnswerTimeout from None
        except OSError as error:
            raise self._lost(error.strerror) from None

    def _lost(self, reason: str | None) -> BoardError:
        return BoardError(
            self.where,
            f"the connection was lost ({reason or 'unknown reason'})",
            "Check the messages of the GDB server and the cable of the board.",
        )


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
