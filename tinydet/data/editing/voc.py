"""Changing Pascal VOC labels: an XML file per image, an ``<object>`` per object."""

import xml.etree.ElementTree as ET
from pathlib import Path

from tinydet.data.editing.editor import Changes, EditableBox, LabelEditor
from tinydet.data.findings import Findings
from tinydet.data.images import read_image_size
from tinydet.data.input_files import read_xml, text_number
from tinydet.data.readers.frames import Frame
from tinydet.data.readers.voc import CORNERS, object_box
from tinydet.errors import DataError


class VocEditor(LabelEditor):
    """Edits the ``<object>`` elements; everything else of a file stays."""

    def read(self, image: Path) -> list[EditableBox]:
        """See ``LabelEditor.read``."""
        file = self._files[image]
        if not file.exists():
            return []
        root = read_xml(file)
        frame = _frame(root, image)
        boxes = []
        for key, item in enumerate(root.iter("object")):
            corners = object_box(item)
            if corners is None:
                raise DataError(file, f"object {key + 1} has no box", "Correct the file.")
            name = (item.findtext("name") or "").strip()
            ignored = text_number(item.findtext("difficult")) not in (None, 0.0)
            shape = "box" if item.find("bndbox") is not None else "other"
            boxes.append(EditableBox(key, name, frame.fractions(corners), ignored, shape))
        return boxes

    def _write(self, image: Path, changes: Changes) -> None:
        file = self._files[image]
        root = read_xml(file) if file.exists() else _empty(image)
        frame = _frame(root, image)
        before = {box.key: box for box in self.read(image)}
        items = list(root.iter("object"))
        parents = {child: parent for parent in root.iter() for child in parent}
        for key, after in changes.changed.items():
            _change(items[key], before[key], after, frame)
        for key in changes.deleted:
            parents[items[key]].remove(items[key])
        for box in changes.new:
            item = ET.SubElement(root, "object")
            ET.SubElement(item, "name")
            ET.SubElement(item, "difficult").text = "0"
            _change(item, None, box, frame)
        ET.indent(root, "\t")
        self._save(file, ET.tostring(root, encoding="unicode") + "\n")


def _change(item: ET.Element, before: EditableBox | None, after: EditableBox, frame: Frame) -> None:
    _child(item, "name").text = after.class_name
    if before is None or after.ignored != before.ignored:
        _child(item, "difficult").text = str(int(after.ignored))
    if before is not None and after.box == before.box:
        return
    for other in [child for child in item if child.tag in ("robndbox", "polygon")]:
        item.remove(other)
    holder = _child(item, "bndbox")
    x0, y0, x1, y1 = map(round, frame.pixels(after.box))
    whole = (x0, y0, max(x1, x0 + 1), max(y1, y0 + 1))  # many tools read whole numbers only
    for key, value in zip(CORNERS, whole, strict=True):
        _child(holder, key).text = str(value)


def _child(element: ET.Element, tag: str) -> ET.Element:
    found = element.find(tag)
    return ET.SubElement(element, tag) if found is None else found


def _frame(root: ET.Element, image: Path) -> Frame:
    sides = [text_number(root.findtext(f"size/{side}")) for side in ("height", "width")]
    height, width = (int(side) if side and side > 0 else 0 for side in sides)
    return Frame(image, (height, width), Findings())


def _empty(image: Path) -> ET.Element:
    """The XML of an image without objects."""
    (height, width), orientation = read_image_size(image)
    if orientation >= 5:
        height, width = width, height
    root = ET.Element("annotation")
    ET.SubElement(root, "filename").text = image.name
    size = ET.SubElement(root, "size")
    for tag, value in (("width", width), ("height", height), ("depth", 3)):
        ET.SubElement(size, tag).text = str(value)
    return root
