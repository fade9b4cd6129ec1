"""Are the detections of a board those of this machine?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

import numpy as np

from tinydet.boxes import Detections
from tinydet.data.images import read_image
from tinydet.errors import DataError
from tinydet.targets.base import ImageArray


class FindsBoxes(Protocol):
    """What a board is compared with."""

    def detect_image(self, pixels: ImageArray) -> Detections:
        """The objects in an image of any size."""


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
            (self.different, "DIFFERENT BOXES from the same pixels"),
            (self.other_pixels, "not compared, the board decodes them to different pixels"),
            (self.not_compared, "not compared, unreadable"),
        ):
            if names:
                parts.append(f"{len(names)} {what} ({names[0]}{', ...' * (len(names) > 1)})")
        return "; ".join(parts)


def compare_with_pc(
    program: FindsBoxes,
    images: Sequence[Path],
    records: Sequence[Mapping[str, Any]],
) -> Comparison:
    """Run the same images here.

    Args:
        program: What was deployed, as it is on this machine.
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
        elif same_detections(program.detect_image(pixels), record):
            comparison.num_same += 1
        else:
            comparison.different.append(name)
    return comparison


def same_detections(found: Detections, record: Mapping[str, Any]) -> bool:
    """Whether a record of a board says what this machine found in the same pixels, bit for bit."""
    there = record["detections"]
    return (
        [d["class_id"] for d in there] == found.class_ids.tolist()
        and np.array_equal(np.array([d["score"] for d in there], np.float32), found.scores)
        and np.array_equal(
            np.array([d["box"] for d in there], np.float32).reshape(-1, 4), found.boxes
        )
    )
