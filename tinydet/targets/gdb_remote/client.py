"""What a GDB client asks of a server: memory, flash, registers, breakpoints, running."""

import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

from tinydet.progress import track
from tinydet.targets.gdb_remote.memory_map import Piece, Region, blocks_to_erase, parse_memory_map
from tinydet.targets.gdb_remote.packets import AnswerTimeout, BoardError, Stop, parse_stop
from tinydet.targets.gdb_remote.session import FLASH_S, Session, decode_hexadecimal

HALT_S = 3.0  # after an interrupt
HARDWARE, SOFTWARE = 1, 0
INSTRUCTION_BYTES = 2


class GdbClient(Session):
    """A halted board behind a GDB server.

    A context manager: on leaving, the program is halted and parked, breakpoints are taken away and
    the server is let go. Some servers let the core run on then; a parked one does nothing.

    Args:
        host: Name or address.
        port: TCP port.

    Raises:
        BoardError: Nobody answers there.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._running, self._obeys = False, True
        self._breakpoints: list[tuple[int, int]] = []  # kind, address
        self.output: list[str] = []  # what the server printed for the program
        self._parking: tuple[int, int] | None = None

    def __enter__(self) -> "GdbClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Whatever happened (Ctrl-C too): no breakpoint stays behind, no core runs on unwatched.
        try:
            with suppress(BoardError, AnswerTimeout):
                if self._running:
                    self.halt()
                if self._obeys:
                    self.remove_breakpoints()
                    if self._parking is not None:
                        self.write_register(*self._parking)
                    self.ask(b"D", HALT_S)
        finally:
            self.connection.close()

    def memory_map(self) -> tuple[Region, ...]:
        """The memories of the board; empty where the server tells nothing of them."""
        document = self.document("memory-map")
        if not document:
            return ()
        try:
            return parse_memory_map(document)
        except ValueError as error:
            raise BoardError(
                self.where, f"the server sent {error}", "Try another version of the server."
            ) from None

    def read(self, address: int, size_bytes: int) -> bytes:
        """Bytes of memory.

        Raises:
            BoardError: The board refuses.
        """
        content = b""
        while len(content) < size_bytes:
            begin = address + len(content)
            wanted = min(size_bytes - len(content), self.part_bytes)
            part = decode_hexadecimal(self.ask(f"m{begin:x},{wanted:x}".encode()))
            if not part or len(part) > wanted:
                raise BoardError(
                    self.where,
                    f"memory at {begin:#x} cannot be read",
                    "Check that the board is powered and that the program was built for it.",
                )
            content += part
        return content

    def read_word(self, address: int) -> int:
        """A 32-bit number."""
        return int.from_bytes(self.read(address, 4), "little")

    def write(self, address: int, content: bytes) -> bool:
        """Write RAM (or whatever the server treats as such); False where it refuses."""
        for begin, part in _parts(address, content, self.part_bytes):
            answer = self.ask(b"X%x,%x:%b" % (begin, len(part), part), FLASH_S)
            if not answer:  # binary writing is optional
                hexadecimal = part.hex().encode()
                answer = self.ask(b"M%x,%x:%b" % (begin, len(part), hexadecimal), FLASH_S)
            if answer != b"OK":
                return False
        return True

    def load(self, pieces: Sequence[Piece]) -> None:
        """Write a program: flash is erased and programmed, RAM written.

        Raises:
            BoardError: The board refuses.
        """
        for address, size_bytes in blocks_to_erase(pieces):
            self._require(b"vFlashErase:%x,%x" % (address, size_bytes), address, "erased")
        parts = [
            (piece.region, begin, part)
            for piece in pieces
            for begin, part in _parts(piece.address, piece.content, self.part_bytes)
        ]
        in_flash = [region is not None and region.kind == "flash" for region, _, _ in parts]
        for (_, begin, part), flash in zip(
            track(parts, "Writing to the board"), in_flash, strict=True
        ):
            if flash:
                self._require(b"vFlashWrite:%x:%b" % (begin, part), begin, "programmed")
            elif not self.write(begin, part):
                self._refused(begin, "written")
        if any(in_flash):
            self._require(b"vFlashDone", parts[in_flash.index(True)][1], "programmed")

    def verify(self, pieces: Sequence[Piece]) -> None:
        """Read a program back.

        Raises:
            BoardError: The memory holds something else.
        """
        parts = [
            part
            for piece in pieces
            for part in _parts(piece.address, piece.content, self.part_bytes)
        ]
        for begin, expected in track(parts, "Reading back"):
            found = self.read(begin, len(expected))
            if found != expected:
                index = next(i for i, byte in enumerate(expected) if byte != found[i])
                raise BoardError(
                    self.where,
                    f"the memory at {begin + index:#x} holds {found[index]:#04x} after "
                    f"{expected[index]:#04x} was written",
                    "Remove the write or read-out protection of the flash, or build for the "
                    "memories of this board.",
                )

    def read_register(self, number: int) -> int:
        """A 32-bit register by its number in the server's description."""
        content = decode_hexadecimal(self.ask(f"p{number:x}".encode()))
        if (
            not content
        ):  # some servers only give all of them: 4 bytes each up to the program counter
            content = decode_hexadecimal(self.ask(b"g"))[4 * number :][:4]
        if len(content) < 4:
            raise BoardError(
                self.where, f"register {number} cannot be read", "Check that the core is halted."
            )
        return int.from_bytes(content[:4], "little")

    def write_register(self, number: int, value: int) -> bool:
        """Set a 32-bit register; False where the server refuses."""
        return self.ask(b"P%x=%b" % (number, value.to_bytes(4, "little").hex().encode())) == b"OK"

    def park_at(self, program_counter: int, address: int) -> None:
        """Say where the core is put on leaving.

        Args:
            program_counter: Number of that register.
            address: Of an endless loop.
        """
        self._parking = program_counter, address

    def set_breakpoint(self, address: int) -> None:
        """Stop the program before the instruction at an address.

        Raises:
            BoardError: The board has no breakpoint left.
        """
        for kind in (HARDWARE, SOFTWARE):  # software ones cannot be put into flash
            if self.ask(f"Z{kind},{address:x},{INSTRUCTION_BYTES}".encode()) == b"OK":
                self._breakpoints.append((kind, address))
                return
        raise BoardError(
            self.where,
            f"no breakpoint can be set at {address:#x}",
            "Remove the breakpoints of other debuggers, or restart the GDB server.",
        )

    def remove_breakpoints(self) -> None:
        """Take away all breakpoints that were set here."""
        while self._breakpoints:
            kind, address = self._breakpoints.pop()
            self.ask(f"z{kind},{address:x},{INSTRUCTION_BYTES}".encode())

    def resume(self) -> None:
        """Let the program run; ``wait`` tells when it stops."""
        self._running = True
        self.tell(b"c")

    def wait(self, deadline: float) -> Stop:
        """What stopped the running program.

        Args:
            deadline: Time of ``time.monotonic()``.

        Raises:
            AnswerTimeout: It still runs.
        """
        while True:
            stop = parse_stop(self.connection.receive(deadline))
            if stop.kind == "output":
                self.output.append(stop.text)
            elif stop.kind != "other":
                self._running = False
                return stop

    def answer_file_request(self, result: int) -> None:
        """Give the result of a file operation of the program; it goes on running."""
        self._running = True
        self.tell(b"F%b%x" % (b"-" if result < 0 else b"", abs(result)))

    def halt(self) -> None:
        """Stop the running program.

        Raises:
            AnswerTimeout: The board does not obey.
        """
        self._running = self._obeys = False  # should it fail: nothing more is asked of the board
        self.connection.interrupt()
        self.wait(time.monotonic() + HALT_S)
        self._obeys = True

    def _require(self, request: bytes, address: int, done: str) -> None:
        if self.ask(request, FLASH_S) != b"OK":
            self._refused(address, done)

    def _refused(self, address: int, done: str) -> None:
        raise BoardError(
            self.where,
            f"the memory at {address:#x} could not be {done}",
            "Remove its write protection, or build for the memories of this board.",
        )


def _parts(address: int, content: bytes, most: int) -> list[tuple[int, bytes]]:
    return [(address + i, content[i : i + most]) for i in range(0, len(content), most)]
