"""The target ``host``: the generated C as a shared library of this machine, called by ctypes."""

import ctypes
import platform
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from tinydet.boxes import Detections
from tinydet.compiler import CompiledDetector, CompiledNetwork
from tinydet.compiler.ir import Tensor
from tinydet.errors import UnsupportedError
from tinydet.targets.base import (
    DETECTION,
    CodeArray,
    ImageArray,
    RawOutputs,
    check_input,
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
ALIGNMENT = 64  # bytes; more than any generated program asks for
GUARD_BYTES = 4096  # on both sides of the arena
GUARD = 0xA5
SANITIZE = ("-fsanitize=undefined,float-cast-overflow", "-fsanitize-minimal-runtime")
RGB888 = 0  # td_pixel_format
Listener = Callable[[str, bytes], None]
_TRACE = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int32)


class HostTarget:
    """This machine.

    Args:
        sanitize: Count undefined behaviour (overflow, shifts, alignment, bounds) and writes
            outside the arena; each makes ``run`` and ``detect`` raise. Slower.
        trace: Build what ``HostProgram.trace`` needs. Slower.
    """

    name = "host"

    def __init__(self, *, sanitize: bool = False, trace: bool = False) -> None:
        self._sanitize, self._trace = sanitize, trace

    @overload
    def build(self, network: CompiledDetector, folder: Path) -> "HostProgram": ...

    @overload
    def build(self, network: CompiledNetwork, folder: Path) -> "HostNetwork": ...

    def build(self, network: CompiledNetwork, folder: Path) -> "HostNetwork":
        """Compile and link the C files.

        Args:
            network: The network, or detector.
            folder: Where sources, objects and the library go; created.

        Raises:
            MissingToolError: A package it needs is not installed.
            BuildError: The C compiler refuses (disk full, wrong compiler).
        """
        sources = write_sources(network, folder)
        macros = model_macros(network, folder)
        if self._sanitize:
            sources.append(FIRMWARE / "ubsan.c")
        if self._trace:
            sources.append(FIRMWARE / "trace_hook.c")
            macros.append("-DTD_TRACE")
        toolchain = Toolchain(
            "zig cc",
            zig_cc(),
            ("-O2", "-fPIC", *(SANITIZE if self._sanitize else ())),
            shared_library_flags(),
            # Linked without the sanitizer's flags, else zig builds a run-time library of its own.
            keeps_names=not self._sanitize,
        )
        # A name of its own for each model: a process may hold several at once.
        library = folder / f"lib{network.name}{LIBRARY_SUFFIX}"
        library.unlink(missing_ok=True)  # one that is loaded must not change under its user
        toolchain.build(sources, library, macros)
        if isinstance(network, CompiledDetector):
            return HostProgram(library, network, sanitize=self._sanitize)
        return HostNetwork(library, network, sanitize=self._sanitize)


class _CameraImage(ctypes.Structure):
    """``td_image`` of ``td_preprocess.h``."""

    _fields_ = (
        ("pixels", ctypes.c_void_p),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("row_step_bytes", ctypes.c_int32),
        ("format", ctypes.c_int),
    )


class HostNetwork:
    """A network in a shared library. Each thread has an arena of its own.

    Args:
        library: The shared library.
        network: What it was built of.
        sanitize: It was built to count undefined behaviour.
    """

    def __init__(self, library: Path, network: CompiledNetwork, *, sanitize: bool = False) -> None:
        self.network = network
        self._library: Any = ctypes.CDLL(str(library))
        self._functions: dict[str, Any] = {}  # looking one up takes longer than calling it
        self._sanitize = sanitize
        self._of_thread = threading.local()

    def outputs(self, codes: CodeArray) -> dict[str, CodeArray]:
        """See ``NetworkProgram.outputs``."""
        network, arena = self.network, self._arena()
        codes = check_input(codes, network)
        place = ctypes.c_void_p(codes.ctypes.data)
        if network.input_mode == "image":
            room = self._function("input", ctypes.c_void_p)(arena)
            ctypes.memmove(room, place, codes.nbytes)
            self._call("run", arena, result=None)
        else:
            self._call("run", place, arena, result=None)
        return {member: self._output(member, tensor) for member, tensor in network.outputs.items()}

    def self_test(self) -> int:
        """See ``NetworkProgram.self_test``."""
        room = np.zeros(self.network.input_shape, self.network.input.dtype)
        place = () if self.network.input_mode == "image" else (ctypes.c_void_p(room.ctypes.data),)
        result: int = self._call("self_test", *place, self._arena())
        return result

    def _output(self, member: str, tensor: Tensor) -> CodeArray:
        address = self._function(member, ctypes.c_void_p)(self._arena())
        content = ctypes.string_at(address, tensor.size_bytes)
        return np.frombuffer(content, tensor.dtype).reshape(tensor.shape[1:])

    def _call(self, member: str, *arguments: Any, result: Any = ctypes.c_int) -> Any:
        """Call a function of the header, and check what it left behind."""
        value = self._function(member, result)(*arguments)
        self._check()
        return value

    def _function(self, member: str, result: Any) -> Any:
        if member not in self._functions:
            function = self._library[f"{self.network.name}_{member}"]
            function.restype = result
            self._functions[member] = function
        return self._functions[member]

    def _arena(self) -> ctypes.c_void_p:
        """This thread's arena, guarded on both sides."""
        if not hasattr(self._of_thread, "memory"):
            size = self.network.arena_bytes + 2 * GUARD_BYTES + ALIGNMENT
            memory = np.full(size, GUARD, np.uint8)
            address = memory.ctypes.data + GUARD_BYTES
            begin = -(-address // ALIGNMENT) * ALIGNMENT
            end = begin - memory.ctypes.data + self.network.arena_bytes
            self._of_thread.memory = memory
            self._of_thread.guards = memory[: begin - memory.ctypes.data], memory[end:]
            self._of_thread.arena = ctypes.c_void_p(begin)
        arena: ctypes.c_void_p = self._of_thread.arena
        return arena

    def _check(self) -> None:
        """Raise where the last call went out of the arena or met undefined behaviour."""
        if any((guard != GUARD).any() for guard in self._of_thread.guards):
            raise RuntimeError("the generated C wrote outside its arena")
        if self._sanitize:
            count = ctypes.c_uint32.in_dll(self._library, "td_ubsan_count")
            kinds = ctypes.c_uint32.in_dll(self._library, "td_ubsan_kinds")
            if count.value:
                found = f"{count.value} times, kinds {kinds.value:#x} (bits: firmware/ubsan.c)"
                count.value = kinds.value = 0
                raise RuntimeError(f"undefined behaviour in the generated C: {found}")


class HostProgram(HostNetwork):
    """A detector in a shared library.

    Args:
        library: The shared library.
        detector: What it was built of.
        sanitize: It was built to count undefined behaviour.
    """

    def __init__(
        self, library: Path, detector: CompiledDetector, *, sanitize: bool = False
    ) -> None:
        super().__init__(library, detector, sanitize=sanitize)
        self.detector = detector

    def run(self, image_u8: ImageArray) -> RawOutputs:
        """See ``Program.run``."""
        return RawOutputs(**self.outputs(image_u8))

    def detect(self, image_u8: ImageArray, capacity: int | None = None) -> Detections:
        """See ``Program.detect``.

        Args:
            image_u8: ``[H, W, 3]`` uint8 RGB of the network's input size.
            capacity: Room in the caller's array; None gives as much as the model can need.
        """
        return to_detections(self._detect(image_u8, capacity))

    def scale(self, image_u8: ImageArray) -> ImageArray:
        """What ``NAME_preprocess`` makes of a camera image ``[h, w, 3]`` uint8 RGB of any size.

        Raises:
            UnsupportedError: The image is too large.
        """
        image_u8 = np.ascontiguousarray(image_u8)
        _check_scaled(self._call("preprocess", _camera_image(image_u8), self._arena()), image_u8)
        shape = self.detector.input_shape
        address = self._call("input", self._arena(), result=ctypes.c_void_p)
        pixels = ctypes.string_at(address, int(np.prod(shape)))
        return np.frombuffer(pixels, np.uint8).reshape(shape)

    def detect_image(self, image_u8: ImageArray) -> Detections:
        """What ``NAME_detect_image`` finds in an image of any size; boxes are fractions of it.

        Raises:
            UnsupportedError: The image is too large.
        """
        records = np.zeros(self.detector.max_detections, DETECTION)
        out = ctypes.c_void_p(records.ctypes.data)
        image_u8 = np.ascontiguousarray(image_u8)
        count = self._call(
            "detect_image", _camera_image(image_u8), self._arena(), out, len(records)
        )
        _check_scaled(count, image_u8)
        return to_detections(records[:count])

    def trace(self, image_u8: ImageArray, listener: Listener) -> npt.NDArray[np.void]:
        """Run network and boxes of a build with ``trace``, and tell what each step computes.

        Args:
            image_u8: ``[H, W, 3]`` uint8 RGB of the network's input size.
            listener: Called with the operator's name and the bytes of its output, or of some rows
                of it, in the order in which they are computed.

        Returns:
            The detections, as C gives them (dtype ``DETECTION``).
        """
        hook = _TRACE(
            lambda op, output, count: listener(op.decode(), ctypes.string_at(output, count))
        )
        slot = ctypes.c_void_p.in_dll(self._library, "td_trace_hook")
        slot.value = ctypes.cast(hook, ctypes.c_void_p).value
        try:
            return self._detect(image_u8)
        finally:
            slot.value = None

    def _detect(self, image_u8: ImageArray, capacity: int | None = None) -> npt.NDArray[np.void]:
        image = check_input(image_u8, self.detector)
        capacity = self.detector.max_detections if capacity is None else capacity
        records = np.zeros(max(capacity, 1), DETECTION)
        pixels, out = (ctypes.c_void_p(array.ctypes.data) for array in (image, records))
        return records[: self._call("detect", pixels, self._arena(), out, capacity)]


def _check_scaled(result: int, image_u8: ImageArray) -> None:
    if result < 0:
        height, width, _ = image_u8.shape
        raise UnsupportedError(
            "image", f"{width}x{height}", "sides up to 16383", "Give a smaller image."
        )


def _camera_image(image_u8: ImageArray) -> Any:
    """The ``td_image *`` argument; its pixels must outlive the call."""
    height, width, _ = image_u8.shape
    return ctypes.byref(_CameraImage(image_u8.ctypes.data, height, width, 3 * width, RGB888))
