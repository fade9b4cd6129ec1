"""CVAT for images: one xml with all images, boxes in pixels."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tinydet.data.findings import Findings
from tinydet.data.input_files import MOST_TABLE_BYTES, open_input, read_xml, text_number
from tinydet.data.readers.named_boxes import Point, ellipse, turned
from tinydet.data.readers.parts import SPLITS, split_of
from tinydet.data.readers.tables import Reading, TableSource, by_part, image_folders, label_tables
from tinydet.errors import DataError

FORMAT = "CVAT for images"
START_BYTES = 1 << 14
CORNERS = ("xtl", "ytl", "xbr", "ybr")


def find_cvat(path: Path) -> TableSource | None:
    """Recognise CVAT's xml in a folder or in ``annotations``.

    Its subsets (Train, Validation, Test) are the parts of the data set.

    Args:
        path: What the user gave; exists.

    Raises:
        DataError: It is an export of a video.
    """
    files = [file for file in label_tables(path, (".xml",)) if _is_cvat(file)]
    if not files:
        return None
    findings = Findings()
    names_of: dict[str, list[str]] = {}
    for root, file in ((_root(file), file) for file in files):
        for track in root.findall("track"):
            findings.add("other_shapes", f"{file}: track {track.get('id')}")
        for image in root.iter("image"):
            names_of.setdefault(_part(image), []).append(image.get("name") or "")
    are_subsets = bool(names_of.keys() - {""})
    if are_subsets:  # they lead: a file that is called train.xml may have other parts
        parts = {part: files for part in SPLITS if part in names_of}
        for name in names_of.get("", ()):
            findings.add("partless_images", name)
    else:
        parts = by_part(files, path, findings)
    read = partial(read_cvat, by_subset=are_subsets)
    return TableSource(path, parts, FORMAT, read, image_folders, findings=findings)


def _is_cvat(file: Path) -> bool:
    """Whether the root element is ``annotations``; VOC's is ``annotation``."""
    try:
        with open_input(file) as stream:
            start = stream.read(START_BYTES)
    except DataError:
        return False
    return b"<annotations" in start.replace(b"\0", b"")


def _root(file: Path) -> ET.Element:
    root = read_xml(file, MOST_TABLE_BYTES)
    if root.find("track") is not None and root.find("image") is None:
        found = "is a CVAT export of a video, whose frames have no names"
        raise DataError(file, found, "Export it as 'CVAT for images' or 'COCO', with the images.")
    return root


def _part(image: ET.Element) -> str:
    return split_of(image.get("subset") or "") or ""


def read_cvat(reading: Reading, *, by_subset: bool) -> None:
    """Read one file.

    Args:
        reading: The file.
        by_subset: Only images whose subset is the part.
    """
    root = _root(reading.file)
    labels = root.findall("meta//labels/label/name")
    if labels:
        reading.boxes.declare(name for label in labels if (name := (label.text or "").strip()))
    for image in root.iter("image"):
        name = image.get("name") or ""
        if by_subset and _part(image) != reading.part:
            continue
        size = text_number(image.get("height")), text_number(image.get("width"))
        if reading.start_image(name, size, image.get("subset") or ""):
            for index, shape in enumerate(image, 1):
                _add_shape(f"{reading.file}: {name}, shape {index}", shape, reading)


def _add_shape(place: str, shape: ET.Element, reading: Reading) -> None:
    boxes, label = reading.boxes, shape.get("label")
    if shape.tag == "box":
        corners = _numbers(shape, CORNERS)
        angle = text_number(shape.get("rotation")) or 0.0
        if angle and len(corners) == 4:
            x0, y0, x1, y1 = corners
            boxes.findings.add("rotated_boxes", place)
            corners = turned((x0, y0, x1, y1), angle, ((x0 + x1) / 2, (y0 + y1) / 2))
        boxes.box(place, label, corners)
    elif shape.tag == "polygon":
        boxes.shape(place, label, _points(shape.get("points") or ""))
    elif shape.tag == "ellipse":
        values = _numbers(shape, ("cx", "cy", "rx", "ry"))
        if len(values) == 4:
            cx, cy, rx, ry = values
            angle = text_number(shape.get("rotation")) or 0.0
            if angle % 360:
                boxes.findings.add("rotated_boxes", place)
            values = ellipse((cx, cy), (rx, ry), angle)
        boxes.box(place, label, values)
    elif shape.tag == "mask":
        values = _numbers(shape, ("left", "top", "width", "height"))
        if len(values) == 4:
            left, top, width, height = values
            values = (left, top, left + width, top + height)
        boxes.box(place, label, values)
    elif shape.tag != "tag":  # a tag is a label of the whole image
        boxes.findings.add("other_shapes", f"{place}: {shape.tag}")


def _numbers(shape: ET.Element, keys: Sequence[str]) -> Sequence[float]:
    values = [text_number(shape.get(key)) for key in keys]
    return [value for value in values if value is not None]


def _points(text: str) -> list[Point]:
    """Points ``x,y;x,y``; empty where one is none."""
    points = []
    for pair in text.split(";"):
        x, _, y = pair.partition(",")
        x_number, y_number = text_number(x), text_number(y)
        if x_number is None or y_number is None:
            return []
        points.append((x_number, y_number))
    return points
