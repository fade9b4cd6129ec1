"""Golden vectors: what every operator computes on this machine, to be compared on a board.

The generated C is built for this machine with its trace hook and run once. The output of an
operator is remembered by its CRC-32; an operator that computes its output in pieces reports them
in order, and they count as one.
"""

import ctypes
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinydet.boxes import Detections
from tinydet.config.files import make_folder
from tinydet.errors import UnsupportedError
from tinydet.targets.base import (
    DETECTION,
    CompiledModel,
    ImageArray,
    ModelShape,
    check_image,
    to_detections,
)
from tinydet.targets.host import LIBRARY_SUFFIX
from tinydet.targets.toolchain import (
    FIRMWARE,
    Toolchain,
    model_macros,
    shared_library_flags,
    write_sources,
    zig_cc,
)

PREPROCESSING, BOXES = "preprocessing", "boxes"  # compared like operators
RGB888 = 0  # td_pixel_format
ARENA_ALIGNMENT = 64
_TRACE = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int32)


@dataclass(frozen=True)
class GoldenOutput:
    """What one operator computes on the image.

    Attributes:
        operator: Its name in the model file; ``preprocessing`` and ``boxes`` for the first and the
            last step, which are no operators. Without an image in the arena nothing is scaled.
        crc32: Of all bytes of its output, as ``zlib.crc32`` computes it.
        num_bytes: Their number.
    """

    operator: str
    crc32: int
    num_bytes: int


@dataclass(frozen=True, eq=False)
class GoldenVectors:
    """What a device has to compute on one image.

    Attributes:
        image_u8: ``[h, w, 3]`` uint8 RGB.
        outputs: In order of the operators' first outputs.
        detections: What is found; boxes are fractions of the image.
    """

    image_u8: ImageArray
    outputs: tuple[GoldenOutput, ...]
    detections: Detections


class _Image(ctypes.Structure):
    """``td_image`` of ``td_preprocess.h``."""

    _fields_ = (
        ("pixels", ctypes.c_void_p),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("row_step_bytes", ctypes.c_int32),
        ("format", ctypes.c_int),
    )


def record_golden_vectors(
    model: CompiledModel, image_u8: ImageArray, folder: Path
) -> GoldenVectors:
    """Run the generated C on this machine and note what every operator computes.

    Args:
        model: The generated C.
        image_u8: ``[h, w, 3]`` uint8 RGB, of any size; where it does not go into the arena, of the
            network's input size.
        folder: Where the C is built for this machine.

    Returns:
        The golden vectors.

    Raises:
        MissingToolError: ziglang is not installed.
        BuildError: The compiler refuses.
        UnsupportedError: The image cannot be brought to the network's input size.
    """
    image_u8 = np.ascontiguousarray(image_u8)
    if image_u8.ndim != 3 or image_u8.shape[2] != 3 or image_u8.dtype != np.uint8:
        raise ValueError(f"image must be [h, w, 3] uint8, got {image_u8.shape} {image_u8.dtype}")
    program = _TracedProgram(_build(model, folder), model)
    if model.input_mode == "image":
        outputs = program.trace_camera_image(image_u8)
        return GoldenVectors(image_u8, outputs, program.detect_image(image_u8))
    return GoldenVectors(image_u8, *program.trace(check_image(image_u8, program.shape)))


class _TracedProgram:
    """The generated C in a library that reports to ``td_trace_hook``.

    Args:
        library: It.
        model: What it was built of.
    """

    def __init__(self, library: Any, model: CompiledModel) -> None:
        self._library, self._name = library, model.name
        numbers = (ctypes.c_int32 * len(ModelShape.__dataclass_fields__)).in_dll(
            library, "td_shape"
        )
        self.shape = ModelShape(*numbers)
        self._memory = np.zeros(self.shape.arena_bytes + ARENA_ALIGNMENT, np.uint8)
        address = -(-self._memory.ctypes.data // ARENA_ALIGNMENT) * ARENA_ALIGNMENT
        self._arena = ctypes.c_void_p(address)
        self._records = np.zeros(self.shape.max_detections, DETECTION)

    def trace_camera_image(self, image_u8: ImageArray) -> tuple[GoldenOutput, ...]:
        """What preprocessing, each operator and the boxes give."""
        height, width, _ = image_u8.shape
        if self._function("preprocess")(ctypes.byref(_source(image_u8)), self._arena):
            raise UnsupportedError(
                "image", f"{width}x{height}", "sides up to 16383", "Give a smaller image."
            )
        find_input = self._function("input")
        find_input.restype = ctypes.c_void_p
        pixels = ctypes.string_at(find_input(self._arena), self.shape.input_bytes)
        first = GoldenOutput(PREPROCESSING, zlib.crc32(pixels), len(pixels))
        return first, *self.trace(None)[0]

    def trace(self, pixels: ImageArray | None) -> tuple[tuple[GoldenOutput, ...], Detections]:
        """What each operator and the boxes give; None: on pixels that lie in the arena already."""
        seen: dict[str, tuple[int, int]] = {}

        def note(op: bytes, output: int, num_bytes: int) -> None:
            crc, before = seen.get(op.decode(), (0, 0))
            content = ctypes.string_at(output, num_bytes)
            seen[op.decode()] = zlib.crc32(content, crc), before + num_bytes

        hook = _TRACE(note)
        slot = ctypes.c_void_p.in_dll(self._library, "td_trace_hook")
        slot.value = ctypes.cast(hook, ctypes.c_void_p).value
        rgb = None if pixels is None else ctypes.c_void_p(pixels.ctypes.data)
        count = self._function("detect")(rgb, self._arena, *self._out())
        slot.value = None
        note(BOXES.encode(), self._records.ctypes.data, count * DETECTION.itemsize)
        outputs = tuple(GoldenOutput(op, crc, size) for op, (crc, size) in seen.items())
        return outputs, to_detections(self._records[:count])

    def detect_image(self, image_u8: ImageArray) -> Detections:
        """Boxes as fractions of the image."""
        source = ctypes.byref(_source(image_u8))
        count = self._function("detect_image")(source, self._arena, *self._out())
        return to_detections(self._records[:count])

    def _function(self, member: str) -> Any:
        return self._library[f"{self._name}_{member}"]

    def _out(self) -> tuple[ctypes.c_void_p, int]:
        return ctypes.c_void_p(self._records.ctypes.data), self.shape.max_detections


def _source(image_u8: ImageArray) -> _Image:
    height, width, _ = image_u8.shape
    return _Image(image_u8.ctypes.data, height, width, 3 * width, RGB888)


def _build(model: CompiledModel, folder: Path) -> Any:
    """The C as a library of this machine that reports to ``td_trace_hook``."""
    make_folder(folder)
    sources = [
        *write_sources(model, folder),
        FIRMWARE / "shape.c",
        FIRMWARE / "trace_hook.c",
    ]
    toolchain = Toolchain("zig cc", zig_cc(), ("-O2", "-fPIC"), shared_library_flags())
    library = folder / f"lib{model.name}_trace{LIBRARY_SUFFIX}"
    library.unlink(missing_ok=True)  # one that is loaded must not change under its user
    toolchain.build(sources, library, [*model_macros(model, folder), "-DTD_TRACE"])
    return ctypes.CDLL(str(library))
