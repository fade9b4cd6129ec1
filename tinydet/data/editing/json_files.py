"""Changing labels in JSON: COCO, a file for many images, and labelme, a file for each."""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinydet.data.editing.editor import Backups, Box, Changes, EditableBox, LabelEditor
from tinydet.data.findings import Findings
from tinydet.data.input_files import number, read_json
from tinydet.data.readers import coco, labelme
from tinydet.data.readers.frames import Frame
from tinydet.errors import DataError

Entry = dict[str, Any]


class JsonEditor(LabelEditor):
    """What both kinds share: a file that is read again only where it has changed."""

    def __init__(
        self, class_names: Sequence[str], backups: Backups, files: Mapping[Path, Path]
    ) -> None:
        super().__init__(class_names, backups, files)
        self._read: dict[Path, tuple[tuple[int, int], Any]] = {}

    def _content(self, file: Path) -> Any:
        if not file.exists():
            raise DataError(file, "is not there any more", "Put it back and load the image again.")
        stat = file.stat()
        state = stat.st_mtime_ns, stat.st_size
        if file not in self._read or self._read[file][0] != state:
            if not self._is_shared:
                self._read.clear()  # a file for each image is not worth keeping
            self._read[file] = state, read_json(file)
        return self._read[file][1]

    _is_shared = True  # whether a file has the labels of many images

    def _save_json(self, file: Path, content: object, indent: int | None) -> None:
        self._read.pop(file, None)  # what is in memory counts only if it gets to the disk
        self._save(file, json.dumps(content, ensure_ascii=False, indent=indent) + "\n")

    @abstractmethod
    def _frame(self, image: Path) -> Frame:
        """The picture that the labels of an image speak of."""


class CocoEditor(JsonEditor):
    """Edits the ``annotations`` of an image.

    Args:
        class_names: Classes that an object can have.
        backups: Keeps what is changed.
        entries: Image to its label file and the ``id`` of its entry there.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        backups: Backups,
        entries: Mapping[Path, tuple[Path, str]],
    ) -> None:
        super().__init__(
            class_names, backups, {image: file for image, (file, _) in entries.items()}
        )
        self._ids = {image: image_id for image, (_, image_id) in entries.items()}

    def read(self, image: Path) -> list[EditableBox]:
        """See ``LabelEditor.read``."""
        content = self._content(self._files[image])
        names = {coco.id_of(c.get("id")): coco.name_of(c) for c in content["categories"]}
        frame = self._frame(image)
        boxes = []
        for key, annotation in enumerate(self._annotations(image)):
            corners = coco.corners_of(annotation)
            name = names.get(coco.id_of(annotation.get("category_id")))
            if corners is None or name is None:
                found = f"annotation {annotation.get('id')} cannot be read"
                raise DataError(self._files[image], found, "Correct the file.")
            ignored = bool(annotation.get("iscrowd")) or bool(annotation.get("ignore"))
            shape = "polygon" if annotation.get("segmentation") else "box"
            boxes.append(EditableBox(key, name, frame.fractions(corners), ignored, shape))
        return boxes

    def _annotations(self, image: Path) -> list[Entry]:
        content, image_id = self._content(self._files[image]), self._ids[image]
        return [
            annotation
            for annotation in content.get("annotations", [])
            if coco.id_of(annotation.get("image_id")) == image_id
        ]

    def _frame(self, image: Path) -> Frame:
        entry = self._entry(image)
        height, width = (int(number(entry.get(side)) or 0) for side in ("height", "width"))
        return Frame(image, (height, width), Findings())

    def _entry(self, image: Path) -> Entry:
        content, image_id = self._content(self._files[image]), self._ids[image]
        found = [e for e in content["images"] if coco.id_of(e.get("id")) == image_id]
        if not found:
            raise DataError(self._files[image], f"lacks {image.name} by now", "Load again.")
        entry: Entry = found[0]
        return entry

    def _write(self, image: Path, changes: Changes) -> None:
        file = self._files[image]
        content = self._content(file)
        frame, before = self._frame(image), {box.key: box for box in self.read(image)}
        ids = {coco.name_of(c): c["id"] for c in content["categories"]}
        own = self._annotations(image)
        for key, after in changes.changed.items():
            annotation = own[key]
            annotation["category_id"] = ids[after.class_name]
            if after.ignored != before[key].ignored:
                annotation["iscrowd"] = int(after.ignored)
                annotation.pop("ignore", None)
            if after.box != before[key].box:
                annotation.update(_coco_box(after.box, frame), segmentation=[])
        gone = {id(own[key]) for key in changes.deleted}
        annotations = content.setdefault("annotations", [])
        annotations[:] = [a for a in annotations if id(a) not in gone]
        taken = [a["id"] for a in annotations if isinstance(a.get("id"), int)]
        for new_id, box in enumerate(changes.new, max(taken, default=0) + 1):
            annotation = {"id": new_id, "image_id": self._entry(image)["id"]}
            annotation["category_id"] = ids[box.class_name]
            annotation.update(_coco_box(box.box, frame), iscrowd=int(box.ignored))
            annotations.append(annotation)
        self._save_json(file, content, None)


def _coco_box(box: Box, frame: Frame) -> Entry:
    x0, y0, x1, y1 = frame.pixels(box)
    sides = [round(value, 2) for value in (x0, y0, x1 - x0, y1 - y0)]
    return {"bbox": sides, "area": round(sides[2] * sides[3], 2)}


class LabelmeEditor(JsonEditor):
    """Edits the ``shapes`` of an image."""

    _is_shared = False

    def _content(self, file: Path) -> Any:
        return super()._content(file) if file.exists() else {"shapes": []}

    def read(self, image: Path) -> list[EditableBox]:
        """See ``LabelEditor.read``; shapes that are no objects are not among them."""
        frame = self._frame(image)
        boxes = []
        for key, shape in enumerate(self._content(self._files[image])["shapes"]):
            corners = labelme.corners_of(shape)
            if corners is not None:
                kind = "box" if shape.get("shape_type") == "rectangle" else "polygon"
                ignored = shape.get("difficult") is True
                box = frame.fractions(corners)
                boxes.append(EditableBox(key, str(shape.get("label")).strip(), box, ignored, kind))
        return boxes

    def _frame(self, image: Path) -> Frame:
        content = self._content(self._files[image])
        height, width = (int(number(content.get(f"image{s}")) or 0) for s in ("Height", "Width"))
        return Frame(image, (height, width), Findings())

    def _write(self, image: Path, changes: Changes) -> None:
        file = self._files[image]
        content = self._content(file)
        frame, before = self._frame(image), {box.key: box for box in self.read(image)}
        if "imagePath" not in content:
            height, width = frame.size
            content |= {"version": "5.0.0", "flags": {}, "imageData": None}
            content |= {"imagePath": image.name, "imageHeight": height, "imageWidth": width}
        shapes = content["shapes"]
        for key, after in changes.changed.items():
            shape = shapes[key or 0]
            shape["label"] = after.class_name
            if after.ignored != before[key].ignored:
                shape["difficult"] = after.ignored
            if after.box != before[key].box:
                shape.update(_rectangle(after.box, frame))
        content["shapes"] = [s for key, s in enumerate(shapes) if key not in changes.deleted]
        for box in changes.new:
            extra: Entry = {"difficult": True} if box.ignored else {}
            shape = {"label": box.class_name, **_rectangle(box.box, frame)}
            content["shapes"].append({**shape, "group_id": None, "flags": {}, **extra})
        self._save_json(file, content, 2)


def _rectangle(box: Box, frame: Frame) -> Entry:
    x0, y0, x1, y1 = (round(value, 2) for value in frame.pixels(box))
    return {"points": [[x0, y0], [x1, y1]], "shape_type": "rectangle"}
