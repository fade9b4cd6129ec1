"""Which memory of a board takes the program, the arena, and stack and variables."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tinydet.errors import FaultError
from tinydet.targets.boards import Board, RamBank, load_boards
from tinydet.targets.linker_script import MemoryMap, MemoryRegion

SMALLER = "Compile for less RAM (--optimize ram), lower the input size or alpha"


class BoardFitError(FaultError):
    """A program does not fit the memories of a board."""


@dataclass(frozen=True)
class Needs:
    """Bytes of RAM that a program needs.

    Attributes:
        arena_bytes: In one piece.
        data_bytes: Stack, variables, detections; in one piece.
    """

    arena_bytes: int
    data_bytes: int


@dataclass(frozen=True)
class _Piece:
    """RAM banks that follow each other.

    Attributes:
        banks: In order of addresses.
    """

    banks: tuple[RamBank, ...]

    @property
    def size_bytes(self) -> int:
        return self.banks[-1].end - self.banks[0].address

    @property
    def speed(self) -> int:
        """That of the slowest bank."""
        return max(bank.speed for bank in self.banks)

    def region(self) -> MemoryRegion:
        name = "_".join(bank.name for bank in self.banks)
        return MemoryRegion(re.sub(r"\W", "_", name), self.banks[0].address, self.size_bytes)


def place(board: Board, needs: Needs) -> MemoryMap:
    """Place a program in internal memory that works right after reset.

    The arena goes where it is fastest, of equally fast places to the smallest that takes it; stack
    and variables to the fastest of what remains, beside the arena if there is no other place. On
    a chip without flash all of it goes where programs run.

    Args:
        board: The board.
        needs: What the program needs.

    Raises:
        BoardFitError: There is no place.
    """
    memory = _find_place(board, needs)
    if memory is None:
        raise _no_place(board, needs)
    return memory


def boards_with_room(needs: Needs, flash_bytes: int) -> list[str]:
    """Names of the boards that take a program inside of the chip, in the order of the data file."""
    names = []
    for board in load_boards():
        memory = _find_place(board, needs)
        shared = needs.arena_bytes + needs.data_bytes if board.program_ram else 0
        if memory is not None and flash_bytes + shared <= memory.program.size_bytes:
            names.append(board.name)
    return names


def other_boards(names: Sequence[str]) -> str:
    """The end of a remedy."""
    return f", or choose a board with room: {', '.join(names)}." if names else "."


def _find_place(board: Board, needs: Needs) -> MemoryMap | None:
    """See ``place``; None where there is no place."""
    pieces = _pieces(board)
    if board.program_ram:
        region = pieces[0].region()
        fits = needs.arena_bytes + needs.data_bytes <= region.size_bytes
        return MemoryMap(region, region, region) if fits else None
    choices = [
        ((arena.speed, arena.size_bytes, data.speed, data.size_bytes), arena, data)
        for arena in pieces
        for data in pieces
        if _fit_together(arena, data, needs)
    ]
    if not choices:
        return None
    _, arena, data = min(choices, key=lambda choice: choice[0])
    flash = MemoryRegion("FLASH", board.flash_address, board.flash_bytes)
    return MemoryMap(flash, data.region(), arena.region())


def _pieces(board: Board) -> list[_Piece]:
    """Every run of usable banks that follow each other; without flash the one for programs."""
    banks = sorted((bank for bank in board.ram if bank.ready), key=lambda bank: bank.address)
    if board.program_ram:
        banks = [bank for bank in banks if bank.name in board.program_ram]
        begin = board.flash_address
        first = replace(banks[0], address=begin, size_bytes=banks[0].end - begin)
        return [_Piece((first, *banks[1:]))]
    pieces = []
    for first_index in range(len(banks)):
        for last_index in range(first_index, len(banks)):
            run = tuple(banks[first_index : last_index + 1])
            if all(low.end == high.address for low, high in pairwise(run)):
                pieces.append(_Piece(run))
    return pieces


def _fit_together(arena: _Piece, data: _Piece, needs: Needs) -> bool:
    if arena == data:
        return needs.arena_bytes + needs.data_bytes <= arena.size_bytes
    apart = not set(arena.banks) & set(data.banks)
    return apart and needs.arena_bytes <= arena.size_bytes and needs.data_bytes <= data.size_bytes


def _no_place(board: Board, needs: Needs) -> BoardFitError:
    largest_bytes = max((piece.size_bytes for piece in _pieces(board)), default=0)
    missing = needs.arena_bytes - largest_bytes
    if missing <= 0:  # the arena alone would fit
        missing += needs.data_bytes
    return BoardFitError(
        board.name,
        f"{missing} bytes of RAM are missing: the arena of {needs.arena_bytes} bytes and "
        f"{needs.data_bytes} bytes of stack and variables do not fit (largest piece of internal "
        f"RAM: {largest_bytes} bytes)",
        SMALLER + other_boards(boards_with_room(needs, 0)),
    )
