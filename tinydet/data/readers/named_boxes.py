"""Collects boxes of classes that labels call by name, in pixels of the labelled picture."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from tinydet.data.findings import Findings
from tinydet.data.readers.annotations import Annotations, LabelFaults
from tinydet.data.readers.frames import Frame
from tinydet.errors import DataError

Box = tuple[float, float, float, float]
Point = tuple[float, float]
ROUNDING_PX = 1e-4


class NamedBoxes:
    """Fills ``Annotations`` image by image; what cannot be read becomes a fault.

    Args:
        format: Name of the label format.
        root: The data set, for the error.
    """

    def __init__(self, format: str, root: Path) -> None:  # noqa: A002 - as in Annotations
        self._annotations = Annotations(format, open_classes=True)
        self._index_of: dict[str, int] = {}
        self._frame: Frame | None = None
        self._root = root
        self._first_place: object = None  # of a box in pixels
        self._farthest_px, self._is_whole = 0.0, True
        self.faults = LabelFaults(root)

    @property
    def findings(self) -> Findings:
        """What was met while reading."""
        return self._annotations.findings

    def start_part(self, part: str) -> None:
        """Images from here on are of this part of the data set."""
        self._annotations.start_part(part)

    def declare(self, class_names: Iterable[str]) -> None:
        """Add classes in this order; from here on the classes are those that are listed."""
        self._annotations.open_classes = False
        for name in class_names:
            self._class_id(name)

    def image(self, path: Path, label_size: tuple[float | None, float | None] | None) -> None:
        """Start an image.

        Args:
            path: Image file.
            label_size: ``(height, width)`` in the label file, pixels, a side None where it is
                missing; None for boxes that are fractions of the image.
        """
        self._annotations.add_image(path)
        self._frame = None
        if label_size is None:
            return
        height, width = (int(side) if side and side > 0 else 0 for side in label_size)
        self._frame = Frame(path, (height, width), self.findings)

    def unlabelled(self, path: Path) -> None:
        """Add an image that has no labels, as one without objects (counted)."""
        self._annotations.add_image(path)
        self.findings.add("unlabelled_images", path)

    def box(
        self, place: object, class_name: object, box: Sequence[float | None], ignored: bool = False
    ) -> None:
        """Add a box to the latest image.

        Args:
            place: File and object, for the fault.
            class_name: As the label file writes it.
            box: ``(x_min, y_min, x_max, y_max)`` pixels, or fractions where the image was started
                so; None for what is no finite number.
            ignored: Crowd or difficult.
        """
        corners = [value for value in box if value is not None]
        name = str(class_name).strip() if isinstance(class_name, str | int) else ""
        if not name:
            self.faults.add(place, "has no class name")
        elif len(corners) != 4:
            self.faults.add(place, "its box is not four finite numbers")
        elif corners[2] < corners[0] or corners[3] < corners[1]:
            self.faults.add(place, f"its box {corners} has its maximum below its minimum")
        else:
            fractions: Sequence[float] = corners
            if self._frame:
                fractions = self._frame.fractions(corners)
                self._first_place = self._first_place or place
                self._farthest_px = max(self._farthest_px, *map(abs, corners))
                # Percentages of the image come to whole pixels only within their rounding.
                self._is_whole &= all(abs(c - round(c)) < ROUNDING_PX for c in corners)
            self._annotations.add_box(self._class_id(name), fractions, ignored)

    def _class_id(self, name: str) -> int:
        # JSON can spell half a character, which no file name and no terminal takes.
        whole = name.encode("utf-8", "backslashreplace").decode()
        return self._index_of.setdefault(whole, len(self._index_of))

    def shape(self, place: object, class_name: object, points: Sequence[Point] | None) -> None:
        """Add the box around a polygon (counted)."""
        self.findings.add("polygons", place)
        self.box(place, class_name, around(points) if points else ())

    def done(self) -> Annotations:
        """What was read; classes that are not listed anywhere are sorted by their name.

        Raises:
            DataError: There were faults, or no box in pixels leaves the first pixel.
        """
        self.faults.raise_if_any()
        if self._first_place is not None and self._farthest_px <= 1 and not self._is_whole:
            found = (
                f"all boxes lie within the first pixel, as that of {self._first_place}: they seem "
                f"to be fractions of the image, where {self._annotations.format} has pixels"
            )
            raise DataError(self._root, found, "Export the labels in pixels.")
        result = self._annotations
        result.class_names = list(self._index_of)
        if result.open_classes:  # the ids must not depend on the order of the files
            names = sorted(result.class_names)
            place = {name: index for index, name in enumerate(names)}
            for position, class_id in enumerate(result.class_ids):
                result.class_ids[position] = place[result.class_names[class_id]]
            result.class_names = names
        return result


def around(points: Sequence[Point]) -> Box:
    """The upright box around points ``(x, y)``, at least one."""
    x, y = zip(*points, strict=True)
    return min(x), min(y), max(x), max(y)


def ellipse(center: Point, radii: Point, degrees: float) -> Box:
    """The upright box around an ellipse.

    Args:
        center: ``(x, y)``.
        radii: Along its own axes, before it is turned.
        degrees: By which it is turned, clockwise as seen on the screen.

    >>> ellipse((5, 5), (4, 2), 90)
    (3.0, 1.0, 7.0, 9.0)
    """
    cosine, sine = (round(f(math.radians(degrees)), 12) for f in (math.cos, math.sin))
    a = math.hypot(radii[0] * cosine, radii[1] * sine)
    b = math.hypot(radii[0] * sine, radii[1] * cosine)
    return center[0] - a, center[1] - b, center[0] + a, center[1] + b


def turned(box: Box, degrees: float, pivot: Point) -> Box:
    """The upright box around a box that is turned clockwise.

    Args:
        box: Before it is turned.
        degrees: Angle, clockwise as seen on the screen.
        pivot: Point ``(x, y)`` that stays where it is.

    >>> turned((0, 0, 4, 2), 90, (0, 0))
    (-2.0, 0.0, 0.0, 4.0)
    """
    cosine, sine = (round(f(math.radians(degrees)), 12) for f in (math.cos, math.sin))
    corners = [(x - pivot[0], y - pivot[1]) for x in box[::2] for y in box[1::2]]
    return around(
        [(pivot[0] + x * cosine - y * sine, pivot[1] + x * sine + y * cosine) for x, y in corners]
    )
