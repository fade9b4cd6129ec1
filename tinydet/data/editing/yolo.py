"""Changing YOLO labels: a text file per image, an object per line."""

from collections.abc import Mapping
from pathlib import Path

from tinydet.data.editing.editor import Backups, Box, Changes, EditableBox, LabelEditor
from tinydet.data.findings import Findings
from tinydet.data.input_files import read_lines
from tinydet.data.readers.label_folders import LabelFolders, label_folders
from tinydet.data.readers.yolo_rows import parse_row
from tinydet.errors import DataError


class YoloEditor(LabelEditor):
    """Edits lines ``class x_center y_center width height``; other lines stay as they are.

    Args:
        names: Class number to name.
        num_keypoint_values: See ``parse_row``.
        backups: Keeps what is changed.
    """

    has_ignored = False

    def __init__(
        self, names: Mapping[int, str], num_keypoint_values: int, backups: Backups
    ) -> None:
        super().__init__(tuple(names.values()), backups)
        self._names = names
        self._num_keypoint_values = num_keypoint_values
        self._folders = LabelFolders(".txt", Findings())
        self._made: dict[Path, Path] = {}

    def read(self, image: Path) -> list[EditableBox]:
        """See ``LabelEditor.read``; the keys count lines, empty ones as well."""
        file = self._label_of(image)
        boxes = []
        for key, line in enumerate(read_lines(file) if file.exists() else ()):
            if line.strip():
                boxes.append(self._box(file, key, line))
        return boxes

    def _box(self, file: Path, key: int, line: str) -> EditableBox:
        try:
            values = [float(word) for word in line.split()]
            class_id, box, is_polygon = parse_row(values, self._num_keypoint_values)
            name = self._names[class_id]
        except (ValueError, KeyError) as error:
            found = f"line {key + 1} cannot be read ({error})"
            raise DataError(file, found, "Correct the file.") from None
        shape = "polygon" if is_polygon else "keypoints" if len(values) > 5 else "box"
        return EditableBox(key, name, box, shape=shape)

    def _label_of(self, image: Path) -> Path:
        """Where the labels of an image are, or where they belong."""
        found = self._made.get(image) or self._folders.label_of(image)
        return found or label_folders(image.parent)[0] / f"{image.stem}.txt"

    def _write(self, image: Path, changes: Changes) -> None:
        file = self._label_of(image)
        lines = read_lines(file) if file.exists() else []
        before = {box.key: box for box in self.read(image)}
        kept = []
        for key, line in enumerate(lines):
            if key in changes.changed:
                kept.append(self._changed(line, before[key], changes.changed[key]))
            elif key not in changes.deleted:
                kept.append(line)
        kept += [self._line(box) for box in changes.new]
        self._save(file, "".join(f"{line}\n" for line in kept))
        self._made[image] = file

    def _changed(self, line: str, before: EditableBox, after: EditableBox) -> str:
        """The line with another class, another box, or both; keypoints stay."""
        words = line.split()
        if after.box == before.box:
            return " ".join([str(self._number_of(after)), *words[1:]])
        return " ".join([self._line(after), *(words[5:] if before.shape == "keypoints" else ())])

    def _line(self, box: EditableBox) -> str:
        values = " ".join(f"{value:.8g}" for value in _centered(box.box))
        return f"{self._number_of(box)} {values}"

    def _number_of(self, box: EditableBox) -> int:
        return next(number for number, name in self._names.items() if name == box.class_name)


def _centered(box: Box) -> Box:
    x0, y0, x1, y1 = box
    return (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
