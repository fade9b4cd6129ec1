"""One line of a YOLO label: a box, a polygon, or a box with keypoints; which, is never guessed.

``class x_center y_center width height`` is a box. With an odd number of seven or more values a
line is a polygon, ``class x1 y1 x2 y2 ...``, or a box followed by keypoints, ``x y`` or ``x y
visibility`` each. ``kpt_shape`` of the data.yaml says that there are keypoints. Where it is
missing and all lines of a data set could be either, reading ends.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

FAR_OUT = 4.0  # no box reaches four image widths beyond the frame: such a value is in pixels
BESIDE = 0.02  # a keypoint lies in its box, but for rounding and sloppy boxes
MOST_BEYOND = 1.5  # no polygon reaches so far: it may be a visibility of 2
VISIBILITIES = (0.0, 1.0, 2.0)

Box = tuple[float, float, float, float]


class Row(NamedTuple):
    """A label line.

    Attributes:
        line: Its number in the file, from 1.
        class_id: The class.
        box: ``(x_min, y_min, x_max, y_max)``, fractions of the image.
    """

    line: int
    class_id: int
    box: Box


def parse_row(values: Sequence[float], num_keypoint_values: int = 0) -> tuple[int, Box, bool]:
    """Class and box of one label line.

    Args:
        values: ``class x_center y_center width height``, with keypoints after it where the data
            set has them, else also ``class x1 y1 x2 y2 x3 y3 ...``; fractions of the image.
        num_keypoint_values: After a box: keypoints times values of each; 0 where there are none.

    Returns:
        ``(class id, (x_min, y_min, x_max, y_max), is a polygon)``.

    Raises:
        ValueError: Says what is wrong with the line.

    >>> parse_row([2, 0.5, 0.25, 0.5, 0.25])
    (2, (0.25, 0.125, 0.75, 0.375), False)
    """
    count = len(values)
    has_keypoints = num_keypoint_values > 0 and count == 5 + num_keypoint_values
    is_polygon = count >= 7 and count % 2 == 1 and not num_keypoint_values
    if count != 5 and not is_polygon and not has_keypoints:
        known = f" or {5 + num_keypoint_values} with keypoints" if num_keypoint_values else ""
        layout = "class x_center y_center width height"
        raise ValueError(f"{count} columns instead of 5 ({layout}){known}")
    if not all(map(math.isfinite, values)):
        raise ValueError("a value is not finite")
    if values[0] != int(values[0]) or values[0] < 0:
        raise ValueError(f"class id {values[0]:g} is not a non-negative integer")
    if is_polygon and max(values[1:]) > MOST_BEYOND:
        what = f"{count} columns with values far beyond 1: pixels, or keypoints with visibility?"
        raise ValueError(f"{what} (according to kpt_shape in data.yaml there are keypoints)")
    if max(values[1:5]) > FAR_OUT or min(values[1:5]) < -FAR_OUT:
        raise ValueError("a value is not a fraction of the image, 0 to 1 (are these pixels?)")
    if is_polygon:
        x, y = values[1::2], values[2::2]
        return int(values[0]), (min(x), min(y), max(x), max(y)), True
    if min(values[3:5]) < 0:
        raise ValueError("width or height is negative")
    return int(values[0]), _from_center(values[1:5]), False


def _from_center(values: Sequence[float]) -> Box:
    x, y, width, height = values
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


@dataclass
class LongRows:
    """Watches lines that are read as polygons: could all of them be boxes with keypoints?

    A data set has the same number of keypoints in each line, its boxes lie in the image, and its
    keypoints in their boxes. One line that breaks this proves polygons.

    Attributes:
        are_proven: Whether a line cannot be a box with keypoints, or the user says what it is.
        first: The first such line.
    """

    are_proven: bool = False
    first: str = ""
    _counts: set[int] = field(default_factory=set)

    def add(self, place: str, values: Sequence[float]) -> None:
        """Look at a line.

        Args:
            place: ``file:line``.
            values: As in ``parse_row``.
        """
        if self.are_proven:
            return
        self.first = self.first or place
        self._counts.add(len(values))
        self.are_proven = len(self._counts) > 1 or not _could_be_keypoints(values)

    @property
    def ambiguous(self) -> str:
        """The first line, where nothing tells polygons from keypoints; else empty."""
        return "" if self.are_proven else self.first


def _could_be_keypoints(values: Sequence[float]) -> bool:
    x0, y0, x1, y1 = _from_center(values[1:5])
    if min(x0, y0) < -BESIDE or max(x1, y1) > 1 + BESIDE:
        return False
    rest = values[5:]
    with_visibility = len(rest) % 3 == 0 and all(value in VISIBILITIES for value in rest[2::3])
    shapes = [3] if with_visibility else []
    shapes += [2] if len(rest) % 2 == 0 else []
    return any(
        all(
            (x, y) == (0, 0)
            or (x0 - BESIDE <= x <= x1 + BESIDE and y0 - BESIDE <= y <= y1 + BESIDE)
            for x, y in zip(rest[::step], rest[1::step], strict=True)
        )
        for step in shapes
    )
