"""The memories of a board as the timing model needs them, from ``boards.json``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
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

    def bytes_per_cycle(self, memory: str) -> float | None:
        """What reading a memory from end to end brings in a cycle; None where it does not wait."""
        waits = self.waits[memory]
        line = next((c.line_bytes for c in self.caches if c.name == waits.get("data_cache")), 4)
        return line / waits["data_wait"] if waits.get("data_wait") else None

    @property
    def program_memory(self) -> str:
        """Where code and constants other than weights lie: flash, or RAM on a chip without any."""
        return self.board.program_ram[0] if self.board.program_ram else FLASH

    def weights_memory(self, *, external: bool) -> str:
        """Where weights are read from.

        Args:
            external: From the external flash.

        Raises:
            UnsupportedError: How long that one takes is not known.
        """
        memory = EXTERNAL_FLASH if external else self.program_memory
        if memory not in self.waits:
            raise UnsupportedError(
                "timing model",
                f"weights in the {memory} of the {self.board.name}",
                ", ".join(
                    name for name in (self.program_memory, EXTERNAL_FLASH) if name in self.waits
                ),
                "Its waits are not known.",
            )
        return memory

    def kernels_memory(self, kernels_bytes: int, arena_bytes: int) -> str:
        """Where firmware has its kernels: RAM for code, if the arena needs no part of that."""
        ram = self.board.code_ram
        if ram is None or not 0 < kernels_bytes <= ram.size_bytes:
            return self.program_memory
        try:
            self.arena_bank(arena_bytes, kernels=ram.name)
        except UnsupportedError:
            return self.program_memory
        return ram.name

    def arena_bank(self, arena_bytes: int, *, kernels: str = "") -> RamBank:
        """The fastest bank, or row of neighbours of one speed, that takes the arena; the smallest.

        Args:
            arena_bytes: Size of the arena.
            kernels: Name of a bank that it must not lie in.

        Raises:
            UnsupportedError: None does.
        """
        joined: list[RamBank] = []
        banks = [bank for bank in self.board.ram if bank.name != kernels]
        if self.board.program_ram:  # there firmware has all in one piece
            banks = [bank for bank in self.board.ram if bank.name in self.board.program_ram]
        for bank in sorted(banks, key=lambda bank: bank.address):
            last = joined[-1] if joined else None
            if last and last.end == bank.address and last.speed == bank.speed:
                size_bytes = last.size_bytes + bank.size_bytes
                joined[-1] = RamBank(last.name, last.address, size_bytes, last.speed)
            else:
                joined.append(bank)
        fitting = [bank for bank in joined if bank.size_bytes >= arena_bytes]
        if not fitting:
            largest = max(joined, key=lambda bank: bank.size_bytes)
            raise UnsupportedError(
                "timing model",
                f"an arena of {arena_bytes / KIB:.0f} KiB on the {self.board.name}",
                f"up to {largest.size_bytes // KIB} KiB there",
                "Estimates are for arenas in internal RAM.",
            )
        return min(fitting, key=lambda bank: (bank.speed, bank.size_bytes))


def board_timing(board: Board) -> BoardTiming:
    """What is known of a board's speed.

    Raises:
        UnsupportedError: Nothing is.
    """
    entries = json.loads(BOARDS_FILE.read_text(encoding="utf-8"))["boards"]
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
