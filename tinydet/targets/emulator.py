"""A Cortex-M core in the Unicorn emulator: runs a linked image, counts its instructions."""

import ctypes
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.targets.elf import THUMB_BIT, Image, Symbol
from tinydet.targets.emulator_hooks import BlockCounter, add_block_hook
from tinydet.targets.toolchain import require_package

FLASH_BEGIN, FLASH_BYTES = 0x0000_0000, 0x0100_0000
RAM_BEGIN, RAM_BYTES = 0x2000_0000, 0x0200_0000
# System control space: CPACR (FPU on), kept as plain memory, the emulator has no NVIC.
SYSTEM_BEGIN, SYSTEM_BYTES = 0xE000_E000, 0x1000
STACK_PAINT = 0xA5
STACK_MARGIN = 512  # bytes; a push that faults has not moved the stack pointer yet
RETURN_SYMBOL = "td_halt"  # where called functions return to: the emulator stops before it
TRACE_FUNCTION = "td_trace"  # firmware.c has it in builds with -DTD_TRACE
MAX_PIECES = 1 << 16
MAX_TEXT = 4096


PIECE = np.dtype([(name, "<u8") for name in ("instructions", "own", "callee", "argument")])


@dataclass(frozen=True)
class Piece:
    """What the model's own functions did up to and in one call of another function.

    Attributes:
        instructions: Their own and those of the called function, with all it called in turn.
        own_instructions: Their own.
        callee: Name of the called function; ``""`` behind the last call.
        argument: Name of the object that its first argument points at; for ``td_trace`` the
            operator.
    """

    instructions: int
    own_instructions: int
    callee: str
    argument: str


@dataclass(frozen=True)
class Call:
    """One function call in the emulator.

    Attributes:
        result: Register r0.
        instructions: Executed, without the caller. An instruction whose condition is false
            counts, as on the device.
        stack_bytes: Deepest use of the stack.
        pieces: Split at the calls of the model's own functions, where asked for.
    """

    result: int
    instructions: int
    stack_bytes: int
    pieces: tuple[Piece, ...]


def cortex_m(core: str) -> tuple[Any, Any]:
    """An emulated core without memories, and the module that numbers its registers.

    Raises:
        MissingToolError: unicorn is not installed.
    """
    require_package("unicorn", f"running {core} code")
    unicorn: Any = importlib.import_module("unicorn")
    registers: Any = importlib.import_module("unicorn.arm_const")
    uc: Any = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
    uc.ctl_set_cpu_model(getattr(registers, f"UC_CPU_ARM_{core.upper().replace('-', '_')}"))
    return uc, registers


class Machine:
    """One core with flash and RAM, booted up to ``main``. For one thread.

    Args:
        image: The linked program.
        core: ``cortex-m4``, ``cortex-m7`` or ``cortex-m33``.
        block_counter: Library of the hook ``BLOCK_COUNTER``.

    Raises:
        MissingToolError: unicorn is not installed.
    """

    def __init__(self, image: Image, core: str, block_counter: Path) -> None:
        self._uc, self._registers = cortex_m(core)
        self._image = image
        unicorn: Any = importlib.import_module("unicorn")
        # Flash is memory of ours, so that the counting hook can decode the code in place.
        self._flash = np.zeros(FLASH_BYTES, np.uint8)
        self._uc.mem_map_ptr(
            FLASH_BEGIN,
            FLASH_BYTES,
            unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC,
            ctypes.c_void_p(self._flash.ctypes.data),
        )
        self._uc.mem_map(RAM_BEGIN, RAM_BYTES)
        self._uc.mem_map(SYSTEM_BEGIN, SYSTEM_BYTES)
        for address, content in image.segments:
            self._flash[address : address + len(content)] = np.frombuffer(content, np.uint8)
        self._stack = Symbol(
            image.symbols["td_stack_bottom"].address, image.sections[".td_stack"].size_bytes
        )
        self._add_counter(block_counter)
        self._boot()

    def _add_counter(self, library: Path) -> None:
        """Hand the C hook to the emulator: a Python one costs 0.4 us a block."""
        uclib: Any = importlib.import_module("unicorn.unicorn_py3.unicorn").uclib
        self._known = np.zeros((2, FLASH_BYTES // 2), np.uint32)
        self._pieces = np.zeros(MAX_PIECES, PIECE)
        self._counter = BlockCounter(
            code=self._flash.ctypes.data,
            code_begin=FLASH_BEGIN,
            code_end=FLASH_BEGIN + FLASH_BYTES,
            known_size=self._known[0].ctypes.data,
            known_count=self._known[1].ctypes.data,
            pieces=self._pieces.ctypes.data,
            capacity=MAX_PIECES,
            read_register=ctypes.cast(uclib.uc_reg_read, ctypes.c_void_p).value,
            argument_register=self._registers.UC_ARM_REG_R0,
        )
        self._hook_library = ctypes.CDLL(str(library))
        self._hook_handle = add_block_hook(
            self._uc, self._hook_library.td_count_block, self._counter
        )

    def _boot(self) -> None:
        """Start as the core does: stack pointer and first instruction from the vectors."""
        stack, entry = np.frombuffer(self.read(FLASH_BEGIN, 8), "<u4")
        self._uc.reg_write(self._registers.UC_ARM_REG_SP, int(stack))
        self._uc.emu_start(int(entry) | THUMB_BIT, self._image.symbols["main"].address)

    @property
    def engine(self) -> Any:
        """The emulator itself, for further hooks."""
        return self._uc

    @property
    def pieces_begun(self) -> int:
        """Address of the number of pieces that a split call has begun so far, 64 bits."""
        return ctypes.addressof(self._counter) + BlockCounter.num_pieces.offset

    def write(self, address: int, content: bytes) -> None:
        """Write to RAM."""
        self._uc.mem_write(address, content)

    def read(self, address: int, size_bytes: int) -> bytes:
        """Read from flash or RAM."""
        return bytes(self._uc.mem_read(address, size_bytes))

    def call(self, function: str, *arguments: int, split: bool = False) -> Call:
        """Call a function on an empty, painted stack.

        Args:
            function: Its name.
            arguments: At most four integers.
            split: Split the count at the calls that the functions in ``NAME.c`` make.

        Returns:
            Result, exact number of instructions, stack use.

        Raises:
            RuntimeError: The program left its code, or the stack overflowed.
        """
        registers, symbols = self._registers, self._image.symbols
        self.write(self._stack.address, bytes([STACK_PAINT]) * self._stack.size_bytes)
        self._uc.reg_write(registers.UC_ARM_REG_SP, self._stack.end)
        self._uc.reg_write(registers.UC_ARM_REG_LR, symbols[RETURN_SYMBOL].address | THUMB_BIT)
        for index, value in enumerate(arguments):
            self._uc.reg_write(getattr(registers, f"UC_ARM_REG_R{index}"), value)
        self._reset_counter(self._image.model_code() if split else Symbol(0, 0))
        self._start(function)
        if self._counter.blocks_outside:
            raise RuntimeError(f"{function} left its code on the emulated core")
        return Call(
            int(self._uc.reg_read(registers.UC_ARM_REG_R0)),
            int(self._counter.instructions),
            used_stack_bytes(self.read(self._stack.address, self._stack.size_bytes)),
            split_pieces(self._pieces, self._counter.num_pieces, self._image, self._text),
        )

    def _start(self, function: str) -> None:
        """Run a function until it returns."""
        unicorn: Any = importlib.import_module("unicorn")
        begin = self._image.symbols[function].address | THUMB_BIT
        try:
            self._uc.emu_start(begin, self._image.symbols[RETURN_SYMBOL].address)
        except unicorn.UcError as error:
            stack, where = (
                self._uc.reg_read(getattr(self._registers, f"UC_ARM_REG_{name}"))
                for name in ("SP", "PC")
            )
            if stack < self._stack.address + STACK_MARGIN:
                raise RuntimeError("the stack overflowed on the emulated core") from error
            place = self._image.function_at(where)
            raise RuntimeError(f"{place} faulted on the emulated core: {error}") from error

    def _text(self, address: int) -> str:
        """A zero-terminated string in flash."""
        content: bytes = self._flash[address : address + MAX_TEXT].tobytes()
        return content.split(b"\0")[0].decode()

    def _reset_counter(self, watched: Symbol) -> None:
        counter = self._counter
        counter.instructions = counter.blocks_outside = 0
        counter.num_pieces = counter.in_watched = 0
        counter.watched_begin, counter.watched_end = watched.address, watched.end


def split_pieces(
    records: npt.NDArray[np.void], count: int, image: Image, text_at: Callable[[int], str]
) -> tuple[Piece, ...]:
    """The pieces that a counting hook in C has written, with names for addresses.

    Args:
        records: Of dtype ``PIECE``.
        count: How many of them were written.
        image: Whose functions and objects lie at the addresses.
        text_at: The text at an address, what ``TRACE_FUNCTION`` is told.
    """
    if count == MAX_PIECES:
        raise RuntimeError(f"more than {MAX_PIECES} calls to count")
    name, text = cache(image.function_at), cache(text_at)
    pieces = []
    for instructions, own, address, argument in records[:count].tolist():
        callee = name(address) if address else ""
        described = ""
        if callee and argument:
            described = text(argument) if callee == TRACE_FUNCTION else name(argument)
        pieces.append(Piece(instructions, own, callee, described))
    return tuple(pieces)


def used_stack_bytes(content: bytes) -> int:
    """Bytes of a painted stack that no longer hold the paint, from the deepest one up.

    Args:
        content: The whole stack, lowest address first.

    Raises:
        RuntimeError: None of the paint is left at its end.
    """
    stack: npt.NDArray[np.uint8] = np.frombuffer(content, np.uint8)
    used = np.flatnonzero(stack != STACK_PAINT)
    depth = len(stack) - int(used[0]) if len(used) else 0
    if depth == len(stack):
        raise RuntimeError("the stack overflowed on the emulated core")
    return depth
