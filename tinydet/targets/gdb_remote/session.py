"""A session with a GDB server: agreeing on features, asking and being answered, its documents."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tinydet.targets.gdb_remote.packets import AnswerTimeout, BoardError, Connection

ANSWER_S = 30.0  # to any question; a busy machine may take seconds
FLASH_S = 120.0  # erasing or programming, which the server may do in one piece at the end
DEFAULT_PACKET_BYTES = 400  # for servers that do not say
MAX_USED_PACKET_BYTES = 16384
FRAMING_BYTES = 64  # of a packet, beside the content
NO_ANSWER_REMEDY = (
    "Look whether the port is that of the GDB server (not of its telnet or Tcl console), and "
    "whether another debugger is connected."
)


class Session:
    """A server that has said what it can do.

    Args:
        host: Name or address.
        port: TCP port.

    Raises:
        BoardError: Nobody answers there.
    """

    def __init__(self, host: str, port: int) -> None:
        self.connection = Connection(host, port)
        self.where = self.connection.where
        try:
            self._features = self._shake_hands()
        except BaseException:
            self.connection.close()
            raise
        try:
            size = int(self._features["PacketSize"], 16)
        except (KeyError, ValueError):
            size = DEFAULT_PACKET_BYTES
        size = min(max(size, 2 * FRAMING_BYTES), MAX_USED_PACKET_BYTES)
        # Most bytes of a read or a write: each takes two in a packet, as digits or escaped.
        self.part_bytes = (size - FRAMING_BYTES) // 2

    def document(self, kind: str, name: str = "") -> str | None:
        """An XML document of the server, as ``("features", "target.xml")``; None without one."""
        if f"qXfer:{kind}:read" not in self._features:
            return None
        content, more = b"", True
        while more:
            request = f"qXfer:{kind}:read:{name}:{len(content):x},{self.part_bytes:x}"
            answer = self.ask(request.encode())
            if answer[:1] not in (b"m", b"l"):
                return None
            content, more = content + answer[1:], answer[:1] == b"m" and len(answer) > 1
        return content.decode("utf-8", "replace")

    def monitor(self, command: str) -> str | None:
        """Give the server a command of its own.

        Returns:
            What it printed; None where it does not take the command.
        """
        self.tell(b"qRcmd," + command.encode().hex().encode())
        printed = ""
        while True:
            answer = self.hear(FLASH_S)
            if answer[:1] == b"O" and answer != b"OK":
                printed += decode_text(answer[1:])
            elif answer == b"OK":
                return printed
            elif not answer or answer[:1] == b"E":
                return None
            else:
                return printed + decode_text(answer)

    def ask(self, request: bytes, timeout_s: float = ANSWER_S) -> bytes:
        """The answer to a request.

        Raises:
            BoardError: None came.
        """
        self.tell(request)
        return self.hear(timeout_s)

    def tell(self, request: bytes) -> None:
        """Send a request without waiting for its answer."""
        with self._no_answer():
            self.connection.send(request)

    def hear(self, timeout_s: float) -> bytes:
        """The next packet of the server."""
        with self._no_answer():
            return self.connection.receive(time.monotonic() + timeout_s)

    @contextmanager
    def _no_answer(self) -> Iterator[None]:
        try:
            yield
        except AnswerTimeout:
            raise BoardError(self.where, "does not answer", NO_ANSWER_REMEDY) from None

    def _shake_hands(self) -> dict[str, str]:
        offer = b"qSupported:multiprocess-;swbreak+;hwbreak+;xmlRegisters=arm"
        fields = [f.partition("=") for f in self.ask(offer).decode("latin-1").split(";")]
        features = {
            name.removesuffix("+"): value for name, _, value in fields if not name.endswith("-")
        }
        if "QStartNoAckMode" in features and self.ask(b"QStartNoAckMode") == b"OK":
            self.connection.acknowledges = False
        if not self.ask(b"?"):  # a running board is halted by the server for this question
            raise BoardError(self.where, "does not say why the board stopped", NO_ANSWER_REMEDY)
        return features


def decode_hexadecimal(answer: bytes) -> bytes:
    """Hexadecimal digits as bytes; empty for an error or an unknown value (``x``)."""
    try:
        return bytes.fromhex(answer.decode("ascii"))
    except ValueError:  # also a UnicodeDecodeError
        return b""


def decode_text(answer: bytes) -> str:
    """Hexadecimal digits as text."""
    return decode_hexadecimal(answer).decode("utf-8", "replace")
