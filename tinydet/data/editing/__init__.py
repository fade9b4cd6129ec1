"""Changing the labels of a data set in its own format, with a backup of what was there before."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from tinydet.data.dataset import Dataset
from tinydet.data.editing.editor import Backups, EditableBox, LabelEditor, version_of
from tinydet.data.editing.json_files import CocoEditor, LabelmeEditor
from tinydet.data.editing.voc import VocEditor
from tinydet.data.editing.yolo import YoloEditor
from tinydet.data.findings import Findings
from tinydet.data.input_files import read_json
from tinydet.data.readers import coco, labelme, yolo
from tinydet.data.readers.annotations import Source
from tinydet.data.readers.archives import is_zip
from tinydet.data.readers.listed_images import ListedImages
from tinydet.data.readers.recognition import recognise
from tinydet.data.readers.tables import TableSource, home_of
from tinydet.data.readers.voc import VocSource, images_and_labels
from tinydet.data.readers.yolo import YoloSource
from tinydet.errors import UnsupportedError

__all__ = ["EditableBox", "LabelEditor", "open_editor", "version_of"]

BACKUP_FOLDER = "label_backups"
EDITABLE = ("YOLO", "COCO", "Pascal VOC", "labelme")


def open_editor(path: Path, dataset: Dataset) -> LabelEditor:
    """Something that changes the labels of a data set.

    The first change of a session copies the label file to ``label_backups/TIME/`` in the folder
    of the data set.

    Args:
        path: Of the data set.
        dataset: What was read from there.

    Raises:
        UnsupportedError: Labels of this format are only read.
    """
    supported = f"folders and files of {', '.join(EDITABLE)}"
    remedy = "Convert the data set; until then it can only be looked at."
    if is_zip(path):
        raise UnsupportedError(str(path), "a zip file", supported, "Unpack it and give the folder.")
    source, _ = recognise(path)
    root = home_of(path)
    time = datetime.now().astimezone().strftime("%Y-%m-%dT%H-%M-%S")
    make = _MAKERS.get(source.format)
    if make is None:
        raise UnsupportedError(str(path), f"a data set of {source.format}", supported, remedy)
    return make(source, dataset, Backups(root, root / BACKUP_FOLDER / time))


def _yolo(source: Source, dataset: Dataset, backups: Backups) -> LabelEditor:
    assert isinstance(source, YoloSource)
    names = source.names or dict(enumerate(dataset.class_names))
    return YoloEditor(names, source.num_keypoint_values, backups)


def _voc(source: Source, dataset: Dataset, backups: Backups) -> LabelEditor:
    assert isinstance(source, VocSource)
    files: dict[Path, Path] = {}
    for places in source.parts.values():
        for place in places:
            images, labels = images_and_labels(place, Findings())
            for stem, image in images.items():
                files.setdefault(image, labels.get(stem, place.labels / f"{stem}.xml"))
    return VocEditor(dataset.class_names, backups, files)


def _label_files(source: Source) -> Iterator[tuple[Path, Any, Callable[[Any], Path | None]]]:
    """JSON files of labels, what is in them, and what finds the images that they name."""
    assert isinstance(source, TableSource)
    images = ListedImages(source.image_folder or home_of(source.root), Findings())
    for part, files in source.files.items():
        for file in files:
            images.look_in([source.image_folder] if source.image_folder else source.folders(file))
            yield file, read_json(file), partial(images.find, part=part or None)


def _coco(source: Source, dataset: Dataset, backups: Backups) -> LabelEditor:
    entries: dict[Path, tuple[Path, str]] = {}
    for file, content, find in _label_files(source):
        for entry in content["images"]:
            image = find(entry.get("file_name"))
            if image is not None:
                entries.setdefault(image, (file, coco.id_of(entry["id"]) or ""))
    return CocoEditor(dataset.class_names, backups, entries)


def _labelme(source: Source, dataset: Dataset, backups: Backups) -> LabelEditor:
    files: dict[Path, Path] = {}
    folders: list[Path] = []
    for file, content, find in _label_files(source):
        folders.append(file.parent)
        if labelme.is_labelme(content):
            image = find(labelme.image_name(file, content))
            if image is not None:
                files.setdefault(image, file)
    for sample in dataset.samples:  # the labels of the others go where those of the first are
        files.setdefault(sample.path, folders[0] / f"{sample.path.stem}.json")
    return LabelmeEditor(dataset.class_names, backups, files)


_MAKERS: dict[str, Callable[[Source, Dataset, Backups], LabelEditor]] = {
    yolo.FORMAT: _yolo,
    coco.FORMAT: _coco,
    labelme.FORMAT: _labelme,
    "Pascal VOC": _voc,
}
