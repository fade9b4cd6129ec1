"""What every target gets (a detector in C) and gives (a program that runs it)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tinydet.boxes import Detections, FloatArray
from tinydet.compiler import CompiledDetector, CompiledNetwork
from tinydet.config.detector_spec import DetectorSpec, PostprocessSpec
from tinydet.errors import UnsupportedError

CodeArray = npt.NDArray[Any]  # int8 or uint8
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


class NetworkProgram(Protocol):
    """A network in C that can be run here. Safe to use from several threads at once."""

    @property
    def network(self) -> CompiledNetwork:
        """What it was built of."""

    def outputs(self, codes: CodeArray) -> dict[str, CodeArray]:
        """Run the network.

        Args:
            codes: Its input, of ``network.input_shape`` and the type of the input.

        Returns:
            Output by output, named as in C, without the batch.
        """

    def self_test(self) -> int:
        """Result of ``NAME_self_test``: 0 where all outputs are as they must be."""


class Program(NetworkProgram, Protocol):
    """A detector in C that can be run here."""

    @property
    def detector(self) -> CompiledDetector:
        """What it was built of."""

    def run(self, image_u8: ImageArray) -> RawOutputs:
        """Run the network alone on one preprocessed image ``[H, W, 3]`` uint8 RGB."""

    def detect(self, image_u8: ImageArray) -> Detections:
        """Run network and box selection, both in C; boxes are fractions of the network's input."""


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
        runs = [self.program.run(image) for image in images_u8]
        shapes = {name: tensor.shape[1:] for name, tensor in self._detector.outputs.items()}
        return self._detector.decode(
            np.array([raw.scores for raw in runs], np.int8).reshape(-1, *shapes["scores"]),
            np.array([raw.deltas for raw in runs], np.int8).reshape(-1, *shapes["deltas"]),
        )


class PostProcessedProgram(ProgramDetector):
    """The same where the model ends in a post-processing operator, which selects the boxes."""

    def select(
        self, class_scores: FloatArray, boxes: FloatArray, postprocess: PostprocessSpec
    ) -> Detections:
        """See ``PostProcessing.select``."""
        assert self._detector.post_processing is not None
        return self._detector.post_processing.select(class_scores, boxes, postprocess)


def program_detector(program: Program) -> ProgramDetector:
    """A program as a detector that selects its boxes as its model says."""
    own = program.detector.post_processing is not None
    return PostProcessedProgram(program) if own else ProgramDetector(program)


def to_detections(records: npt.NDArray[np.void]) -> Detections:
    """Detections from an array of C ``td_detection`` (dtype ``DETECTION``)."""
    boxes = np.stack([records[corner] for corner in ("x_min", "y_min", "x_max", "y_max")], axis=-1)
    return Detections(
        boxes.astype(np.float32).reshape(-1, 4),
        records["score"].astype(np.float32),
        records["class_id"].astype(np.int64),
    )


def check_input(codes: CodeArray, network: CompiledNetwork) -> CodeArray:
    """The input of a network as contiguous bytes; an image ``[H, W, 3]`` uint8 of a detector.

    Raises:
        ValueError: Shape or type are not those of the network's input.
    """
    wanted, dtype = network.input_shape, network.input.dtype
    if codes.shape != wanted or codes.dtype != dtype:
        raise ValueError(f"input must be {wanted} {dtype}, got {codes.shape} {codes.dtype}")
    return np.ascontiguousarray(codes)


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
