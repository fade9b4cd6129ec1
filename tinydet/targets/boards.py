"""Does a model fit a board, and by how much? The boards are in ``boards.json``, with sources."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, overload

from tinydet.errors import UnsupportedError, near_name
from tinydet.targets.footprint import KIB, Footprint

AnyBoard = TypeVar("AnyBoard")
BOARDS_FILE = Path(__file__).with_name("boards.json")


@dataclass(frozen=True)
class RamBank:
    """A RAM the processor can use for data.

    Attributes:
        name: As in the datasheet.
        address: Where it begins.
        size_bytes: Its length.
        speed: Place in the order of speed, 0 for the fastest.
        ready: It can be used after reset, without a clock or supply being switched on.
    """

    name: str
    address: int
    size_bytes: int
    speed: int = 0
    ready: bool = True

    @property
    def end(self) -> int:
        """Address behind it."""
        return self.address + self.size_bytes


@dataclass(frozen=True)
class Board:
    """A board and its memories.

    Attributes:
        name: As its maker sells it.
        chip: The microcontroller.
        core: Its (fastest) processor.
        flash_bytes: Internal flash; 0 for a chip that runs from external flash.
        ram: Internal data RAMs; banks that follow each other can hold one arena together.
        external_flash_bytes: Memory-mapped flash on the board; 0 without.
        external_ram_bytes: Memory-mapped RAM on the board; 0 without.
        source: Documents the numbers are from.
        note: What else matters.
        flash_address: Where a program begins: in the internal flash, else in ``program_ram``.
        external_flash_address: Where the external flash is mapped, once it is set up.
        external_ram_address: Where the external RAM is mapped, once it is set up.
        program_ram: Names of the banks that a program runs from on a chip without flash.
        clock_mhz: Of the processor: after reset, and the highest.
        uart: The serial port that a PC sees.
        code_ram: RAM from which code runs without waiting; None without. Where it has the name of
            one of ``ram``, it is that bank at another address.
    """

    name: str
    chip: str
    core: str
    flash_bytes: int
    ram: tuple[RamBank, ...]
    external_flash_bytes: int
    external_ram_bytes: int
    source: str
    note: str = ""
    flash_address: int = 0
    external_flash_address: int = 0
    external_ram_address: int = 0
    program_ram: tuple[str, ...] = ()
    clock_mhz: tuple[float, float] = (0.0, 0.0)
    uart: str = ""
    code_ram: RamBank | None = None

    def regions(self) -> tuple[RamBank, ...]:
        """Internal RAM with neighbouring banks joined, largest first."""
        joined: list[RamBank] = []
        for bank in sorted(self.ram, key=lambda bank: bank.address):
            last = joined[-1] if joined else None
            if last and last.address + last.size_bytes == bank.address:
                size_bytes = last.size_bytes + bank.size_bytes
                joined[-1] = RamBank(f"{last.name}+{bank.name}", last.address, size_bytes)
            else:
                joined.append(bank)
        return tuple(sorted(joined, key=lambda region: -region.size_bytes))


@dataclass(frozen=True)
class Fit:
    """Whether a model fits a board.

    Attributes:
        board: The board.
        ram_spare_bytes: Internal RAM left in the region that takes the arena; < 0: missing.
        flash_spare_bytes: Internal flash left; < 0: missing.
        arena_region: Name of the internal region that takes the arena, the largest where none does.
        external_ram: The arena does not fit inside, but in the board's external RAM.
        external_flash: The weights do not fit inside, but in the board's external flash.
    """

    board: Board
    ram_spare_bytes: int
    flash_spare_bytes: int
    arena_region: str
    external_ram: bool
    external_flash: bool

    @property
    def inside(self) -> bool:
        """It fits without external memory."""
        return self.ram_spare_bytes >= 0 and self.flash_spare_bytes >= 0

    @property
    def fits(self) -> bool:
        """It fits, with external memory where the board has some."""
        ram = self.ram_spare_bytes >= 0 or self.external_ram
        flash = self.flash_spare_bytes >= 0 or self.external_flash
        return ram and flash

    def verdict(self) -> str:
        """In words, with the figures."""
        if self.inside:
            return (
                f"fits, {_kib(self.ram_spare_bytes)} of RAM ({self.arena_region}) and "
                f"{_kib(self.flash_spare_bytes)} of flash to spare"
            )
        short = [
            (kind, -spare)
            for kind, spare in (("RAM", self.ram_spare_bytes), ("flash", self.flash_spare_bytes))
            if spare < 0
        ]
        missing = " and ".join(f"{_kib(size)} of {kind}" for kind, size in short)
        if not self.fits:
            return f"does not fit: {missing} missing"
        external = " and ".join(kind for kind, _ in short)
        return f"fits with external {external}: {missing} missing inside"


def load_boards() -> tuple[Board, ...]:
    """The boards of the data file, in its order."""
    boards = json.loads(BOARDS_FILE.read_text(encoding="utf-8"))["boards"]
    return tuple(
        Board(
            name=board["name"],
            chip=board["chip"],
            core=board["core"],
            flash_bytes=board["flash"][1] * KIB,
            ram=tuple(
                RamBank(name, int(address, 16), size_kib * KIB, speed, ready)
                for name, address, size_kib, speed, ready in board["ram"]
            ),
            external_flash_bytes=board["external_flash"][1] * KIB,
            external_ram_bytes=board["external_ram"][1] * KIB,
            source=board["source"],
            note=board.get("note", ""),
            flash_address=int(board["flash"][0], 16),
            external_flash_address=int(board["external_flash"][0], 16),
            external_ram_address=int(board["external_ram"][0], 16),
            program_ram=tuple(board.get("program_ram", ())),
            clock_mhz=(board["clock_mhz"][0], board["clock_mhz"][1]),
            uart=board["uart"],
            code_ram=_code_ram(*board["code_ram"]) if "code_ram" in board else None,
        )
        for board in boards
    )


def _code_ram(name: str, address: str, size_kib: int) -> RamBank:
    return RamBank(name, int(address, 16), size_kib * KIB)


@overload
def find_board(name: str, boards: None = None, where: str = "--board") -> Board: ...


@overload
def find_board(name: str, boards: Sequence[AnyBoard], where: str = "--board") -> AnyBoard: ...


def find_board(name: str, boards: Sequence[Any] | None = None, where: str = "--board") -> Any:
    """The board of a name, whatever its case.

    Args:
        name: As in the lists of boards.
        boards: To choose from, of any kind; None: all microcontroller boards.
        where: Option or key that says it, for the message.

    Raises:
        UnsupportedError: There is none.
    """
    boards = load_boards() if boards is None else boards
    for board in boards:
        if board.name.lower() == name.lower():
            return board
    names = [board.name for board in boards]
    raise UnsupportedError(
        where, repr(name), ", ".join(names), f"Choose one of these.{near_name(name, names)}"
    )


def fit(board: Board, footprint: Footprint) -> Fit:
    """Whether a model fits a board.

    The arena has to lie in one piece; stack, variables and detections may lie in another bank.
    Nothing is set aside for the rest of the application.

    Args:
        board: The board.
        footprint: The model.
    """
    regions = board.regions()
    arena, runtime = footprint.arena_bytes, footprint.runtime_ram_bytes

    def spare_in(region: RamBank) -> int:
        elsewhere = any(r is not region and r.size_bytes >= runtime for r in regions)
        return region.size_bytes - arena - (0 if elsewhere else runtime)

    # The smallest region that takes it keeps the larger ones free.
    fitting = [region for region in regions if spare_in(region) >= 0]
    region = fitting[-1] if fitting else regions[0]
    spare = spare_in(region)
    flash_spare = board.flash_bytes - footprint.total_flash_bytes
    return Fit(
        board,
        spare,
        flash_spare,
        region.name,
        external_ram=spare < 0 and board.external_ram_bytes >= arena,
        external_flash=(
            flash_spare < 0 and board.external_flash_bytes >= footprint.total_flash_bytes
        ),
    )


def format_fits(fits: Sequence[Fit]) -> str:
    """One line per board."""
    width = max(len(f.board.name) for f in fits)
    return "\n".join(f"{f.board.name:<{width}}  {f.board.core:<11} {f.verdict()}" for f in fits)


def _kib(size_bytes: int) -> str:
    return f"{size_bytes / KIB:.1f} KiB"
