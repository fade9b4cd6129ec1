"""Are the detections of a board those of this machine?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from tinydet.boxes import Detections, box_area
from tinydet.data.images import read_image
from tinydet.data.preprocess import boxes_to_image, preprocess
from tinydet.errors import DataError
from tinydet.targets.base import CompiledModel, ImageArray, Program

# With crop and padding the device maps boxes back in float32, this machine in float64 (see
# docs/numerics.md). Scores and classes are equal to the bit, with fit the boxes too.
TOLERANCE = 1e-5


@dataclass
class Comparison:
    """What two machines found on the same images.

    Attributes:
        num_same: Images with the same pixels and the same detections.
        other_pixels: Images that the board decoded itself, to other pixels: decoders of JPEG round
            as they like.
        not_compared: Images that one of the two could not read.
        different: Images with the same pixels and other detections; any is a fault.
    """

    num_same: int = 0
    other_pixels: list[str] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """One line for the user."""
        parts = [f"{self.num_same} images: same boxes as on this machine"]
        for names, what in (
            (self.different, "OTHER BOXES from the same pixels"),
            (self.other_pixels, "not compared, the board decodes them to other pixels"),
            (self.not_compared, "not compared, unreadable"),
        ):
            if names:
                parts.append(f"{len(names)} {what} ({names[0]}{', ...' * (len(names) > 1)})")
        return "; ".join(parts)


def compare_with_pc(
    model: CompiledModel,
    program: Program,
    images: Sequence[Path],
    records: Sequence[Mapping[str, Any]],
) -> Comparison:
    """Run the same images here.

    Args:
        model: What was deployed.
        program: The same C, built for this machine.
        images: What was sent, in order.
        records: What the board said, in the same order.

    Returns:
        The comparison.

    Raises:
        ValueError: There is not one record for each image.
    """
    comparison = Comparison()
    for path, record in zip(images, records, strict=True):
        name = str(path)
        try:
            pixels = read_image(path)
        except DataError:
            comparison.not_compared.append(name)
            continue
        if "error" in record:
            comparison.not_compared.append(name)
        elif crc32(pixels.tobytes()) != record.get("pixels_crc32"):
            comparison.other_pixels.append(name)
        elif same_detections(model, detect_here(model, program, pixels), record):
            comparison.num_same += 1
        else:
            comparison.different.append(name)
    return comparison


def detect_here(model: CompiledModel, program: Program, image: ImageArray) -> Detections:
    """What ``NAME_detect_image`` finds, with scaling and mapping back in NumPy.

    Args:
        model: The detector.
        program: It on this machine.
        image: ``[h, w, 3]`` uint8 RGB, any size.

    Returns:
        Detections, boxes as fractions of the image.
    """
    spec = model.spec.preprocess
    found = program.detect(preprocess(image, spec))
    if spec.aspect_ratio == "fit":
        return found
    boxes = np.clip(boxes_to_image(found.boxes, (image.shape[0], image.shape[1]), spec), 0, 1)
    seen = box_area(boxes) > 0  # others lay in the filling around a letterboxed image
    return Detections(boxes[seen], found.scores[seen], found.class_ids[seen])


def same_detections(model: CompiledModel, found: Detections, record: Mapping[str, Any]) -> bool:
    """Whether a record of a board says what this machine found in the same pixels."""
    there = record["detections"]
    scores = np.array([d["score"] for d in there], np.float32)
    class_ids = np.array([d["class_id"] for d in there], np.int64)
    boxes = np.array([d["box"] for d in there], np.float32).reshape(-1, 4)
    if not (np.array_equal(scores, found.scores) and np.array_equal(class_ids, found.class_ids)):
        return False
    if model.spec.preprocess.aspect_ratio == "fit":
        return np.array_equal(boxes, found.boxes)
    return bool(np.all(np.abs(boxes - found.boxes) <= TOLERANCE))
