"""What every target gets (a detector in C) and gives (a program that runs it)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tinydet.boxes import Detections, FloatArray
from tinydet.compiler import CompiledDetector
from tinydet.config.detector_spec import DetectorSpec
from tinydet.errors import UnsupportedError
from tinydet.inference.decoding import decode_batch

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
class RawOutputs:
    """What the network in C left in the arena.

    Attributes:
        scores: ``[NA, 1 + num_classes]`` int8, background first.
        deltas: ``[NA, 4]`` int8.
    """

    scores: Int8Array
    deltas: Int8Array


class Program(Protocol):
    """A detector in C that can be run here. Safe to use from several threads at once."""

    @property
    def detector(self) -> CompiledDetector:
        """What it was built of."""

    def run(self, image_u8: ImageArray) -> RawOutputs:
        """Run the network alone on one preprocessed image ``[H, W, 3]`` uint8 RGB."""

    def detect(self, image_u8: ImageArray) -> Detections:
        """Run network and box selection, both in C; boxes are fractions of the network's input."""


class Target(Protocol):
    """A machine that detectors in C are built for and run on."""

    @property
    def name(self) -> str:
        """As on the command line: ``host``, ``cortex-m7``."""

    def build(self, detector: CompiledDetector, folder: Path) -> Program:
        """Compile and link the C files.

        Args:
            detector: The detector.
            folder: Where sources, objects and the linked file go; created.

        Returns:
            The program, ready to run.

        Raises:
            MissingToolError: A package or program it needs is not installed.
            BuildError: The C compiler refuses (disk full, wrong compiler).
        """


class ProgramDetector:
    """A program as a detector that evaluation and prediction can use like any other.

    The network runs in C, its outputs are decoded in NumPy. What the C itself finds is
    ``program.detect``.

    Args:
        program: The detector in C, where it runs.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._detector = program.detector

    @property
    def spec(self) -> DetectorSpec:
        """Class names, preprocessing, anchors."""
        return self._detector.spec

    @property
    def name(self) -> str:
        """File name of the model that was compiled."""
        return Path(self._detector.where).name or self._detector.name

    def outputs(self, images_u8: ImageArray) -> tuple[FloatArray, FloatArray]:
        """See ``tinydet.inference.Detector.outputs``; each image is one run of the C."""
        compiled = self._detector
        runs = [self.program.run(image) for image in images_u8]
        scores = np.array([raw.scores for raw in runs], np.int8)
        deltas = np.array([raw.deltas for raw in runs], np.int8)
        return (
            compiled.scores.decode(scores.reshape(-1, *compiled.scores_shape)),
            decode_batch(
                compiled.deltas.decode(deltas.reshape(-1, *compiled.deltas_shape)),
                compiled.anchors,
            ),
        )


def to_detections(records: npt.NDArray[np.void]) -> Detections:
    """Detections from an array of C ``td_detection`` (dtype ``DETECTION``)."""
    boxes = np.stack([records[corner] for corner in ("x_min", "y_min", "x_max", "y_max")], axis=-1)
    return Detections(
        boxes.astype(np.float32).reshape(-1, 4),
        records["score"].astype(np.float32),
        records["class_id"].astype(np.int64),
    )


def check_image(image_u8: ImageArray, detector: CompiledDetector) -> ImageArray:
    """The image as contiguous bytes.

    Raises:
        ValueError: It is not ``[H, W, 3]`` uint8 of the network's input size.
    """
    wanted = detector.input_shape
    if image_u8.shape != wanted or image_u8.dtype != np.uint8:
        raise ValueError(f"image must be {wanted} uint8, got {image_u8.shape} {image_u8.dtype}")
    return np.ascontiguousarray(image_u8)


def require_image_in_arena(detector: CompiledDetector, use: str) -> None:
    """Check that the generated C scales camera images into its arena.

    Args:
        detector: The detector.
        use: What needs it, for the message.

    Raises:
        UnsupportedError: Its image comes from outside of the arena.
    """
    if detector.input_mode != "image":
        raise UnsupportedError(
            use,
            f"an image that is not in the arena (input mode {detector.input_mode})",
            "image",
            "Compile it with the default input mode.",
        )
