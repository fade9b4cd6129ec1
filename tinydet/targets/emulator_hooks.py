"""Hooks on the emulator in C: a Python one costs 0.4 us a block of code."""

import ctypes
import importlib
from pathlib import Path
from typing import Any

from tinydet.targets.toolchain import FIRMWARE, Toolchain, shared_library_flags, zig_cc

BLOCK_COUNTER = "block_counter"  # the hook in C that counts instructions


class BlockCounter(ctypes.Structure):
    """``td_block_counter`` of ``firmware/block_counter.c``."""

    _fields_ = (
        ("code", ctypes.c_void_p),
        ("code_begin", ctypes.c_uint64),
        ("code_end", ctypes.c_uint64),
        ("known_size", ctypes.c_void_p),
        ("known_count", ctypes.c_void_p),
        ("instructions", ctypes.c_uint64),
        ("blocks_outside", ctypes.c_uint64),
        ("watched_begin", ctypes.c_uint64),
        ("watched_end", ctypes.c_uint64),
        ("pieces", ctypes.c_void_p),
        ("num_pieces", ctypes.c_uint64),
        ("capacity", ctypes.c_uint64),
        ("in_watched", ctypes.c_uint64),
        ("read_register", ctypes.c_void_p),
        ("argument_register", ctypes.c_uint64),
    )


def build_hook(name: str, folder: Path) -> Path:
    """Compile a hook on the emulator for this machine.

    Args:
        name: ``BLOCK_COUNTER``, or another C file of ``targets/firmware``, without suffix.
        folder: Gets the library.

    Returns:
        The shared library.
    """
    library = folder / f"{name}.so"
    toolchain = Toolchain("zig cc", zig_cc(), ("-O2", "-fPIC"), shared_library_flags())
    return toolchain.build([FIRMWARE / f"{name}.c"], library, [])


def add_block_hook(uc: Any, function: Any, state: ctypes.Structure) -> ctypes.c_size_t:
    """Let an emulator call a C function before each block of code.

    Args:
        uc: The emulator, of unicorn.
        function: Of a loaded library; it must stay loaded as long as the hook is there.
        state: What the function is given; must live as long.

    Returns:
        The handle, to remove the hook with.

    Raises:
        RuntimeError: The emulator does not take it.
    """
    unicorn: Any = importlib.import_module("unicorn")
    uclib: Any = importlib.import_module("unicorn.unicorn_py3.unicorn").uclib
    handle = ctypes.c_size_t()
    status = uclib.uc_hook_add(
        uc._uch,
        ctypes.byref(handle),
        unicorn.UC_HOOK_BLOCK,
        ctypes.cast(function, ctypes.c_void_p),
        ctypes.cast(ctypes.byref(state), ctypes.c_void_p),
        ctypes.c_uint64(1),  # begin above end: everywhere
        ctypes.c_uint64(0),
    )
    if status:
        raise RuntimeError(f"uc_hook_add failed with status {status}")
    return handle
