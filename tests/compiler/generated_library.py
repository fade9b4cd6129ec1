"""Generated C as a library of this machine, and what each of its steps writes."""

import ctypes
import subprocess
import sys

import numpy as np

from tests.shared_kernels import kernel_object
from tinydet.targets.toolchain import shared_library_flags

ZIG_CC = (sys.executable, "-m", "ziglang", "cc")
STRICT = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-ffp-contract=off")
# Undefined behaviour ends the process: a test can only pass where there is none.
TRAPS = ("-O1", "-fsanitize=undefined", "-fsanitize-trap=undefined")
TRACE_FILE = """\
#include <stdint.h>
void td_trace(const char *op, const void *output, int32_t output_bytes);
extern void (*td_trace_hook)(const char *, const void *, int32_t);
void (*td_trace_hook)(const char *, const void *, int32_t);
void td_trace(const char *op, const void *output, int32_t output_bytes) {
    td_trace_hook(op, output, output_bytes);
}
"""
HOOK = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int32)
GUARD, GUARD_BYTES = 0xA5, 64


def compile_files(files, folder, *flags, compiler=ZIG_CC, output="library.so"):
    """Write files and compile their .c files; the compiler's complaint is the failure."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    sources = [str(folder / name) for name in files if name.endswith((".c", ".cpp"))]
    command = [*compiler, *flags, *sources, "-o", str(folder / output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / output


class GeneratedLibrary:
    """A generated network that tells what every step writes."""

    def __init__(self, model, files, folder, *flags):
        flags = ("-fPIC", "-DTD_TRACE", *STRICT, *(flags or TRAPS))
        kernels = [name for name in files if name.startswith("td_") and name.endswith(".c")]
        objects = [str(kernel_object(name, (*ZIG_CC, *flags))) for name in kernels]
        rest = {name: text for name, text in files.items() if name not in kernels}
        rest["trace.c"] = TRACE_FILE
        path = compile_files(rest, folder, *shared_library_flags(), *flags, *objects)
        self.library, self.model = ctypes.CDLL(str(path)), model
        size = model.plan.arena_bytes
        self._memory = np.full(size + 2 * GUARD_BYTES + 16, GUARD, np.uint8)
        self._start = -self._memory.ctypes.data % 16 + GUARD_BYTES
        self.arena = ctypes.c_void_p(self._memory.ctypes.data + self._start)
        self._listen(lambda *_: None)

    def function(self, what, result=ctypes.c_void_p):
        function = self.library[f"{self.model.name}_{what}"]
        function.restype = result
        return function

    def trace(self, image):
        """``{operator: bytes}`` of all steps for one image, as the planar or interleaved rows lie.

        An operator that runs row by row tells of one row after the other. Guards around the arena
        are checked.
        """
        written = {}

        def listen(op, data, size):
            written[op.decode()] = written.get(op.decode(), b"") + _copy(data, size)

        self._listen(listen)
        self.run(image)
        self._listen(lambda *_: None)
        return written

    def run(self, image):
        """Run the network on an image, which must stay as it is where it is the caller's."""
        image = np.ascontiguousarray(image)
        if self.model.input_mode == "image":
            self.put(image)
            self.function("run", None)(self.arena)
        else:
            before = image.copy()
            self.function("run", None)(ctypes.c_void_p(image.ctypes.data), self.arena)
            np.testing.assert_array_equal(image, before)
        self.check_guards()

    def step_values(self, steps, op):
        """What an operator computed, in the shape of its output; pads hold the zero point."""
        graph = self.model.graph
        tensor, layout = graph.output(op), self.model.plan.schedule.flow.layouts.get(op.outputs[0])
        values = np.frombuffer(steps[op.name], tensor.dtype)
        if layout is None:
            return values.reshape(tensor.shape)
        rows = values.reshape(tensor.shape[1], layout.channels, layout.channel_stride)
        end = layout.pad_left + layout.width
        pads = np.concatenate([rows[..., : layout.pad_left], rows[..., end:]], -1)
        assert (pads == tensor.zero_point).all()
        return rows[..., layout.pad_left : end].transpose(0, 2, 1)[None]

    def _listen(self, function):
        self._hook = HOOK(function)  # lives as long as C may call it
        place = ctypes.c_void_p.in_dll(self.library, "td_trace_hook")
        place.value = ctypes.cast(self._hook, ctypes.c_void_p).value

    def put(self, image):
        """Copy an image to where the network wants it."""
        image = np.ascontiguousarray(image)
        ctypes.memmove(self.function("input")(self.arena), image.ctypes.data, image.nbytes)

    def output(self, what, tensor):
        """An output of the last run."""
        address = self.function(what)(self.arena)
        return np.frombuffer(_copy(address, tensor.size_bytes), tensor.dtype).reshape(tensor.shape)

    def check_guards(self):
        end = self._start + self.model.plan.arena_bytes
        assert (self._memory[: self._start] == GUARD).all(), "wrote before the arena"
        assert (self._memory[end:] == GUARD).all(), "wrote behind the arena"


def _copy(address, size):
    return ctypes.string_at(address, size)
