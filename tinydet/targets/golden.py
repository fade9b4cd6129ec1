"""Golden vectors: what every operator computes on this machine, to be compared on a board.

The generated C is built for this machine with its trace hook and run once. The output of an
operator is remembered by its CRC-32; an operator that computes its output in pieces reports them
in order, and they count as one.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinydet.boxes import Detections
from tinydet.compiler import CompiledDetector
from tinydet.targets.base import ImageArray, to_detections
from tinydet.targets.host import HostTarget

PREPROCESSING, BOXES = "preprocessing", "boxes"  # compared like operators


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


def record_golden_vectors(
    detector: CompiledDetector, image_u8: ImageArray, folder: Path
) -> GoldenVectors:
    """Run the generated C on this machine and note what every operator computes.

    Args:
        detector: The detector.
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
    program = HostTarget(trace=True).build(detector, folder)
    seen: dict[str, tuple[int, int]] = {}

    def note(operator: str, output: bytes) -> None:
        crc32, num_bytes = seen.get(operator, (0, 0))
        seen[operator] = zlib.crc32(output, crc32), num_bytes + len(output)

    of_camera = detector.input_mode == "image"
    pixels = program.scale(image_u8) if of_camera else image_u8
    if of_camera:
        note(PREPROCESSING, pixels.tobytes())
    records = program.trace(pixels, note)
    note(BOXES, records.tobytes())
    outputs = tuple(GoldenOutput(operator, *what) for operator, what in seen.items())
    found = program.detect_image(image_u8) if of_camera else to_detections(records)
    return GoldenVectors(image_u8, outputs, found)
