"""Which memory of a board takes the program, the arena, and stack and variables."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from tinydet.errors import FaultError, UnsupportedError
from tinydet.targets.boards import Board, RamBank, load_boards
from tinydet.targets.footprint import KIB
from tinydet.targets.linker_script import MemoryMap, MemoryRegion

LESS_RAM = "Compile for less RAM (--optimize ram), lower the input size or alpha"
_FIRST_CODE = 32  # address
LESS_FLASH = "Lower alpha or the input size"


External = Literal["flash", "ram"]


class BoardFitError(FaultError):
    """A program does not fit the memories of a board."""


@dataclass(frozen=True)
class Needs:
    """What a program needs of a board.

    Attributes:
        arena_bytes: In one piece.
        data_bytes: Stack, variables, detections; in one piece.
        external: Which parts go to memories outside of the chip: ``flash`` for the weights,
            ``ram`` for the arena.
    """

    arena_bytes: int
    data_bytes: int
    external: tuple[External, ...] = ()


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
    """Place a program in memory that works right after reset, but for what shall go outside.

    Kernels go where code runs without waiting, if all else fits beside them. The
    arena goes where it is fastest, of equally fast places to the smallest that takes it; stack
    and variables to the fastest of what remains, beside the arena if there is no other place. On
    a chip without flash all of it goes where programs run.

    Args:
        board: The board.
        needs: What the program needs.

    Raises:
        BoardFitError: There is no place.
        UnsupportedError: The board has no such memory outside of the chip.
    """
    for kind in needs.external:
        if _external(board, kind) is None:
            raise UnsupportedError(
                board.name,
                f"external {kind}",
                "the memory-mapped memories of the board",
                "Choose another board, or use the memory inside of the chip.",
            )
    memory = _find_place(board, needs)
    if memory is None:
        raise _no_place(board, needs)
    return memory


def boards_with_room(needs: Needs, flash_bytes: int) -> list[str]:
    """Names of the boards that take a program inside of the chip, in the order of the data file."""
    inside = replace(needs, external=())
    names = []
    for board in load_boards():
        memory = _find_place(board, inside)
        shared = needs.arena_bytes + needs.data_bytes if board.program_ram else 0
        if memory is not None and flash_bytes + shared <= memory.program.size_bytes:
            names.append(board.name)
    return names


def other_boards(names: Sequence[str]) -> str:
    """The end of a remedy."""
    return f", or choose a board with room: {', '.join(names)}." if names else "."


def outside(board: Board, kind: External, part: str) -> str:
    """The part of a remedy that names a memory outside of the chip; empty without one."""
    region = _external(board, kind)
    if region is None:
        return ""
    size = f"{region.size_bytes // KIB} KiB, which td_board_init has to set up"
    name = "RAM" if kind == "ram" else kind
    return f", put {part} into the board's external {name} ({size})"


def _find_place(board: Board, needs: Needs) -> MemoryMap | None:
    """See ``place``; None where there is no place."""
    if board.code_ram is not None:
        others = tuple(bank for bank in board.ram if bank.name != board.code_ram.name)
        memory = _place_data(replace(board, ram=others), needs)
        if memory is not None:
            return replace(memory, kernels=_code_region(board.code_ram))
    return _place_data(board, needs)


def _code_region(ram: RamBank) -> MemoryRegion:
    """All of it but address 0: a function there would be a null pointer."""
    begin = max(ram.address, _FIRST_CODE)
    rest = replace(ram, address=begin, size_bytes=ram.end - begin)
    return _Piece((rest,)).region()


def _place_data(board: Board, needs: Needs) -> MemoryMap | None:
    """All but the kernels."""
    pieces = _pieces(board)
    outside = _external(board, "ram") if "ram" in needs.external else None
    if outside is not None and needs.arena_bytes > outside.size_bytes:
        return None
    inside = replace(needs, arena_bytes=0) if outside is not None else needs
    if board.program_ram:
        region = pieces[0].region()
        if inside.arena_bytes + inside.data_bytes > region.size_bytes:
            return None
        memory = MemoryMap(region, region, region, region)
    else:
        choices = [
            ((arena.speed, arena.size_bytes, data.speed, data.size_bytes), arena, data)
            for arena in pieces
            for data in pieces
            if _fit_together(arena, data, inside)
        ]
        if not choices:
            return None
        _, arena, data = min(choices, key=lambda choice: choice[0])
        flash = MemoryRegion("FLASH", board.flash_address, board.flash_bytes)
        memory = MemoryMap(flash, flash, data.region(), arena.region())
    weights = _external(board, "flash") if "flash" in needs.external else None
    return replace(memory, weights=weights or memory.weights, arena=outside or memory.arena)


def _external(board: Board, kind: External) -> MemoryRegion | None:
    """A memory outside of the chip; None without one."""
    address, size_bytes = {
        "flash": (board.external_flash_address, board.external_flash_bytes),
        "ram": (board.external_ram_address, board.external_ram_bytes),
    }[kind]
    name = f"EXTERNAL_{kind.upper()}"
    return MemoryRegion(name, address, size_bytes) if size_bytes else None


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
        LESS_RAM + outside(board, "ram", "the arena") + other_boards(boards_with_room(needs, 0)),
    )
