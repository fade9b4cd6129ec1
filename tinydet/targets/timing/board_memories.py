"""The memories of a board as the timing model needs them, from ``boards.json``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydet.errors import UnsupportedError
from tinydet.targets.boards import BOARDS_FILE, Board, RamBank
from tinydet.targets.timing.memory import Cache, Memories, Region

FLASH, EXTERNAL_FLASH = "flash", "external flash"
KIB = 1024


@dataclass(frozen=True)
class BoardTiming:
    """Clock, caches and memories of a board.

    Attributes:
        board: The board.
        clock_mhz: Of the processor, at which the waits hold.
        caches: Its caches.
        waits: Name of a memory -> fields of ``Region`` that differ from nothing to wait for.
        source: Documents, and what was measured where.
    """

    board: Board
    clock_mhz: float
    caches: tuple[Cache, ...]
    waits: Mapping[str, Mapping[str, Any]]
    source: str

    def region(self, memory: str, begin: int, end: int) -> Region:
        """A piece of the address space that lies in one of the board's memories."""
        return Region(f"{memory} {begin:#x}", begin, end, **self.waits.get(memory, {}))

    def arena_bank(self, arena_bytes: int) -> RamBank:
        """The fastest bank, or row of neighbours of one speed, that takes the arena."""
        joined: list[RamBank] = []
        for bank in sorted(self.board.ram, key=lambda bank: bank.address):
            last = joined[-1] if joined else None
            if last and last.end == bank.address and last.speed == bank.speed:
                size_bytes = last.size_bytes + bank.size_bytes
                joined[-1] = RamBank(last.name, last.address, size_bytes, last.speed)
            else:
                joined.append(bank)
        fitting = [bank for bank in joined if bank.size_bytes >= arena_bytes]
        return min(fitting or joined, key=lambda bank: (bank.speed, -bank.size_bytes))


def board_timing(board: Board, path: Path = BOARDS_FILE) -> BoardTiming:
    """What is known of a board's speed.

    Raises:
        UnsupportedError: Nothing is.
    """
    entries = json.loads(path.read_text(encoding="utf-8"))["boards"]
    known = {entry["name"]: entry["timing"] for entry in entries if "timing" in entry}
    if board.name not in known:
        raise UnsupportedError(
            "timing model", board.name, ", ".join(known), "Choose one of these, or measure there."
        )
    timing = known[board.name]
    caches = tuple(
        Cache(name, size_kib_to_bytes(kib), ways, line)
        for name, kib, ways, line in timing["caches"]
    )
    return BoardTiming(board, timing["clock_mhz"], caches, timing["memories"], timing["source"])


def size_kib_to_bytes(kib: float) -> int:
    """Sizes in ``boards.json`` are in KiB."""
    return round(kib * KIB)


def memories(timing: BoardTiming, places: Mapping[tuple[int, int], str]) -> Memories:
    """What the processor sees when parts of a program lie in memories of a board.

    Args:
        timing: The board.
        places: ``(begin, end)`` in the emulated image -> name of the memory.
    """
    regions = (timing.region(name, *span) for span, name in places.items())
    return Memories(timing.caches, tuple(regions))
