"""Pascal VOC: one xml file per image, boxes in pixels, classes by name.

Coordinates are taken as the edges of the box in pixels, as today's annotation tools write them
(x_min = 0 is the left edge of the image); the original VOC devkit counted pixels from 1.
"""

import math
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from tinydet.data.findings import Findings
from tinydet.data.image_files import is_image_name, list_images
from tinydet.data.input_files import read_lines, read_xml, text_number
from tinydet.data.readers.annotations import Annotations
from tinydet.data.readers.listed_images import one_spelling
from tinydet.data.readers.named_boxes import Box, NamedBoxes, around, turned
from tinydet.data.readers.parts import (
    IMAGE_FOLDERS,
    SPLITS,
    count_partless,
    part_folders,
    split_of,
    subfolder,
)
from tinydet.data.readers.tables import LONG
from tinydet.errors import DataError
from tinydet.progress import track

FORMAT = "Pascal VOC"
HOLDERS = ("jpegimages", *IMAGE_FOLDERS)
LABEL_FOLDERS = ("annotations", "annotation", "xml", "xmls", "labels")
CORNERS = ("xmin", "ymin", "xmax", "ymax")


class VocPart(NamedTuple):
    """Where a part of a VOC data set lies.

    Attributes:
        images: Folder of the images.
        labels: Folder of the xml files; may be the same.
        lists: Files in ImageSets/Main that name its images; empty for all.
    """

    images: Path
    labels: Path
    lists: tuple[Path, ...] = ()


@dataclass(frozen=True)
class VocSource:
    """A recognised Pascal VOC data set.

    Attributes:
        root: What the user gave.
        parts: Part (``""`` where the data set has none) to its folders.
        format: Name of the label format.
    """

    root: Path
    parts: dict[str, list[VocPart]]
    format: str = field(default=FORMAT)

    @property
    def splits(self) -> tuple[str, ...]:
        """Parts it has."""
        return tuple(part for part in self.parts if part)

    def read(self, split: str | None, class_names: Sequence[str] | None) -> Annotations:  # noqa: ARG002
        """See ``Source.read``."""
        boxes = NamedBoxes(FORMAT, self.root)
        used: set[Path] = set()
        for part, places in self.parts.items():
            boxes.start_part(part)
            for place in places if split in (None, part) else ():
                used.update(_read_part(place, boxes))
        if split is None and self.splits:
            count_partless(self.root, used, boxes.findings)
        return boxes.done()


def find_voc(path: Path) -> VocSource | None:
    """Recognise a VOC root, its image folder, or folders of image files with .xml files.

    Args:
        path: What the user gave; exists.

    Returns:
        The source; None where there is none.
    """
    if not path.is_dir():
        return None
    for root in [path, *([path.parent] if path.name.lower() in HOLDERS else [])]:
        place = _with_label_folder(root)
        if place:
            return VocSource(path, _parts_by_lists(root, place) or _parts_below(place))
    found = {part: list(filter(None, map(_beside, fs))) for part, fs in part_folders(path).items()}
    parts = {part: places for part, places in found.items() if places}
    if parts:
        return VocSource(path, parts)
    place = _beside(path)
    return VocSource(path, {"": [place]}) if place else None


def _with_label_folder(root: Path) -> VocPart | None:
    labels = subfolder(root, LABEL_FOLDERS)
    if labels is None or not any(_xml_files(labels)):
        return None
    return VocPart(subfolder(root, HOLDERS) or root, labels)


def _beside(folder: Path) -> VocPart | None:
    """A folder with image and xml files, or with sub-folders for each."""
    place = _with_label_folder(folder)
    if place:
        return place
    images = _by_stem(list_images(folder), folder)
    if any(_stem(xml, folder) in images for xml in _xml_files(folder)):
        return VocPart(folder, folder)
    return None


def _parts_below(place: VocPart) -> dict[str, list[VocPart]]:
    """Parts by folders below both the images and the labels, else one part."""
    labels = part_folders(place.labels)
    images = part_folders(place.images)
    same = images.keys() == labels.keys()
    if images and same and all(len(images[p]) == len(labels[p]) for p in images):
        return {
            part: [VocPart(image, label) for image, label in zip(fs, labels[part], strict=True)]
            for part, fs in images.items()
        }
    return {"": [place]}


def _parts_by_lists(root: Path, place: VocPart) -> dict[str, list[VocPart]]:
    """Parts by ``ImageSets/Main``; ``trainval`` trains where there is no ``train``."""
    folder = subfolder(root, ["imagesets"])
    folder = (subfolder(folder, ["main"]) or folder) if folder else None
    files = (
        {f.stem.lower(): f for f in folder.iterdir() if f.suffix.lower() == ".txt"}
        if folder
        else {}
    )
    lists: dict[str, list[Path]] = {}
    for stem in (*SPLITS, "training", "valid", "validation", "trainval"):
        part = "train" if stem == "trainval" else split_of(stem)
        if stem in files and part:
            lists.setdefault(part, [files[stem]])
    for stem, file in () if lists else sorted(files.items()):  # of each class: cat_train
        part = split_of(stem)
        if part:
            lists.setdefault(part, []).append(file)
    return {
        part: [VocPart(place.images, place.labels, tuple(lists[part]))]
        for part in SPLITS
        if part in lists
    }


def _xml_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix.lower() == ".xml")


def _stem(path: Path, folder: Path) -> str:
    return os.path.splitext(one_spelling(path.relative_to(folder).as_posix()))[0]


def _by_stem(paths: Sequence[Path], folder: Path) -> dict[str, Path]:
    return {_stem(path, folder): path for path in paths}


def _read_part(place: VocPart, boxes: NamedBoxes) -> list[Path]:
    """Read the images of a part with their xml files; returns the images."""
    images, labels = images_and_labels(place, boxes.findings)
    chosen = _listed(place, images, boxes) if place.lists else list(images)
    for stem in track(chosen, "reading labels") if len(chosen) > LONG else chosen:
        if stem in labels:
            _read_xml(labels[stem], images[stem], boxes)
        else:
            boxes.unlabelled(images[stem])
    for stem in labels.keys() - images.keys():
        boxes.findings.add("orphan_labels", labels[stem])
    return [images[stem] for stem in chosen]


def images_and_labels(
    place: VocPart, findings: Findings
) -> tuple[dict[str, Path], dict[str, Path]]:
    """Images and xml files of a part, each by the path that both share, without suffix.

    Args:
        place: The part; its lists are not looked at.
        findings: Counts images that cannot be used.
    """
    files = list_images(place.images, findings)
    images = _by_stem(files, place.images)
    for path in files:  # of images that differ in their suffix only, the last is used
        if images[_stem(path, place.images)] != path:
            findings.add("unlisted_images", path)
    labels = _by_stem(sorted(_xml_files(place.labels)), place.labels)
    _match_by_filename(labels, images)
    return images, labels


def _match_by_filename(labels: dict[str, Path], images: dict[str, Path]) -> None:
    """An xml whose name is not the image's is that of the image in its ``filename``."""
    by_name = {path.name: stem for stem, path in images.items() if stem not in labels}
    for stem in sorted(labels.keys() - images.keys()) if by_name else ():
        try:
            name = read_xml(labels[stem]).findtext("filename") or ""
        except DataError:
            continue
        wanted = by_name.pop(PureWindowsPath(name.strip()).name, None)
        if wanted:
            labels[wanted] = labels.pop(stem)


def _listed(place: VocPart, images: dict[str, Path], boxes: NamedBoxes) -> list[str]:
    """Stems in the lists: a line is a name with or without suffix, and maybe a flag after it."""
    stems: dict[str, None] = {}
    for line in (one_spelling(line.strip()) for f in place.lists for line in read_lines(f)):
        words = line.rsplit(maxsplit=1)
        names = [line, os.path.splitext(line)[0] if is_image_name(line) else line]
        if len(words) == 2 and words[1] in ("-1", "0", "1"):
            names += [words[0], os.path.splitext(words[0])[0]]
        tails = [name.replace("\\", "/").rpartition("/")[2] for name in names]
        stem = next((name for name in (*names, *tails) if name in images), None)
        if stem is not None:
            stems[stem] = None
        elif line:
            boxes.findings.add("missing_images", line)
    return list(stems)


def _read_xml(file: Path, image: Path, boxes: NamedBoxes) -> None:
    try:
        root = read_xml(file)
    except DataError as error:
        boxes.faults.add(file, error.found)
        return
    if root.tag != "annotation":
        boxes.faults.add(file, f"its root is <{root.tag}> instead of <annotation>")
        return
    size = [text_number(root.findtext(f"size/{side}")) for side in ("height", "width")]
    boxes.image(image, (size[0], size[1]))
    for number, item in enumerate(root.iter("object"), 1):
        place = f"{file}: object {number}"
        name = (item.findtext("name") or "").strip()
        texts = [item.findtext(f"bndbox/{key}") for key in CORNERS]
        corners = object_box(item)
        difficult = text_number(item.findtext("difficult")) not in (None, 0.0)
        if item.findtext("deleted") == "1":  # LabelMe keeps them
            boxes.findings.add("cancelled_labels", place)
        elif not name:
            boxes.faults.add(place, "has no name")
        elif corners is None and not any(texts):
            boxes.faults.add(place, "has neither a bndbox nor a polygon")
        elif corners is None:
            boxes.faults.add(place, f"bndbox {texts} is not four finite numbers")
        else:
            if not any(texts):
                turned_box = item.find("polygon") is None
                boxes.findings.add("rotated_boxes" if turned_box else "polygons", place)
            boxes.box(place, name, corners, difficult)


def object_box(item: ET.Element) -> Box | None:
    """The box of an ``<object>``, pixels of the labelled picture; None where it has none."""
    texts = [item.findtext(f"bndbox/{key}") for key in CORNERS]
    if not any(texts):
        polygon = item.find("polygon")
        return _rotated(item) if polygon is None else _around_polygon(polygon)
    corners = [value for value in map(text_number, texts) if value is not None]
    return (corners[0], corners[1], corners[2], corners[3]) if len(corners) == 4 else None


def _around_polygon(polygon: ET.Element) -> Box | None:
    """The box around LabelMe's ``<pt><x/><y/></pt>`` or around ``<x1/><y1/><x2/><y2/>...``."""
    x, y = (
        [text_number(e.text) for e in polygon.iter() if re.fullmatch(rf"{axis}\d*", e.tag)]
        for axis in "xy"
    )
    points = [(a, b) for a, b in zip(x, y, strict=False) if a is not None and b is not None]
    return around(points) if points and len(points) == len(x) == len(y) else None


def _rotated(item: ET.Element) -> Box | None:
    """The box around roLabelImg's ``robndbox`` (angle in radians, clockwise)."""
    values = [text_number(item.findtext(f"robndbox/{k}")) for k in ("cx", "cy", "w", "h", "angle")]
    numbers = [value for value in values if value is not None]
    if len(numbers) != 5:
        return None
    cx, cy, w, h, angle = numbers
    return turned((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), math.degrees(angle), (cx, cy))
