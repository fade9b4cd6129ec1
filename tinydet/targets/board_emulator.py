"""Running a board's firmware in an emulated core, with the memories of that board and no others.

The program boots from its vectors, its semihosting calls are answered (text, end), nothing else of
the chip is there. An access outside of the board's memories is an error.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tinydet.compiler import VECTOR_CORES
from tinydet.progress import stage
from tinydet.targets.boards import Board
from tinydet.targets.elf import THUMB_BIT, read_image
from tinydet.targets.emulator import cortex_m

SYSTEM_BEGIN, SYSTEM_BYTES = 0xE000_0000, 0x10_0000  # cycle counter, system control: plain memory
PAGE_BYTES = 4096
BREAKPOINT_EXCEPTION = 7
SEMIHOSTING = bytes.fromhex("abbe")  # bkpt 0xAB
WRITE_CHARACTER, WRITE_TEXT, EXIT = 0x03, 0x04, 0x18
EXIT_SUCCESS = 0x20026
MAX_TEXT_BYTES = 4096
WITHOUT_HELIUM = "cortex-m33"
LONGEST_RUN_S = 1200.0  # ends what hangs: a network takes seconds, minutes on a busy machine


@dataclass(frozen=True)
class FirmwareRun:
    """What a firmware did.

    Attributes:
        text: All it printed.
        success: It ended by saying so.
        objects: Bytes of the variables that were asked for, by name.
    """

    text: str
    success: bool
    objects: Mapping[str, bytes] = field(default_factory=dict)


def emulated_board(board: Board) -> Board:
    """The board as it can be emulated: no emulator has the memories of a board and Helium.

    In place of a core with Helium stands a Cortex-M33, which runs the same C in its other form.
    """
    return replace(board, core=WITHOUT_HELIUM) if board.core in VECTOR_CORES else board


@stage("run the self-test")
def run_firmware(elf: Path, board: Board, *, variables: Sequence[str] = ()) -> FirmwareRun:
    """Boot a firmware and let it run to its end.

    Args:
        elf: The linked firmware.
        board: Whose memories it may use; see ``emulated_board``.
        variables: Names of variables to read at the end.

    Returns:
        What it printed, whether it ended well, the variables.

    Raises:
        MissingToolError: unicorn or pyelftools is not installed.
        RuntimeError: It left the board's memories, faulted, or did not end in time.
    """
    image = read_image(elf)
    uc, registers = cortex_m(board.core)
    unicorn: Any = importlib.import_module("unicorn")
    for begin, end in _memories(board):
        uc.mem_map(begin, end - begin)
    uc.mem_map(SYSTEM_BEGIN, SYSTEM_BYTES)
    for address, content in image.segments:
        uc.mem_write(address, content)

    printed: list[bytes] = []
    ended: list[int] = []

    def answer(uc: Any, exception: int, _: object) -> None:
        place = uc.reg_read(registers.UC_ARM_REG_PC)
        if exception != BREAKPOINT_EXCEPTION or bytes(uc.mem_read(place, 2)) != SEMIHOSTING:
            uc.emu_stop()
            return
        parameter = uc.reg_read(registers.UC_ARM_REG_R1)
        operation = uc.reg_read(registers.UC_ARM_REG_R0)
        if operation == WRITE_TEXT:
            printed.append(_text(uc, parameter))
        elif operation == WRITE_CHARACTER:
            printed.append(bytes(uc.mem_read(parameter, 1)))
        elif operation == EXIT:
            ended.append(parameter)
            uc.emu_stop()
            return
        uc.reg_write(registers.UC_ARM_REG_PC, (place + len(SEMIHOSTING)) | THUMB_BIT)

    uc.hook_add(unicorn.UC_HOOK_INTR, answer)
    try:
        uc.emu_start(image.entry | THUMB_BIT, 0, timeout=int(LONGEST_RUN_S * 1e6))
    except unicorn.UcError as error:
        where = uc.reg_read(registers.UC_ARM_REG_PC)
        raise RuntimeError(
            f"{image.function_at(where)} ({where:#x}) faulted on the emulated {board.name}: {error}"
        ) from error
    if not ended:
        where = uc.reg_read(registers.UC_ARM_REG_PC)
        raise RuntimeError(
            f"the firmware hangs in {image.function_at(where)} ({where:#x}) of the emulated "
            f"{board.name} and did not end"
        )
    places = {name: image.symbols[name] for name in variables}
    return FirmwareRun(
        text=b"".join(printed).decode("utf-8", "replace"),
        success=ended[0] == EXIT_SUCCESS,
        objects={
            name: bytes(uc.mem_read(symbol.address, symbol.size_bytes))
            for name, symbol in places.items()
        },
    )


def _memories(board: Board) -> Sequence[tuple[int, int]]:
    """``(begin, end)`` of flash and RAM, inside and outside, whole pages, neighbours joined."""
    banks = [*board.ram, *([board.code_ram] if board.code_ram else [])]
    memories = [(bank.address, bank.end) for bank in banks]
    for begin, size_bytes in (
        (board.flash_address, board.flash_bytes),
        (board.external_flash_address, board.external_flash_bytes),
        (board.external_ram_address, board.external_ram_bytes),
    ):
        if size_bytes:
            memories.append((begin, begin + size_bytes))
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(memories):
        if joined and joined[-1][1] == begin:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return [(begin, -(-end // PAGE_BYTES) * PAGE_BYTES) for begin, end in joined]


def _text(uc: Any, address: int) -> bytes:
    """A zero-terminated string."""
    text = bytearray()
    while len(text) < MAX_TEXT_BYTES:
        byte = bytes(uc.mem_read(address + len(text), 1))
        if byte == b"\0":
            break
        text += byte
    return bytes(text)
