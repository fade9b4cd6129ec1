"""The kernels as a shared library of this machine, every buffer between two guard pages.

The library is built with the undefined-behaviour sanitizer, which traps. zig ships no run time for
the address sanitizer; in its place each call runs twice, with every buffer flush against an
inaccessible page behind it and then in front of it, and inputs write-protected. A fault of either
kind ends the process: no test can swallow it.
"""

import ctypes
import mmap
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from tinydet.targets.toolchain import shared_library_flags

KERNELS = Path(__file__).parents[3] / "tinydet" / "compiler" / "kernels"
HEADER = KERNELS / "td_kernels.h"
SANITIZE = ("-fsanitize=undefined", "-fsanitize-trap=undefined")
ASAN = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror")
ZIG_CC = (sys.executable, "-m", "ziglang", "cc")
PATTERN = 0x5B  # what output buffers hold before a call

_SCALARS = {
    "int8_t": ctypes.c_int8,
    "int16_t": ctypes.c_int16,
    "int32_t": ctypes.c_int32,
    "float": ctypes.c_float,
}


def kernel_sources():
    """The .c files behind td_kernels.h: td_NAME.c for each td_NAME_TYPES that it declares."""
    names = re.findall(r"^void (td_\w+?)(?:_[su]8)+\(", HEADER.read_text(), re.M)
    return sorted({KERNELS / f"{name}.c" for name in names})


def kernel_names():
    """All functions that td_kernels.h declares."""
    return re.findall(r"^void (td_\w+)\(", HEADER.read_text(), re.M)


def compile_library(directory, *flags, compiler=ZIG_CC):
    """Build all kernels into one shared library; gives its path."""
    path = Path(directory) / "kernels.so"
    sources = [str(source) for source in kernel_sources()]
    shared = shared_library_flags() if compiler == ZIG_CC else ("-shared",)
    command = [*compiler, *shared, "-fPIC", *WARNINGS, *flags, "-o", str(path), *sources]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return path


def structures(pointer=ctypes.c_void_p):
    """ctypes twins of all structs of the header, read from it, so that they cannot drift."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)
    found = {}
    for body, name in re.findall(r"typedef struct \{(.*?)\} (\w+);", text, re.S):
        fields = []
        for declaration in filter(None, (part.strip() for part in body.split(";"))):
            kind, names = re.fullmatch(r"(?:const )?(\w+)\s+(.*)", declaration, re.S).groups()
            for item in (part.strip() for part in names.split(",")):
                field, star, count = re.fullmatch(r"(\*?)(\w+)(?:\[(\d+)\])?", item).group(2, 1, 3)
                base = pointer if star else _SCALARS.get(kind) or found[kind]
                fields.append((field, base * int(count) if count else base))
        found[name] = type(name, (ctypes.Structure,), {"_fields_": fields})
    return found


def fill_structure(structure, values, place):
    """Set all fields of a ctypes structure.

    Args:
        structure: What to fill.
        values: Field -> number, tuple, dict (a nested structure) or array (for a pointer).
        place: Puts an array somewhere and gives its address.
    """
    kinds = dict(structure._fields_)
    for field, value in values.items():
        if isinstance(value, np.ndarray):
            setattr(structure, field, place(value))
        elif isinstance(value, dict):
            fill_structure(getattr(structure, field), value, place)
        elif isinstance(value, tuple):
            setattr(structure, field, kinds[field](*value))
        else:
            setattr(structure, field, value)
    missing = set(kinds) - set(values)
    assert not missing, f"{type(structure).__name__}: no value for {missing}"
    return structure


class _Guarded:
    """Memory of an array between two inaccessible pages."""

    def __init__(self, array, at_end, writable):
        self.array = np.ascontiguousarray(array)
        page, size = mmap.PAGESIZE, self.array.nbytes
        inner = -(-size // page) * page
        self.pages = mmap.mmap(-1, inner + 2 * page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.pages))
        offset = page + (inner - size if at_end else 0)
        self.address = start + offset
        ctypes.memmove(self.address, self.array.ctypes.data, size)
        self._protect(start, page, 0)
        self._protect(start + page + inner, page, 0)
        if not writable and inner:
            self._protect(start + page, inner, mmap.PROT_READ)

    @staticmethod
    def _protect(address, size, protection):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(size), protection) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")

    def content(self):
        data = ctypes.string_at(self.address, self.array.nbytes)
        return np.frombuffer(data, self.array.dtype).reshape(self.array.shape)


class Native:
    """Calls kernels of a shared library."""

    def __init__(self, path):
        self.library = ctypes.CDLL(str(path))
        self.structures = structures()

    def run(self, function, params, inputs, output, ranges=((),), scratch_bytes=None):
        """What a kernel writes.

        Args:
            function: Its name; its struct is td_NAME_params of the shared part of the name.
            params: Struct name and field values: numbers, tuples, dicts (nested structs) and
                arrays (for pointers); a table in place of the struct where the first is None.
            inputs: The input arrays. None for an operand means the output buffer (in place), a
                number the place so many bytes behind its start.
            output: Shape and dtype of the output, or an array that holds its first content.
            ranges: (begin, end) of each call, made one after the other on the same output.
            scratch_bytes: Size of the scratch memory, where the kernel takes some.
        """
        if not isinstance(output, np.ndarray):
            shape, dtype = output
            output = np.full(shape, PATTERN, np.uint8).astype(dtype)
        results = [
            self._run_once(function, params, inputs, output, (ranges, scratch_bytes), at_end)
            for at_end in (True, False)
        ]
        np.testing.assert_array_equal(results[0], results[1])
        return results[0]

    def _run_once(self, function, params, inputs, output, calls, at_end):
        ranges, scratch_bytes = calls
        kept = []

        def guarded(array, writable=False):
            kept.append(_Guarded(array, at_end, writable))
            return kept[-1]

        name, values = params
        if name is None:
            first = ctypes.c_void_p(guarded(values).address)
        else:
            first = ctypes.byref(
                fill_structure(self.structures[name](), values, lambda a: guarded(a).address)
            )
        target = guarded(output, writable=True)
        addresses = [
            guarded(array).address
            if isinstance(array, np.ndarray)
            else target.address + (array or 0)
            for array in inputs
        ]
        pointers = [ctypes.c_void_p(address) for address in (*addresses, target.address)]
        if scratch_bytes is not None:
            scratch = guarded(np.full(scratch_bytes, PATTERN, np.uint8), writable=True)
            pointers.append(ctypes.c_void_p(scratch.address))
        for begin_end in ranges:
            getattr(self.library, function)(first, *pointers, *map(ctypes.c_int32, begin_end))
        return target.content()
