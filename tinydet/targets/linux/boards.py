"""The Linux boards of ``boards.json`` and the architectures programs are compiled for."""

import json
from dataclasses import dataclass
from pathlib import Path

from tinydet.targets.boards import find_board

BOARDS_FILE = Path(__file__).with_name("boards.json")


@dataclass(frozen=True)
class Architecture:
    """A kind of processor under Linux.

    Attributes:
        zig_target: What zig calls it; with musl, so that one static file runs everywhere.
        machines: What ``uname -m`` says where such a program runs.
    """

    zig_target: str
    machines: tuple[str, ...]


ARCHITECTURES = {
    "armv7": Architecture("arm-linux-musleabihf", ("armv7l", "armv8l")),
    "aarch64": Architecture("aarch64-linux-musl", ("aarch64", "arm64")),
    "x86_64": Architecture("x86_64-linux-musl", ("x86_64", "amd64")),
}


@dataclass(frozen=True)
class LinuxBoard:
    """A board that runs Linux.

    Attributes:
        name: As its maker sells it, or ``linux-ARCHITECTURE`` for any machine.
        chip: The processor's name.
        cpu: Its cores' name.
        cores: How many run Linux; 0: differs.
        clock_mhz: Their highest clock; 0: differs.
        ram_mib: Memory of the board, MiB; 0: differs.
        architecture: Key of ``ARCHITECTURES``.
        compiler_cpu: What zig calls the processor.
        source: Documents the numbers are from.
    """

    name: str
    chip: str
    cpu: str
    cores: int
    clock_mhz: int
    ram_mib: int
    architecture: str
    compiler_cpu: str
    source: str


def load_linux_boards(path: Path = BOARDS_FILE) -> tuple[LinuxBoard, ...]:
    """The boards of the data file, in its order."""
    boards = json.loads(path.read_text(encoding="utf-8"))["boards"]
    return tuple(LinuxBoard(**board) for board in boards)


def linux_board(name: str) -> LinuxBoard:
    """The board of a name, in upper or lower case.

    Raises:
        UnsupportedError: There is none of this name.

    >>> linux_board("stm32mp157f-dk2").cpu
    'Cortex-A7'
    """
    return find_board(name, load_linux_boards())
