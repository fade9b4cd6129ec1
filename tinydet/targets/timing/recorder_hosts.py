"""Emulators that the recorder hooks on: where its tables lie, and how its C is called."""

import ctypes
import importlib
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tinydet.targets.emulator_hooks import add_block_hook, build_hook
from tinydet.targets.qemu import QemuMachine

RECORDER = "timing_recorder"  # the hook in C
ALIGNMENT = 64


class RecorderState(ctypes.Structure):
    """``td_timing`` of ``firmware/timing_recorder.c``."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in (
            "blocks", "transitions", "block_table", "transition_table", "direction", "target")),
        *((name, ctypes.c_uint64) for name in (
            "num_blocks", "num_transitions", "max_blocks", "max_transitions", "previous",
            "last_line")),
        ("caches", ctypes.c_void_p),
        ("num_caches", ctypes.c_uint64),
        ("regions", ctypes.c_void_p),
        ("num_regions", ctypes.c_uint64),
        ("data_begin", ctypes.c_uint64),
        ("data_end", ctypes.c_uint64),
        ("groups", ctypes.c_void_p),
        ("group", ctypes.c_void_p),
        ("max_groups", ctypes.c_uint64),
        ("accesses", ctypes.c_void_p),
        ("read_register", ctypes.c_void_p),
        *((name, ctypes.c_uint64) for name in (
            "unaligned_wait", "overflow", "last_block", "last_transition",
            "last_data_region", "last_code_region")),
    )  # fmt: skip


class RecorderHost(Protocol):
    """An emulator.

    Attributes:
        addresses_follow: It does not tell where loads and stores go: their addresses are to follow
            from the registers at the begin of a block.
    """

    addresses_follow: bool

    def table(self, length: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Zeros that the hook in C can reach."""

    def place(self, table: npt.NDArray[Any]) -> int:
        """A table's address, as the state holds it."""

    def attach(self, **state: int) -> RecorderState:
        """Begin to call the hook.

        Args:
            state: Fields of the state; the others are 0 or the emulator's own.
        """

    def detach(self) -> None:
        """Call it no longer."""


class UnicornHost:
    """Unicorn, in this process.

    Args:
        uc: The emulator.
        folder: Where the hook is built.
        group: Address of the number of pieces begun so far; 0: all is one piece.
    """

    addresses_follow = True

    def __init__(self, uc: Any, folder: Path, group: int = 0) -> None:
        self._uc, self._group = uc, group
        self._uclib: Any = importlib.import_module("unicorn.unicorn_py3.unicorn").uclib
        self._library = ctypes.CDLL(str(build_hook(RECORDER, folder.resolve())))
        self._tables: list[npt.NDArray[Any]] = []

    def table(self, length: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """See ``RecorderHost.table``."""
        self._tables.append(np.zeros(length, dtype))
        return self._tables[-1]

    def place(self, table: npt.NDArray[Any]) -> int:
        """See ``RecorderHost.place``."""
        return table.ctypes.data

    def attach(self, **state: int) -> RecorderState:
        """See ``RecorderHost.attach``."""
        read_register = ctypes.cast(self._uclib.uc_reg_read, ctypes.c_void_p).value
        self._state = RecorderState(group=self._group or None, read_register=read_register, **state)
        self._handle = add_block_hook(self._uc, self._library.td_time_block, self._state)
        self._uc.ctl_flush_tb()  # code that was translated before would not call the hook
        return self._state

    def detach(self) -> None:
        """See ``RecorderHost.detach``."""
        self._uclib.uc_hook_del(self._uc._uch, self._handle)
        self._uc.ctl_flush_tb()


class QemuHost:
    """QEMU, whose plugin has the hook in it and tells every address.

    Args:
        machine: The emulated core. Tables lie in the memory that it shares with the plugin, and
            are found there by their distance from its begin.
    """

    addresses_follow = False

    def __init__(self, machine: QemuMachine) -> None:
        self._machine = machine
        self._used = machine.shared_begin

    def table(self, length: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """See ``RecorderHost.table``."""
        self._used += -self._used % ALIGNMENT
        found = np.frombuffer(self._machine.shared, dtype, length, self._used)
        self._used += found.nbytes
        found[:] = np.zeros((), dtype)
        return found

    def place(self, table: npt.NDArray[Any]) -> int:
        """See ``RecorderHost.place``."""
        begin = np.frombuffer(self._machine.shared, np.uint8)
        return table.ctypes.data - begin.ctypes.data

    def attach(self, **state: int) -> RecorderState:
        """See ``RecorderHost.attach``."""
        place = self._used + -self._used % ALIGNMENT
        record = RecorderState.from_buffer(self._machine.shared, place)
        ctypes.memset(ctypes.addressof(record), 0, ctypes.sizeof(record))
        for name, value in (state | {"group": self._machine.pieces_begun}).items():
            setattr(record, name, value)
        self._machine.record(place)
        return record

    def detach(self) -> None:
        """See ``RecorderHost.detach``."""
        self._machine.record(0)
