"""YOLO labels: one text file per image, one line ``class x_center y_center width height`` per box.

Values are fractions of the image as annotation tools show it (EXIF rotation applied).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tinydet.data.findings import Findings
from tinydet.data.input_files import read_lines
from tinydet.data.readers.annotations import Annotations, LabelFaults
from tinydet.data.readers.label_folders import LabelFolders, part_images
from tinydet.data.readers.listed_images import ListedImages
from tinydet.data.readers.parts import count_partless
from tinydet.data.readers.unsupported import text_advice
from tinydet.data.readers.yolo_rows import LongRows, Row, parse_row
from tinydet.errors import DataError, readable
from tinydet.progress import track

FORMAT = "YOLO"
LONG = 5000  # images from which on reading takes seconds and shows its progress
MOST_CLASSES = 100_000  # a larger class id without a list of names is a damaged line
AMBIGUOUS = (
    "polygons or boxes with keypoints? The lines could be either: write "
    "'kpt_shape: [number, 2 or 3]' or 'task: segment' in data.yaml"
)


@dataclass(frozen=True)
class LabelReading:
    """What label files of a data set are read with.

    Attributes:
        faults: Collects lines that cannot be read.
        findings: Counts polygons and keypoints.
        num_keypoint_values: See ``parse_row``.
        long_rows: Watches lines that are read as polygons.
    """

    faults: LabelFaults
    findings: Findings
    num_keypoint_values: int = 0
    long_rows: LongRows = field(default_factory=LongRows)


LabelReader = Callable[[Path, LabelReading], list[Row]]


@dataclass(frozen=True)
class YoloSource:
    """A recognised data set with one label file per image and numbered classes.

    Attributes:
        root: What the user gave.
        parts: Part of the data set (``train``, ``val``, ``test``; ``""`` where it has none) to its
            image folders and list files.
        names: Class id to name; None where no file says.
        suffix: Of the label files.
        read_labels: Reads one label file.
        format: Name of the label format.
        num_keypoint_values: See ``parse_row``.
        has_polygons: The user says that long lines are polygons.
        findings: What recognition already found.
    """

    root: Path
    parts: dict[str, list[Path]]
    names: dict[int, str] | None
    suffix: str
    read_labels: LabelReader
    format: str = FORMAT
    num_keypoint_values: int = 0
    has_polygons: bool = False
    findings: Findings = field(default_factory=Findings)

    @property
    def splits(self) -> tuple[str, ...]:
        """Parts it has."""
        return tuple(part for part in self.parts if part)

    def read(self, split: str | None, class_names: Sequence[str] | None) -> Annotations:
        """See ``Source.read``."""
        names = self.names
        if names is None and class_names:
            names = dict(enumerate(class_names))
        result = Annotations(self.format, list((names or {}).values()), findings=Findings())
        result.are_numbered = self.names is None
        result.findings.include(self.findings)
        home = self.root if self.root.is_dir() else self.root.parent
        listed = ListedImages(home, result.findings)
        images_of = {
            part: part_images(places, listed, home, result.findings)
            for part, places in self.parts.items()
            if split in (None, part)
        }
        self._read_labels(images_of, names, result)
        if split is None and self.splits:
            used = [image for images in images_of.values() for image in images]
            folders = [p for places in self.parts.values() for p in places if p.is_dir()]
            count_partless(home, [*folders, *used], result.findings)
        return result

    def _read_labels(
        self, images_of: dict[str, list[Path]], names: dict[int, str] | None, result: Annotations
    ) -> None:
        faults = LabelFaults(self.root)
        rows = LongRows(are_proven=self.has_polygons)
        reading = LabelReading(faults, result.findings, self.num_keypoint_values, rows)
        folders = LabelFolders(self.suffix, result.findings)
        index_of = {id_: index for index, id_ in enumerate(names or ())}
        largest = -1
        images = [(part, image) for part, images in images_of.items() for image in images]
        for part, image in track(images, "reading labels") if len(images) > LONG else images:
            result.start_part(part)
            if not result.add_image(image):
                continue
            label = folders.label_of(image)
            if label is None:
                result.findings.add("unlabelled_images", image)
                continue
            for row in self.read_labels(label, reading):
                index = row.class_id if names is None else index_of.get(row.class_id, -1)
                if index < 0:
                    faults.add(f"{label}:{row.line}", _out_of_range(row.class_id, names))
                elif index > MOST_CLASSES:
                    faults.add(f"{label}:{row.line}", f"class id {row.class_id} is too large")
                else:
                    largest = max(largest, index)
                    result.add_box(index, row.box)
        if rows.ambiguous:
            faults.add(rows.ambiguous, AMBIGUOUS)
        faults.raise_if_any()
        for stray in folders.strays():
            result.findings.add("orphan_labels", stray)
        if names is None:
            result.class_names = [f"class_{index}" for index in range(largest + 1)]


def _out_of_range(class_id: int, names: dict[int, str] | None) -> str:
    known = f" (the {len(names)} classes are {min(names)} to {max(names)})" if names else ""
    return f"class id {class_id} is out of range{known}"


def read_text_labels(path: Path, reading: LabelReading) -> list[Row]:
    """Read one YOLO ``.txt`` file.

    Args:
        path: Label file; empty means an image without objects.
        reading: Takes what is met.

    Returns:
        The rows that can be read.

    Raises:
        DataError: It is a label file of another tool.
    """
    rows: list[Row] = []
    try:
        lines = read_lines(path)
    except DataError as error:
        reading.faults.add(path, error.found)
        return rows
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        place = f"{path}:{number}"
        try:
            values = _numbers(words)
            class_id, box, is_polygon = parse_row(values, reading.num_keypoint_values)
        except ValueError as error:
            advice = text_advice(words)
            if advice:
                raise DataError(path, *advice) from None
            reading.faults.add(place, str(error))
            continue
        if is_polygon:
            reading.findings.add("polygons", path)
            reading.long_rows.add(place, values)
        elif len(values) > 5:
            reading.findings.add("keypoints", path)
        rows.append(Row(number, class_id, box))
    return rows


def _numbers(words: Sequence[str]) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError as error:
        word = str(error).rpartition(": ")[2]
        raise ValueError(f"{readable(word, 40)} is not a number") from None
