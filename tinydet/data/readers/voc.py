"""Pascal VOC: one xml file per image, boxes in pixels, classes by name.

Coordinates are taken as the edges of the box in pixels, as today's annotation tools write them
(x_min = 0 is the left edge of the image); the original VOC devkit counted pixels from 1.
"""

import math
import os
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tinydet.data.findings import Findings
from tinydet.data.images import list_images
from tinydet.data.readers.annotations import SPLITS, Annotations, LabelFaults
from tinydet.data.readers.frames import Frame
from tinydet.data.readers.label_folders import read_lines
from tinydet.progress import track

FORMAT = "Pascal VOC"
IMAGE_FOLDERS = ("JPEGImages", "images", "Images")
LABEL_FOLDERS = ("Annotations", "annotations", "xml", "xmls")
LONG = 5000  # images from which on reading takes seconds and shows its progress


@dataclass(frozen=True)
class VocSource:
    """A recognised Pascal VOC data set.

    Attributes:
        root: What the user gave.
        images: Folder of the images.
        labels: Folder of the xml files; may be the same.
        lists: Part to the file in ImageSets/Main that names its images; may be empty.
        format: Name of the label format.
    """

    root: Path
    images: Path
    labels: Path
    lists: dict[str, Path]
    format: str = field(default=FORMAT)

    @property
    def splits(self) -> tuple[str, ...]:
        """Parts it has."""
        return tuple(self.lists)

    def read(self, split: str | None, class_names: Sequence[str] | None) -> Annotations:  # noqa: ARG002
        """See ``Source.read``."""
        result = Annotations(FORMAT, open_classes=True)
        faults = LabelFaults(self.root)
        labels = _by_stem(sorted(self.labels.rglob("*.xml")), self.labels)
        images = _by_stem(list_images(self.images), self.images)
        chosen = self._stems(split, images, result.findings)
        index_of: dict[str, int] = {}
        for stem in track(chosen, "reading labels") if len(chosen) > LONG else chosen:
            result.add_image(images[stem])
            if stem in labels:
                _read_xml(labels[stem], result, index_of, faults)
            else:
                result.findings.add("unlabelled_images", images[stem])
        faults.raise_if_any()
        for stem in labels.keys() - images.keys():
            result.findings.add("orphan_labels", labels[stem])
        _sort_classes(result, index_of)
        return result

    def _stems(self, split: str | None, images: dict[str, Path], findings: Findings) -> list[str]:
        if split is None:
            return list(images)
        stems = []
        for line in read_lines(self.lists[split]):
            words = line.split()
            if not words:
                continue
            if words[0] in images:
                stems.append(words[0])
            else:
                findings.add("missing_images", words[0])
        return list(dict.fromkeys(stems))


def find_voc(path: Path) -> VocSource | None:
    """Recognise a VOC root, its image folder, or a folder of image files with .xml files.

    Args:
        path: What the user gave; exists.

    Returns:
        The source; None where there is none.
    """
    if not path.is_dir():
        return None
    roots = [path] + ([path.parent] if path.name in IMAGE_FOLDERS else [])
    for root in roots:
        for folder in (root / name for name in LABEL_FOLDERS):
            if not folder.is_dir() or next(folder.rglob("*.xml"), None) is None:
                continue
            beside = next((root / n for n in IMAGE_FOLDERS if (root / n).is_dir()), None)
            return VocSource(path, beside or root, folder, _lists(root))
    images = _by_stem(list_images(path), path)
    if any(_stem(xml, path) in images for xml in path.rglob("*.xml")):
        return VocSource(path, path, path, {})
    return None


def _lists(root: Path) -> dict[str, Path]:
    folder = root / "ImageSets" / "Main"
    return {part: folder / f"{part}.txt" for part in SPLITS if (folder / f"{part}.txt").is_file()}


def _stem(path: Path, folder: Path) -> str:
    return os.path.splitext(path.relative_to(folder).as_posix())[0]


def _by_stem(paths: Sequence[Path], folder: Path) -> dict[str, Path]:
    return {_stem(path, folder): path for path in paths}


def _read_xml(
    file: Path, result: Annotations, index_of: dict[str, int], faults: LabelFaults
) -> None:
    try:
        root = ET.fromstring(file.read_bytes())
    except (OSError, ET.ParseError, ValueError) as error:
        faults.add(file, f"is not readable XML ({error})")
        return
    height, width = (_integer(root.findtext(f"size/{side}")) for side in ("height", "width"))
    frame = Frame(result.paths[-1], (height, width), result.findings)
    for number, item in enumerate(root.iter("object"), 1):
        name = (item.findtext("name") or "").strip()
        try:
            if not name:
                raise ValueError("has no name")  # noqa: TRY301
            box = _box(item)
        except ValueError as error:
            faults.add(f"{file}: object {number}", str(error))
            continue
        class_id = index_of.setdefault(name, len(index_of))
        difficult = _integer(item.findtext("difficult")) != 0
        result.add_box(class_id, frame.fractions(box), difficult)


def _box(item: ET.Element) -> tuple[float, float, float, float]:
    texts = [item.findtext(f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")]
    try:
        x_min, y_min, x_max, y_max = (float(text or "") for text in texts)
    except ValueError:
        raise ValueError(f"bndbox {texts} is not four numbers") from None
    if not all(map(math.isfinite, (x_min, y_min, x_max, y_max))):
        raise ValueError(f"bndbox {texts} is not finite")
    if x_max < x_min or y_max < y_min:
        raise ValueError(f"bndbox {texts} has its maximum below its minimum")
    return x_min, y_min, x_max, y_max


def _integer(text: str | None) -> int:
    try:
        return int(float(text or 0))
    except (ValueError, OverflowError):
        return 0


def _sort_classes(result: Annotations, index_of: dict[str, int]) -> None:
    """Order the classes by name, so that the ids do not depend on the order of the files."""
    result.class_names = sorted(index_of)
    place = {name: index for index, name in enumerate(result.class_names)}
    new_id = {index: place[name] for name, index in index_of.items()}
    for position, class_id in enumerate(result.class_ids):
        result.class_ids[position] = new_id[class_id]
