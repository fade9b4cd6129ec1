"""The target ``host``: the generated C as a shared library of this machine, called by ctypes."""

import ctypes
import platform
import threading
from pathlib import Path
from typing import Any

import numpy as np

from tinydet.boxes import Detections
from tinydet.targets.base import (
    DETECTION,
    CompiledModel,
    ImageArray,
    ModelShape,
    RawOutputs,
    check_image,
    to_detections,
)
from tinydet.targets.toolchain import (
    FIRMWARE,
    Toolchain,
    model_macros,
    shared_library_flags,
    write_sources,
    zig_cc,
)

LIBRARY_SUFFIX = {"Windows": ".dll", "Darwin": ".dylib"}.get(platform.system(), ".so")
SHAPE_NUMBERS = len(ModelShape.__dataclass_fields__)
ALIGNMENT = 64  # bytes; more than any generated program asks for
GUARD_BYTES = 4096  # on both sides of the arena
GUARD = 0xA5
SANITIZE = ("-fsanitize=undefined,float-cast-overflow", "-fsanitize-minimal-runtime")


class HostTarget:
    """This machine.

    Args:
        sanitize: Count undefined behaviour (overflow, shifts, alignment, bounds) and writes
            outside the arena; each makes ``run`` and ``detect`` raise. Slower.
    """

    name = "host"

    def __init__(self, *, sanitize: bool = False) -> None:
        self._sanitize = sanitize

    def build(self, model: CompiledModel, folder: Path) -> "HostProgram":
        """See ``Target.build``."""
        sources = [*write_sources(model, folder), FIRMWARE / "shape.c"]
        if self._sanitize:
            sources.append(FIRMWARE / "ubsan.c")
        toolchain = Toolchain(
            "zig cc",
            zig_cc(),
            ("-O2", "-fPIC", *(SANITIZE if self._sanitize else ())),
            shared_library_flags(),
            # Linked without the sanitizer's flags, else zig builds a run-time library of its own.
            keeps_names=not self._sanitize,
        )
        # A name of its own for each model: a process may hold several at once.
        library = folder / f"lib{model.name}{LIBRARY_SUFFIX}"
        library.unlink(missing_ok=True)  # one that is loaded must not change under its user
        toolchain.build(sources, library, model_macros(model, folder))
        return HostProgram(library, model, sanitize=self._sanitize)


class HostProgram:
    """A model in a shared library. Each thread has an arena of its own.

    Args:
        library: The shared library.
        model: What it was built of.
        sanitize: It was built to count undefined behaviour.
    """

    def __init__(self, library: Path, model: CompiledModel, *, sanitize: bool = False) -> None:
        name = model.name
        self._library: Any = ctypes.CDLL(str(library))
        self._sanitize = sanitize
        numbers = (ctypes.c_int32 * SHAPE_NUMBERS).in_dll(self._library, "td_shape")
        self.shape = ModelShape(*numbers)
        self._image_in_arena = model.input_mode == "image"
        if self._image_in_arena:
            self._input = self._function(f"{name}_input", ctypes.c_void_p, 1)
        self._run = self._function(f"{name}_run", None, 1 if self._image_in_arena else 2)
        self._scores = self._function(f"{name}_scores", ctypes.c_void_p, 1)
        self._deltas = self._function(f"{name}_deltas", ctypes.c_void_p, 1)
        self._detect = self._function(f"{name}_detect", ctypes.c_int, 3)
        self._detect.argtypes = [*[ctypes.c_void_p] * 3, ctypes.c_int]
        self._of_thread = threading.local()

    def _function(self, name: str, result: Any, pointers: int) -> Any:
        function = self._library[name]
        function.restype, function.argtypes = result, [ctypes.c_void_p] * pointers
        return function

    def run(self, image_u8: ImageArray) -> RawOutputs:
        """See ``Program.run``."""
        arena = self._arena()
        image = check_image(image_u8, self.shape)
        if self._image_in_arena:
            ctypes.memmove(self._input(arena), image.ctypes.data, image.nbytes)
            self._run(arena)
        else:
            self._run(image.ctypes.data, arena)
        self._check()
        scores, deltas = (
            np.ctypeslib.as_array(
                ctypes.cast(read(arena), ctypes.POINTER(ctypes.c_int8)), shape=shape
            ).copy()
            for read, shape in (
                (self._scores, self.shape.scores_shape),
                (self._deltas, self.shape.deltas_shape),
            )
        )
        return RawOutputs(scores, deltas)

    def detect(self, image_u8: ImageArray, capacity: int | None = None) -> Detections:
        """See ``Program.detect``.

        Args:
            image_u8: ``[H, W, 3]`` uint8 RGB of the network's input size.
            capacity: Room in the caller's array; None gives as much as the model can need.
        """
        image = check_image(image_u8, self.shape)
        capacity = self.shape.max_detections if capacity is None else capacity
        records = np.zeros(max(capacity, 1), DETECTION)
        count = self._detect(image.ctypes.data, self._arena(), records.ctypes.data, capacity)
        self._check()
        return to_detections(records[:count])

    def _arena(self) -> int:
        """Address of this thread's arena, guarded on both sides."""
        if not hasattr(self._of_thread, "memory"):
            size = self.shape.arena_bytes + 2 * GUARD_BYTES + ALIGNMENT
            self._of_thread.memory = np.full(size, GUARD, np.uint8)
        address = self._of_thread.memory.ctypes.data + GUARD_BYTES
        return int(-(-address // ALIGNMENT) * ALIGNMENT)

    def _check(self) -> None:
        """Raise where the last call went out of the arena or met undefined behaviour."""
        memory = self._of_thread.memory
        begin = self._arena() - memory.ctypes.data
        end = begin + self.shape.arena_bytes
        if (memory[:begin] != GUARD).any() or (memory[end:] != GUARD).any():
            raise RuntimeError("the generated C wrote outside its arena")
        if self._sanitize:
            count = ctypes.c_uint32.in_dll(self._library, "td_ubsan_count")
            kinds = ctypes.c_uint32.in_dll(self._library, "td_ubsan_kinds")
            if count.value:
                found = f"{count.value} times, kinds {kinds.value:#x} (bits: firmware/ubsan.c)"
                count.value = kinds.value = 0
                raise RuntimeError(f"undefined behaviour in the generated C: {found}")
