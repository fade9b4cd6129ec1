"""A board behind a GDB server, as far as a client sees it: memories, registers, no processor.

What the "program" does is a function that the test gives. Written after the protocol's manual;
shares no code with the client.
"""

import re
import socket
import threading
from dataclasses import dataclass, field
from typing import ClassVar

ERASED = 0xFF


@dataclass
class FakeBoard:
    """Listens on a port of its own; use as a context manager.

    Attributes:
        memories: ``(kind, address, size)``; flash has blocks of ``block`` bytes.
        program: Called with the board when it is resumed; returns the next stop reply, or None: it
            runs until it is interrupted.
        target_xml: Description of the core; None: the server has none.
        ignored: Beginnings of requests that get no answer at all.
        refused: Beginnings of requests that get an error.
        stuck: Address of a byte of flash that is not programmed as asked.
        no_map: The server does not tell of the memories.
    """

    memories: list = field(
        default_factory=lambda: [("flash", 0x0800_0000, 0x20000), ("ram", 0x2000_0000, 0x10000)]
    )
    program: object = None
    target_xml: str | None = None
    ignored: tuple = ()
    refused: tuple = ()
    stuck: int | None = None
    no_map: bool = False
    block: int = 0x800
    packet_size: int = 0x200

    def __post_init__(self):
        self.bytes = {a: bytearray([0x5A]) * size for _, a, size in self.memories}
        self.words = {0xE000_ED00: 0x411FC272, 0xE000_ED28: 0}
        self.registers = [0] * 26
        self.log, self.breakpoints, self.flashed = [], set(), bytearray()
        self.interrupted = threading.Event()
        self._staged = {}

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.close()
        self._thread.join(300)
        assert not self._thread.is_alive()

    def read(self, address, count):
        if count == 4 and address in self.words:
            return self.words[address].to_bytes(4, "little")
        for begin, content in self.bytes.items():
            if begin <= address and address + count <= begin + len(content):
                return bytes(content[address - begin :][:count])
        return None

    def store(self, address, content):
        for begin, memory in self.bytes.items():
            if begin <= address and address + len(content) <= begin + len(memory):
                memory[address - begin : address - begin + len(content)] = content
                return True
        return False

    def _kind(self, address):
        return next((k for k, a, n in self.memories if a <= address < a + n), None)

    def _serve(self):
        try:
            self._socket, _ = self._listener.accept()
        except OSError:
            return
        with self._socket:
            self._received, self._acknowledges = b"", True
            try:
                while (request := self._next_request()) is not None:
                    self._answer(request)
            except OSError:
                return

    def _next_request(self):
        pattern = re.compile(rb"\$((?:[^#])*)#[0-9a-f]{2}", re.DOTALL)
        while True:
            if b"\x03" in self._received.split(b"$")[0]:
                self._received = self._received.replace(b"\x03", b"", 1)
                return b"\x03"
            match = pattern.search(self._received)
            if match:
                self._received = self._received[match.end() :]
                if self._acknowledges:
                    self._socket.sendall(b"+")
                return re.sub(rb"\}(.)", lambda m: bytes([m[1][0] ^ 0x20]), match[1], flags=re.S)
            more = self._socket.recv(65536)
            if not more:
                return None
            self._received += more

    def _send(self, payload):
        body = re.sub(rb"[}#$*]", lambda m: bytes([0x7D, m[0][0] ^ 0x20]), payload)
        self._socket.sendall(b"$" + body + b"#%02x" % (sum(body) % 256))

    def _answer(self, request):
        self.log.append(request)
        if request.startswith(self.ignored):
            return
        if request.startswith(self.refused):
            self._send(b"E01")
            return
        name = re.match(
            rb"qXfer:[a-z-]+|qSupported|QStartNoAckMode|vFlash[A-Za-z]+|.", request, re.S
        )
        handler = self.HANDLERS.get(name[0].decode("latin-1"))
        reply = handler(self, request) if handler else b""
        if reply is not None:
            self._send(reply)

    def _supported(self, _):
        features = [f"PacketSize={self.packet_size:x}", "QStartNoAckMode+", "vContSupported-"]
        if not self.no_map:
            features.append("qXfer:memory-map:read+")
        if self.target_xml is not None:
            features.append("qXfer:features:read+")
        return ";".join(features).encode()

    def _no_ack(self, _):
        self._acknowledges = False
        return b"OK"

    def _map(self, request):
        rows = [
            f'<memory type="{kind}" start="{address:#x}" length="{size:#x}">'
            + (f'<property name="blocksize">{self.block:#x}</property>' if kind == "flash" else "")
            + "</memory>"
            for kind, address, size in self.memories
        ]
        dtd = '<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN" "x.dtd">'
        return self._slice(f"{dtd}<memory-map>{''.join(rows)}</memory-map>", request)

    def _describe(self, request):
        return self._slice(self.target_xml, request)

    def _slice(self, text, request):
        offset, count = (int(n, 16) for n in request.rpartition(b":")[2].split(b","))
        part = text.encode()[offset : offset + count]
        return (b"m" if offset + count < len(text.encode()) else b"l") + part

    def _read(self, request):
        address, count = (int(n, 16) for n in request[1:].split(b","))
        content = self.read(address, count)
        return b"E0e" if content is None else content.hex().encode()

    def _write(self, request):
        head, _, content = request[1:].partition(b":")
        if request[:1] == b"M":
            content = bytes.fromhex(content.decode())
        address, count = (int(n, 16) for n in head.split(b","))
        if count != len(content) or self._kind(address) == "flash":
            return b"E02"
        return b"OK" if self.store(address, content) else b"E03"

    def _erase(self, request):
        address, count = (int(n, 16) for n in request.partition(b":")[2].split(b","))
        if address % self.block or count % self.block or self._kind(address) != "flash":
            return b"E04"
        return b"OK" if self.store(address, bytes([ERASED]) * count) else b"E05"

    def _program(self, request):
        _, address, content = request.split(b":", 2)
        self._staged[int(address, 16)] = content
        return b"OK"

    def _done(self, _):
        for address, content in self._staged.items():
            if set(self.read(address, len(content))) != {ERASED}:
                return b"E06"
            self.store(address, content)
        if self.stuck is not None:
            self.store(self.stuck, b"\x5a")
        self._staged = {}
        return b"OK"

    def _get_register(self, request):
        return self.registers[int(request[1:], 16)].to_bytes(4, "little").hex().encode()

    def _set_register(self, request):
        number, _, value = request[1:].partition(b"=")
        self.registers[int(number, 16)] = int.from_bytes(bytes.fromhex(value.decode()), "little")
        return b"OK"

    def _set_breakpoint(self, request):
        kind, address, _ = request[1:].split(b",")
        if kind == b"0" and self._kind(int(address, 16)) == "flash":
            return b"E07"
        self.breakpoints.add(int(address, 16))
        return b"OK"

    def _clear_breakpoint(self, request):
        self.breakpoints.discard(int(request[1:].split(b",")[1], 16))
        return b"OK"

    def _resume(self, _):
        return self.program(self)

    def _interrupt(self, _):
        self.interrupted.set()
        return b"T02thread:1;"

    HANDLERS: ClassVar = {
        "qSupported": _supported, "QStartNoAckMode": _no_ack, "qXfer:memory-map": _map,
        "qXfer:features": _describe, "?": lambda *_: b"T05thread:1;", "m": _read, "M": _write,
        "X": _write, "vFlashErase": _erase, "vFlashWrite": _program, "vFlashDone": _done,
        "p": _get_register, "P": _set_register, "Z": _set_breakpoint, "z": _clear_breakpoint,
        "c": _resume, "F": _resume, "\x03": _interrupt, "D": lambda *_: b"OK",
    }  # fmt: skip
