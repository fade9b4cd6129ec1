"""Kernel sources as a library of this machine, and as objects for others."""

import ctypes
import subprocess
import sys
from pathlib import Path

import numpy as np

import tinydet.compiler
from tinydet.targets.toolchain import shared_library_flags

KERNELS = Path(tinydet.compiler.__file__).parent / "kernels"
ZIG_CC = (sys.executable, "-m", "ziglang", "cc")
STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror")
# Undefined behaviour ends the process: a test can only pass where there is none.
TRAPS = ("-O1", "-fsanitize=undefined", "-fsanitize-trap=undefined")
GUARD = 0xA5
DETECTION = np.dtype([("box", "<f4", 4), ("score", "<f4"), ("class_id", "<i4")])


def compile_c(sources, output, *flags, compiler=ZIG_CC):
    """Run a compiler on kernel sources; its complaint is the failure."""
    paths = [str(KERNELS / name) for name in sources]
    command = [*compiler, *flags, *paths, "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def load_library(sources, folder, flags=TRAPS, compiler=ZIG_CC):
    """Compile kernel sources for this machine and load them."""
    path = folder / "kernels.so"
    shared = shared_library_flags() if compiler == ZIG_CC else ("-shared",)
    compile_c(sources, path, *shared, "-fPIC", *STRICT, *flags, compiler=compiler)
    return ctypes.CDLL(str(path))


class Guarded:
    """Memory for C with guard bytes on both sides; 16-byte aligned."""

    def __init__(self, num_bytes):
        self.num_bytes = num_bytes
        self._all = (ctypes.c_uint8 * (num_bytes + 80))(*([GUARD] * (num_bytes + 80)))
        self._start = -ctypes.addressof(self._all) % 16 + 32

    @property
    def address(self):
        return ctypes.c_void_p(ctypes.addressof(self._all) + self._start)

    def content(self):
        """The bytes, after a look at the guards."""
        everything = bytes(self._all)
        end = self._start + self.num_bytes
        assert set(everything[: self._start] + everything[end:]) == {GUARD}, "wrote beyond"
        return everything[self._start : end]
