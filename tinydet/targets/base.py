"""What every target gets (generated C) and gives (a program that runs it)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from tinydet.boxes import Detections, FloatArray
from tinydet.config.detector_spec import DetectorSpec
from tinydet.errors import UnsupportedError

if TYPE_CHECKING:
    from tinydet.compiler.memory import InputMode

Int8Array = npt.NDArray[np.int8]
ImageArray = npt.NDArray[np.uint8]

# td_detection of the generated header: four corners (fractions of the input), score, class.
DETECTION = np.dtype(
    [
        ("x_min", "<f4"),
        ("y_min", "<f4"),
        ("x_max", "<f4"),
        ("y_max", "<f4"),
        ("score", "<f4"),
        ("class_id", "<i4"),
    ]
)


@dataclass(frozen=True)
class Int8Code:
    """``real = scale * (code - zero_point)`` of one int8 output, in float32.

    Attributes:
        scale: > 0.
        zero_point: -128..127.
    """

    scale: float
    zero_point: int

    def decode(self, codes: Int8Array) -> FloatArray:
        """The real numbers of int8 codes, any shape.

        >>> Int8Code(0.5, -3).decode(np.array([-3, 1], np.int8))
        array([0., 2.], dtype=float32)
        """
        real: FloatArray = (codes.astype(np.float32) - self.zero_point) * np.float32(self.scale)
        return real


@dataclass(frozen=True)
class CompiledModel:
    """The C files of one detector, and what is needed to read its outputs.

    Attributes:
        name: Prefix of its C functions, as ``person``; its files are ``person.c``, ``person.h``.
        macro_prefix: Prefix of the macros in its header, as ``PERSON``.
        sources: File name -> text: all ``.c`` and ``.h`` files.
        spec: Class names, input size, anchors.
        scores: Code of the class scores.
        deltas: Code of the box deltas.
        anchors: ``[NA, 4]`` float32 that the C decodes with; None: those of the spec's recipe.
        where: The model file it was compiled from, for messages.
        input_mode: ``image``: it lies in the arena, ``caller``: outside of it, ``rows``: it comes
            row by row. In the last two ``NAME_run`` and ``NAME_detect`` take it from outside.
        macs: Operator -> multiply-accumulate operations, where known.
    """

    name: str
    macro_prefix: str
    sources: Mapping[str, str]
    spec: DetectorSpec
    scores: Int8Code
    deltas: Int8Code
    anchors: FloatArray | None = None
    where: str = ""
    input_mode: "InputMode" = "image"
    macs: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelShape:
    """The numbers of the generated header, in the order of ``td_shape`` in ``shape.c``.

    Attributes:
        input_height: Pixels.
        input_width: Pixels.
        arena_bytes: Bytes of the arena: the image or what is kept of it, all activations, the work
            of box selection.
        num_classes: Without the background.
        num_anchors: Rows of scores and deltas.
        max_detections: Most detections of one image.
        detection_bytes: Size of one ``td_detection``.
    """

    input_height: int
    input_width: int
    arena_bytes: int
    num_classes: int
    num_anchors: int
    max_detections: int
    detection_bytes: int

    def __post_init__(self) -> None:
        if self.detection_bytes != DETECTION.itemsize:
            raise ValueError(f"td_detection has {self.detection_bytes} bytes")

    @property
    def input_row_bytes(self) -> int:
        """Bytes of one row of the input image."""
        return self.input_width * 3

    @property
    def input_bytes(self) -> int:
        """Bytes of the input image."""
        return self.input_height * self.input_row_bytes

    @property
    def scores_shape(self) -> tuple[int, int]:
        """``(NA, 1 + num_classes)``."""
        return self.num_anchors, 1 + self.num_classes

    @property
    def deltas_shape(self) -> tuple[int, int]:
        """``(NA, 4)``."""
        return self.num_anchors, 4


@dataclass(frozen=True)
class RawOutputs:
    """What the network in C left in the arena.

    Attributes:
        scores: ``[NA, 1 + num_classes]`` int8, background first.
        deltas: ``[NA, 4]`` int8.
    """

    scores: Int8Array
    deltas: Int8Array


class Program(Protocol):
    """A compiled model that can be run here. Safe to use from several threads at once."""

    @property
    def shape(self) -> ModelShape:
        """The numbers of its header."""

    def run(self, image_u8: ImageArray) -> RawOutputs:
        """Run the network alone on one preprocessed image ``[H, W, 3]`` uint8 RGB."""

    def detect(self, image_u8: ImageArray) -> Detections:
        """Run the network and the box selection, both in C, with the compiled-in thresholds."""


class Target(Protocol):
    """A machine that compiled models are built for and run on."""

    @property
    def name(self) -> str:
        """As on the command line: ``host``, ``cortex-m7``."""

    def build(self, model: CompiledModel, folder: Path) -> Program:
        """Compile and link the C files.

        Args:
            model: The generated C.
            folder: Where sources, objects and the linked file go; created.

        Returns:
            The program, ready to run.

        Raises:
            MissingToolError: A package or program it needs is not installed.
            BuildError: The C compiler refuses (disk full, wrong compiler).
        """


def to_detections(records: npt.NDArray[np.void]) -> Detections:
    """Detections from an array of C ``td_detection`` (dtype ``DETECTION``)."""
    boxes = np.stack([records[corner] for corner in ("x_min", "y_min", "x_max", "y_max")], axis=-1)
    return Detections(
        boxes.astype(np.float32).reshape(-1, 4),
        records["score"].astype(np.float32),
        records["class_id"].astype(np.int64),
    )


def check_image(image_u8: ImageArray, shape: ModelShape) -> ImageArray:
    """The image as contiguous bytes.

    Raises:
        ValueError: It is not ``[H, W, 3]`` uint8 of the network's input size.
    """
    wanted = (shape.input_height, shape.input_width, 3)
    if image_u8.shape != wanted or image_u8.dtype != np.uint8:
        raise ValueError(f"image must be {wanted} uint8, got {image_u8.shape} {image_u8.dtype}")
    return np.ascontiguousarray(image_u8)


def require_image_in_arena(model: CompiledModel, use: str) -> None:
    """Check that the generated C scales camera images into its arena.

    Args:
        model: The generated C.
        use: What needs it, for the message.

    Raises:
        UnsupportedError: Its image comes from outside of the arena.
    """
    if model.input_mode != "image":
        raise UnsupportedError(
            use,
            f"an image that is not in the arena (input mode {model.input_mode})",
            "image",
            "Compile it with the default input mode.",
        )
