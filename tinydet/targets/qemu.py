"""A Cortex-M55 in QEMU, for cores with Helium, which Unicorn does not know.

QEMU runs the board mps3-an547 as a process of its own. It is driven through its GDB server; a
plugin (``firmware/qemu_counter.c``) counts instructions.
"""

import ctypes
import mmap
import shutil
import socket
import subprocess
import tempfile
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from tinydet.errors import MissingToolError
from tinydet.targets.elf import THUMB_BIT, Image, Symbol
from tinydet.targets.emulator import (
    MAX_PIECES,
    MAX_TEXT,
    PIECE,
    RETURN_SYMBOL,
    STACK_PAINT,
    Call,
    split_pieces,
    used_stack_bytes,
)
from tinydet.targets.gdb_remote.client import GdbClient
from tinydet.targets.gdb_remote.packets import BoardError
from tinydet.targets.linker_script import MemoryMap, MemoryRegion
from tinydet.targets.toolchain import FIRMWARE, Toolchain, shared_library_flags, zig_cc

QEMU = "qemu-system-arm"
PLUGIN = "qemu_counter"
RECORDER_BYTES = 1 << 25  # for the tables of an estimate; no memory before they are used
FAULT_SYMBOL = "td_fault"
CONSTANTS = ".td_weights"
_BOARD = "mps3-an547"
_STACK_POINTER, _LINK_REGISTER, _PROGRAM_COUNTER = 13, 14, 15
_START_S = 60.0
_CALL_S = 1800.0  # ends only what hangs
# Code fills 512 KiB at 0; all else lies in the board's DDR memory.
_CODE = MemoryRegion("CODE", 0x0000_0000, 0x0008_0000)
_CONSTANTS = MemoryRegion("CONSTANTS", 0x6000_0000, 0x0100_0000)
_RAM = MemoryRegion("RAM", 0x6100_0000, 0x0200_0000)
QEMU_MEMORY = MemoryMap(program=_CODE, weights=_CONSTANTS, data=_RAM, arena=_RAM)


class _Counter(ctypes.Structure):
    """``td_counter`` of ``firmware/qemu_counter.c``, without the pieces behind it."""

    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in (
            "instructions",
            *("watched_begin", "watched_end", "constants_begin", "constants_end"),
            *("in_watched", "num_pieces", "capacity", "recorder", "placed"),
        )
    )


def qemu_program(wish: str) -> str:
    """Path of QEMU for Arm.

    Args:
        wish: What needs it, for the message.

    Raises:
        MissingToolError: It is not on the PATH.
    """
    path = shutil.which(QEMU)
    if path is None:
        raise MissingToolError(
            wish,
            QEMU,
            "Install it: on Debian and Ubuntu the package qemu-system-arm, 7.2 or newer.",
        )
    return path


def build_plugin(folder: Path) -> Path:
    """Compile the counting plugin for this machine.

    Args:
        folder: Gets the library.
    """
    toolchain = Toolchain("zig cc", zig_cc(), ("-O2", "-fPIC"), shared_library_flags())
    return toolchain.build([FIRMWARE / f"{PLUGIN}.c"], folder / f"{PLUGIN}.so", [])


class QemuMachine:
    """One Cortex-M55 with Helium, booted up to ``main``; the same to callers as ``Machine``.

    Args:
        image: A program that is linked for ``QEMU_MEMORY``.
        path: Its file.
        plugin: Library of the counting plugin.

    Attributes:
        shared: Memory that the plugin maps too.
        shared_begin: Where in it nothing lies yet.

    Raises:
        MissingToolError: QEMU is not installed.
        RuntimeError: The program does not start.
    """

    def __init__(self, image: Image, path: Path, plugin: Path) -> None:
        command = qemu_program("running Cortex-M55 code")
        self._image = image
        self._stack = Symbol(
            image.symbols["td_stack_bottom"].address, image.sections[".td_stack"].size_bytes
        )
        self.shared_begin = ctypes.sizeof(_Counter) + MAX_PIECES * PIECE.itemsize
        size_bytes = self.shared_begin + RECORDER_BYTES
        with tempfile.NamedTemporaryFile() as shared:
            shared.truncate(size_bytes)
            self.shared = memory = mmap.mmap(shared.fileno(), size_bytes)
            self._counter = _Counter.from_buffer(memory)
            self._pieces = np.frombuffer(memory, PIECE, MAX_PIECES, ctypes.sizeof(_Counter))
            self._counter.capacity = MAX_PIECES
            constants = image.sections.get(CONSTANTS)
            if constants is not None:
                self._counter.constants_begin = constants.address
                self._counter.constants_end = constants.address + constants.size_bytes
            port = _free_port()
            process = subprocess.Popen(
                [
                    *(command, "-M", _BOARD, "-display", "none", "-monitor", "none"),
                    *("-serial", "none", "-S", "-gdb", f"tcp:127.0.0.1:{port}"),
                    *("-plugin", f"{plugin},counter={shared.name},bytes={size_bytes}"),
                    *("-kernel", str(path)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            clients: list[GdbClient] = []
            # Also at the end of the interpreter: no process stays behind.
            self._end = weakref.finalize(self, _stop, process, clients)
            self._client = _connect(port, process)
            clients.append(self._client)
        # QEMU takes single registers only from clients that have asked which ones there are.
        self._client.document("features", "target.xml")
        for symbol in (RETURN_SYMBOL, FAULT_SYMBOL, "main"):
            self._client.set_breakpoint(image.symbols[symbol].address)
        self._run("the start")

    @property
    def pieces_begun(self) -> int:
        """Where in ``shared`` the number of pieces lies that a split call has begun, 64 bits."""
        return int(_Counter.num_pieces.offset)

    def record(self, place: int) -> None:
        """Record what an estimate of the time needs.

        Args:
            place: Of its state in ``shared``, whose pointers are places there; 0: no longer.
        """
        self._counter.placed = 0
        self._counter.recorder = place

    def write(self, address: int, content: bytes) -> None:
        """Write to RAM."""
        if not self._client.write(address, content):
            raise RuntimeError(f"the emulated memory at {address:#x} cannot be written")

    def read(self, address: int, size_bytes: int) -> bytes:
        """Read memory."""
        return self._client.read(address, size_bytes)

    def call(self, function: str, *arguments: int, split: bool = False) -> Call:
        """Call a function on an empty, painted stack; see ``Machine.call``.

        Raises:
            RuntimeError: It faulted, or did not return.
        """
        symbols = self._image.symbols
        self.write(self._stack.address, bytes([STACK_PAINT]) * self._stack.size_bytes)
        registers = {
            **dict(enumerate(arguments)),
            _STACK_POINTER: self._stack.end,
            _LINK_REGISTER: symbols[RETURN_SYMBOL].address | THUMB_BIT,
            _PROGRAM_COUNTER: symbols[function].address,
        }
        for number, value in registers.items():
            if not self._client.write_register(number, value):
                raise RuntimeError(f"register {number} of the emulated core cannot be written")
        watched = self._image.model_code() if split else Symbol(0, 0)
        counter = self._counter
        counter.instructions = counter.in_watched = counter.num_pieces = 0
        counter.watched_begin, counter.watched_end = watched.address, watched.end
        self._run(function)
        # QEMU begins the block of the breakpoint before it stops there.
        instructions = int(counter.instructions)
        stack_bytes = used_stack_bytes(self.read(self._stack.address, self._stack.size_bytes))
        pieces = split_pieces(self._pieces, int(counter.num_pieces), self._image, self._text)
        return Call(self._client.read_register(0), instructions, stack_bytes, pieces)

    def _run(self, what: str) -> None:
        """Let the core run to a breakpoint."""
        self._client.resume()
        self._client.wait(time.monotonic() + _CALL_S)
        place = self._client.read_register(_PROGRAM_COUNTER)
        if place == self._image.symbols[FAULT_SYMBOL].address:
            raise RuntimeError(f"{what} faulted on the emulated core")

    def _text(self, address: int) -> str:
        """A zero-terminated string."""
        return self.read(address, MAX_TEXT).split(b"\0")[0].decode()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _connect(port: int, process: "subprocess.Popen[bytes]") -> GdbClient:
    """A client of the GDB server of QEMU, as soon as that answers."""
    deadline = time.monotonic() + _START_S
    while True:
        try:
            return GdbClient("127.0.0.1", port)
        except BoardError as error:
            if process.poll() is not None:
                _, message = process.communicate()
                text = message.decode("utf-8", "replace").strip()
                raise RuntimeError(f"{QEMU} does not start: {text}") from error
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _stop(process: "subprocess.Popen[Any]", clients: list[GdbClient]) -> None:
    for client in clients:
        client.connection.close()
    process.kill()
    process.wait()
    if process.stderr is not None:
        process.stderr.close()
