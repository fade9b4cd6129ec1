"""YOLO labels: one text file per image, one line ``class x_center y_center width height`` per box.

Values are fractions of the image as annotation tools show it (EXIF rotation applied). A line with
an odd number of seven or more values is a polygon, ``class x1 y1 x2 y2 ...``, and is read as the
box around it (Ultralytics' segmentation and oriented-box labels).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tinydet.data.findings import Findings
from tinydet.data.readers.annotations import Annotations, LabelFaults
from tinydet.data.readers.label_folders import LabelFolders, part_images, read_label_lines

FORMAT = "YOLO"
FAR_OUT = 4.0  # no box reaches four image widths beyond the frame: such a value is in pixels

# (line number, class id, (x_min, y_min, x_max, y_max))
Row = tuple[int, int, tuple[float, float, float, float]]
LabelReader = Callable[[Path, LabelFaults, Findings], list[Row]]


@dataclass(frozen=True)
class YoloSource:
    """A recognised data set with one label file per image and numbered classes.

    Attributes:
        root: Root of the data set.
        parts: Part of the data set (``train``, ``val``, ``test``; ``""`` where it has none) to its
            image folders and list files.
        names: Class id to name; None where no file says.
        suffix: Of the label files.
        read_labels: Reads one label file; faults and findings go to the collectors.
        format: Name of the label format.
        findings: What recognition already found.
    """

    root: Path
    parts: dict[str, list[Path]]
    names: dict[int, str] | None
    suffix: str
    read_labels: LabelReader
    format: str = FORMAT
    findings: Findings = field(default_factory=Findings)

    @property
    def splits(self) -> tuple[str, ...]:
        """Parts it has."""
        return tuple(part for part in self.parts if part)

    def read(self, split: str | None, class_names: Sequence[str] | None) -> Annotations:
        """See ``Source.read``."""
        faults = LabelFaults(self.root)
        places = self.parts[split] if split else [p for ps in self.parts.values() for p in ps]
        names = self.names
        if names is None and class_names:
            names = dict(enumerate(class_names))
        index_of = {id_: index for index, id_ in enumerate(names or ())}
        result = Annotations(self.format, list((names or {}).values()), findings=self.findings)
        folders = LabelFolders(self.suffix)
        largest = -1
        base = self.root.parent if self.root.is_file() else self.root
        for image in part_images(places, base, self.findings):
            result.add_image(image)
            label = folders.label_of(image)
            if label is None:
                self.findings.add("unlabelled_images", image)
                continue
            for line, class_id, box in self.read_labels(label, faults, self.findings):
                index = class_id if names is None else index_of.get(class_id, -1)
                if index < 0:
                    faults.add(f"{label}:{line}", _out_of_range(class_id, names))
                else:
                    largest = max(largest, index)
                    result.add_box(index, box)
        faults.raise_if_any()
        for stray in folders.strays():
            self.findings.add("orphan_labels", stray)
        if names is None:
            result.class_names = [f"class_{index}" for index in range(largest + 1)]
        return result


def _out_of_range(class_id: int, names: dict[int, str] | None) -> str:
    known = f" (the {len(names)} classes are {min(names)} to {max(names)})" if names else ""
    return f"class id {class_id} is out of range{known}"


def read_text_labels(path: Path, faults: LabelFaults, findings: Findings) -> list[Row]:
    """Read one YOLO ``.txt`` file.

    Args:
        path: Label file; empty means an image without objects.
        faults: Collects lines that cannot be read.
        findings: Counts polygons.

    Returns:
        The rows that can be read.
    """
    rows: list[Row] = []
    for number, line in enumerate(read_label_lines(path, faults), 1):
        words = line.split()
        if not words:
            continue
        try:
            class_id, box, is_polygon = parse_row([float(word) for word in words])
        except ValueError as error:
            what = str(error)
            if "could not convert" in what:
                what = f"{what.rpartition(': ')[2]} is not a number"
            faults.add(f"{path}:{number}", what)
            continue
        if is_polygon:
            findings.add("polygons", path)
        rows.append((number, class_id, box))
    return rows


def parse_row(values: Sequence[float]) -> tuple[int, tuple[float, float, float, float], bool]:
    """Class and box of one label line.

    Args:
        values: ``class x_center y_center width height`` or ``class x1 y1 x2 y2 x3 y3 ...``,
            fractions of the image.

    Returns:
        ``(class id, (x_min, y_min, x_max, y_max), is a polygon)``.

    Raises:
        ValueError: Says what is wrong with the line.

    >>> parse_row([2, 0.5, 0.25, 0.5, 0.25])
    (2, (0.25, 0.125, 0.75, 0.375), False)
    """
    count = len(values)
    is_polygon = count >= 7 and count % 2 == 1
    if count != 5 and not is_polygon:
        raise ValueError(f"{count} columns instead of 5 (class x_center y_center width height)")
    if not all(map(math.isfinite, values)):
        raise ValueError("a value is not finite")
    if values[0] != int(values[0]) or values[0] < 0:
        raise ValueError(f"class id {values[0]:g} is not a non-negative integer")
    if max(values[1:]) > FAR_OUT or min(values[1:]) < -FAR_OUT:
        raise ValueError("a value is not a fraction of the image, 0 to 1 (are these pixels?)")
    if is_polygon:
        x, y = values[1::2], values[2::2]
        return int(values[0]), (min(x), min(y), max(x), max(y)), True
    x_center, y_center, width, height = values[1:]
    if width < 0 or height < 0:
        raise ValueError("width or height is negative")
    box = (
        x_center - width / 2,
        y_center - height / 2,
        x_center + width / 2,
        y_center + height / 2,
    )
    return int(values[0]), box, False
