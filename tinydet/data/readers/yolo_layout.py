"""YOLO data sets without a ``data.yaml``: folders of images and labels, Darknet's ``obj.data``."""

import os
from pathlib import Path

from tinydet.data.findings import Findings
from tinydet.data.image_files import is_image_name, list_images
from tinydet.data.input_files import read_lines
from tinydet.data.readers.class_lists import class_list, names_from_files
from tinydet.data.readers.data_yaml import PART_KEYS, place_of
from tinydet.data.readers.label_folders import LabelFolders
from tinydet.data.readers.listed_images import path_parts
from tinydet.data.readers.parts import IMAGE_FOLDERS, SPLITS, children, part_folders, subfolder
from tinydet.data.readers.tfs import read_tfs_labels
from tinydet.data.readers.yolo import YoloSource, read_text_labels
from tinydet.errors import DataError

LIST_STEMS = {
    "trainval": "train",
    "train": "train",
    "test": "test",
    "val": "val",
    "valid": "val",
    "validation": "val",
}


def find_label_files(path: Path) -> YoloSource | None:
    """Recognise image files with ``.txt`` or ``.tfs`` files in ``labels/`` or beside them.

    Their parts are told by Darknet's ``obj.data``, by lists of images (``train.txt``, ``val.txt``)
    in the folder, or by the names of folders.

    Args:
        path: What the user gave; exists.

    Returns:
        The source; None where no image has such a file.
    """
    if path.is_file():
        return _from_darknet(path) if path.suffix.lower() == ".data" else None
    for file in children(path):
        if file.suffix.lower() == ".data" and file.is_file():
            return _from_darknet(file)
    parts = _list_files(path) or part_folders(path)
    if not parts:
        parts = {"": [subfolder(path, IMAGE_FOLDERS) or path]}
    images = list_images(path)
    for suffix, reader, name in (
        (".tfs", read_tfs_labels, "TFS"),
        (".txt", read_text_labels, "YOLO"),
    ):
        folders = LabelFolders(suffix, Findings())
        if any(folders.label_of(image) for image in images):
            names = names_from_files(path, images)
            return YoloSource(path, parts, names, suffix, reader, format=name)
    return None


def _from_darknet(file: Path) -> YoloSource | None:
    """Read ``obj.data``: lines ``key = value`` with the lists of the parts and of the names."""
    pairs = (line.partition("=") for line in read_lines(file))
    content = {key.strip(): value.strip() for key, _, value in pairs}
    findings = Findings()
    parts: dict[str, list[Path]] = {}
    for part, keys in PART_KEYS.items():
        given = next((content[key] for key in keys if content.get(key)), None)
        place = place_of(given, file.parent, file, findings) if given else None
        if place is not None and os.path.exists(place):
            parts[part] = [place]
    parts = parts or part_folders(file.parent)
    if not parts:
        return None
    names = place_of(content.get("names") or "obj.names", file.parent, file, findings)
    known = class_list(names) if os.path.isfile(names) else None
    return YoloSource(file.parent, parts, known, ".txt", read_text_labels, findings=findings)


def _list_files(root: Path) -> dict[str, list[Path]]:
    """Parts by lists of images in the root itself; ``trainval`` where there is no ``train``."""
    files = {
        file.stem.lower(): file
        for file in children(root)
        if file.suffix.lower() == ".txt" and file.stem.lower() in LIST_STEMS
    }
    lists = {stem: file for stem, file in files.items() if file.is_file() and _lists_images(file)}
    if "train" in lists:
        lists.pop("trainval", None)
    parts: dict[str, list[Path]] = {}
    for stem, file in lists.items():
        parts.setdefault(LIST_STEMS[stem], []).append(file)
    return {part: parts[part] for part in SPLITS if part in parts}


def _lists_images(file: Path) -> bool:
    try:
        lines = [line.strip() for line in read_lines(file) if line.strip()]
    except DataError:
        return False
    return bool(lines) and all(is_image_name(path_parts(line)[-1:][0]) for line in lines[:20])
