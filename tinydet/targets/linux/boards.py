"""The Linux boards of ``boards.json`` and the architectures programs are compiled for."""

import json
from dataclasses import dataclass
from pathlib import Path

from tinydet.targets.boards import find_board

BOARDS_FILE = Path(__file__).with_name("boards.json")


@dataclass(frozen=True)
class KernelSet:
    """The network as compiled for some processors of an architecture.

    Attributes:
        name: As the program calls it.
        compiler_cpu: What zig calls the least of these processors.
        condition: Function of ``program/kernel_sets.c`` that knows them, without ``runs_``.
    """

    name: str
    compiler_cpu: str
    condition: str


@dataclass(frozen=True)
class Architecture:
    """A kind of processor under Linux.

    Attributes:
        zig_target: What zig calls it; with musl, so that one static file runs everywhere.
        machines: What ``uname -m`` says where such a program runs.
        baseline: Name of the kernel set for the processor of the board.
        kernel_sets: More of them, the best one first; the program chooses when it starts.
    """

    zig_target: str
    machines: tuple[str, ...]
    baseline: str
    kernel_sets: tuple[KernelSet, ...] = ()


ARCHITECTURES = {
    "armv7": Architecture("arm-linux-musleabihf", ("armv7l", "armv8l"), "neon"),
    "aarch64": Architecture(
        "aarch64-linux-musl",
        ("aarch64", "arm64"),
        "neon",
        (
            KernelSet("i8mm", "generic+dotprod+i8mm", "i8mm"),
            KernelSet("dotprod", "generic+dotprod", "dotprod"),
        ),
    ),
    "riscv64": Architecture("riscv64-linux-musl", ("riscv64",), "portable"),
    "riscv32": Architecture("riscv32-linux-musl", ("riscv32",), "portable"),
    "x86_64": Architecture(
        "x86_64-linux-musl",
        ("x86_64", "amd64"),
        "sse4",
        (
            KernelSet("avx512_vnni", "x86_64_v4+avx512vnni", "avx512_vnni"),
            KernelSet("avx_vnni", "x86_64_v3+avxvnni", "avx_vnni"),
            KernelSet("avx2", "x86_64_v3", "avx2"),
        ),
    ),
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


def load_linux_boards() -> tuple[LinuxBoard, ...]:
    """The boards of the data file, in its order."""
    boards = json.loads(BOARDS_FILE.read_text(encoding="utf-8"))["boards"]
    return tuple(LinuxBoard(**board) for board in boards)


def linux_board(name: str) -> LinuxBoard:
    """The board of a name, in upper or lower case.

    Raises:
        UnsupportedError: There is none of this name.

    >>> linux_board("stm32mp157f-dk2").cpu
    'Cortex-A7'
    """
    return find_board(name, load_linux_boards())
