"""What every label format is read into: columns of boxes, not yet clipped or selected."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tinydet.data.findings import Findings
from tinydet.errors import DataError, readable

MAX_SHOWN = 10


@dataclass
class Annotations:
    """Images and their boxes as the label files give them, in columns (one entry per box).

    Attributes:
        format: Name of the label format, as ``"YOLO"``.
        class_names: Classes of the data set; ``class_ids`` index it.
        paths: Image files, in order.
        image_index: Which of ``paths`` a box belongs to, in the order read.
        class_ids: Index into ``class_names``.
        boxes: ``x_min, y_min, x_max, y_max`` of one box after the other, fractions of the upright
            image, may reach out of it.
        ignored: 1 for crowd and difficult boxes.
        findings: What was met while reading.
        open_classes: The label files do not list the classes, ``class_names`` are those seen.
        splits: All parts that the data set has, also those not read.
        parts: Part (``""`` where there are none) to its images; parts may share some.
        are_numbered: No file names the classes, ``class_names`` are made of their numbers.
    """

    format: str
    class_names: list[str] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    image_index: "array[int]" = field(default_factory=lambda: array("q"))
    class_ids: "array[int]" = field(default_factory=lambda: array("q"))
    boxes: "array[float]" = field(default_factory=lambda: array("d"))
    ignored: "array[int]" = field(default_factory=lambda: array("b"))
    findings: Findings = field(default_factory=Findings)
    open_classes: bool = False
    are_numbered: bool = False
    splits: tuple[str, ...] = ()
    parts: dict[str, list[Path]] = field(default_factory=dict)
    _index_of: dict[Path, int] = field(default_factory=dict)
    _first_part: list[str] = field(default_factory=list)
    _part: str = ""
    _current: int | None = None

    def start_part(self, part: str) -> None:
        """Images from here on are of this part of the data set (``""``: it has none)."""
        self._part = part

    def add_image(self, path: Path) -> bool:
        """Start an image; boxes added from here on are its own.

        One that the same part has already goes on (counted). One of an earlier part stays as it
        was read there: that two parts share it is told by ``parts``.

        Returns:
            Whether boxes are taken.
        """
        of_part = self.parts.setdefault(self._part, [])
        known = self._index_of.get(path)
        if known is None:
            known = self._index_of[path] = len(self.paths)
            self._first_part.append(self._part)
            self.paths.append(path)
            of_part.append(path)
        elif self._first_part[known] == self._part:
            self.findings.add("repeated_images", path)
        else:
            of_part.append(path)
            known = None
        self._current = known
        return known is not None

    def add_box(self, class_id: int, box: Sequence[float], ignored: bool = False) -> None:
        """Add a box to the latest image.

        Args:
            class_id: Index into ``class_names``.
            box: ``(x_min, y_min, x_max, y_max)``, fractions of the upright image.
            ignored: Crowd or difficult.
        """
        if self._current is None:
            return
        self.image_index.append(self._current)
        self.class_ids.append(class_id)
        self.boxes.extend(box)
        self.ignored.append(ignored)


@dataclass
class LabelFaults:
    """Faults in label files, collected so that the user sees them all at once.

    Attributes:
        where: The data set.
        count: How many there are.
        shown: The first few, one sentence each.
    """

    where: Path
    count: int = 0
    shown: list[str] = field(default_factory=list)

    def add(self, place: object, what: str) -> None:
        """Note a fault.

        Args:
            place: ``file:line``, or file and object.
            what: What is wrong there.
        """
        self.count += 1
        if len(self.shown) < MAX_SHOWN:
            self.shown.append(f"  {readable(place, 120)}: {readable(what, 180)}")

    def raise_if_any(self) -> None:
        """End the reading if there was a fault.

        Raises:
            DataError: Names the count and the first ten.
        """
        if not self.count:
            return
        more = f", the first {MAX_SHOWN} of them" if self.count > MAX_SHOWN else ""
        if self.count == 1:  # one line, as every other error
            found = f"1 error in the labels: {self.shown[0].strip()}"
            raise DataError(self.where, found, "Correct the label file.")
        found = f"{self.count} errors in the labels{more}:\n"
        found += "\n".join(self.shown)
        raise DataError(self.where, found, "Correct the label files.")


class Source(Protocol):
    """A recognised data set that is not yet read."""

    @property
    def format(self) -> str:
        """Name of the label format."""

    @property
    def splits(self) -> tuple[str, ...]:
        """Parts it has, of ``train``, ``val`` and ``test``; empty where it has none."""

    def read(self, split: str | None, class_names: Sequence[str] | None) -> Annotations:
        """Read the labels.

        Args:
            split: One of ``splits``, or None for everything.
            class_names: The user's choice, for formats whose labels are numbers without names.
        """
