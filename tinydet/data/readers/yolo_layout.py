"""Where a YOLO data set keeps its images, its labels and the names of its classes."""

import itertools
from pathlib import Path
from typing import Any

import yaml

from tinydet.data.findings import Findings
from tinydet.data.images import list_images
from tinydet.data.readers.label_folders import (
    NAME_FILES,
    LabelFolders,
    label_folder,
    read_lines,
    split_folders,
)
from tinydet.data.readers.tfs import read_tfs_labels
from tinydet.data.readers.yolo import YoloSource, read_text_labels
from tinydet.errors import DataError

PART_KEYS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
YAML_SUFFIXES = (".yaml", ".yml")
YAML_STEMS = ("data", "dataset")
MAX_LEVELS = 3  # a part lies at most so deep below its data.yaml, as in root/images/train/day


def find_yolo_yaml(path: Path) -> YoloSource | None:
    """Recognise a ``data.yaml``, a folder with one, or an image folder that one above speaks of.

    Args:
        path: What the user gave; exists.

    Returns:
        The source; None where there is no such file.

    Raises:
        DataError: The ``data.yaml`` is faulty.
    """
    if path.is_file():
        return _from_yaml(path) if path.suffix.lower() in YAML_SUFFIXES else None
    for file in _yaml_files(path):
        if _describes_data(file):
            return _from_yaml(file)
    for folder in list(path.absolute().parents)[:MAX_LEVELS]:
        for stem, suffix in itertools.product(YAML_STEMS, YAML_SUFFIXES):
            file = folder / (stem + suffix)
            source = _inside(file, path) if file.is_file() and _describes_data(file) else None
            if source is not None:
                return source
    return None


def _inside(file: Path, path: Path) -> YoloSource | None:
    """What a ``data.yaml`` above a folder says of it; None where it speaks of other folders."""
    try:
        content = _parse(file)
        findings = Findings()
        parts = _parts(file, content, findings)
    except DataError:  # a file above that is no use to itself says nothing of this folder
        return None
    wanted = path.resolve()
    below = {part: [p for p in ps if wanted in p.resolve().parents] for part, ps in parts.items()}
    below = {part: places for part, places in below.items() if places}
    holders = [(p if p.is_dir() else p.parent).resolve() for ps in parts.values() for p in ps]
    if below:
        parts = below
    elif any(wanted == holder or holder in wanted.parents for holder in holders):
        parts = {"": [path]}
    else:
        return None
    return YoloSource(path, parts, _names(content, file), ".txt", read_text_labels)


def find_label_files(path: Path) -> YoloSource | None:
    """Recognise image files with ``.txt`` or ``.tfs`` files in ``labels/`` or beside them.

    Args:
        path: What the user gave; exists.

    Returns:
        The source; None where no image has such a file.
    """
    if not path.is_dir():
        return None
    parts = split_folders(path)
    images = [image for places in parts.values() for p in places for image in list_images(p)]
    for suffix, reader, name in (
        (".tfs", read_tfs_labels, "TFS"),
        (".txt", read_text_labels, "YOLO"),
    ):
        folders = LabelFolders(suffix)
        if any(folders.label_of(image) for image in images):
            names = _names_from_files(path, images)
            return YoloSource(path, parts, names, suffix, reader, format=name)
    return None


def _yaml_files(folder: Path) -> list[Path]:
    """``data.yaml`` first, then the others by name."""
    files = [p for p in folder.iterdir() if p.suffix.lower() in YAML_SUFFIXES and p.is_file()]
    return sorted(files, key=lambda p: (p.stem not in YAML_STEMS, p.name))


def _describes_data(file: Path) -> bool:
    """Whether a YAML file is a data set description; others may lie beside the images."""
    try:
        content = _parse(file)
    except DataError:
        return file.stem in YAML_STEMS  # let the reader say what is wrong with it
    keys = {key for keys in PART_KEYS.values() for key in keys}
    return bool(keys & set(content)) and bool({"names", "nc", "path"} & set(content))


def _parse(file: Path) -> dict[Any, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        line = " ".join(str(error).split())
        raise DataError(file, f"cannot be read ({line})", "Correct the file.") from None
    if not isinstance(content, dict):
        raise DataError(file, "is not a mapping of keys", "Write path, train, val and names.")
    return content


def _from_yaml(file: Path) -> YoloSource:
    content = _parse(file)
    findings = Findings()
    parts = _parts(file, content, findings)
    names = _names(content, file)
    return YoloSource(file, parts, names, ".txt", read_text_labels, findings=findings)


def _parts(file: Path, content: dict[Any, Any], findings: Findings) -> dict[str, list[Path]]:
    root = _root(file, content, findings)
    parts: dict[str, list[Path]] = {}
    for part, keys in PART_KEYS.items():
        given = next((content[key] for key in keys if content.get(key)), None)
        places = [_place(e, root, file) for e in _entries(given, part, file)] if given else []
        for place in places:
            if place.exists():
                parts.setdefault(part, []).append(place)
            else:
                findings.add("missing_parts", place)
    if not parts:
        looked = ", ".join(findings.examples.get("missing_parts", [])) or "no train, val or test"
        raise DataError(file, f"names no images that exist ({looked})", "Correct path and train.")
    return parts


def _root(file: Path, content: dict[str, Any], findings: Findings) -> Path:
    given = content.get("path")
    if given in (None, "", "."):
        return file.parent
    for root in (file.parent / str(given), Path(str(given))):
        if root.is_dir():
            return root
    findings.add("replaced_roots", f"{file} (path: {given})")
    return file.parent


def _entries(given: object, part: str, file: Path) -> list[str]:
    entries = given if isinstance(given, list) else [given]
    if not all(isinstance(entry, str) for entry in entries):
        raise DataError(file, f"{part} is neither a path nor a list of paths", "Correct it.")
    return [str(entry) for entry in entries]


def _place(entry: str, root: Path, file: Path) -> Path:
    """Folder or list file of a part; Roboflow writes ``../train/images`` for ``train/images``."""
    candidates = [root / entry, file.parent / entry]
    if entry.startswith("../"):
        candidates.append(root / entry[3:])
    return next((c for c in candidates if c.exists()), candidates[0])


def _names(content: dict[str, Any], file: Path) -> dict[int, str] | None:
    given = content.get("names")
    if given is None and isinstance(content.get("nc"), int):
        given = [f"class_{index}" for index in range(content["nc"])]
    if given is None:
        return None
    if isinstance(given, list):
        given = dict(enumerate(given))
    try:
        names = {int(id_): str(name) for id_, name in given.items()}
    except (AttributeError, TypeError, ValueError):
        raise DataError(
            file, "names is neither a list nor a mapping of class ids to names", "Correct it."
        ) from None
    _refuse_repeated(list(names.values()), file)
    return dict(sorted(names.items()))


def _names_from_files(path: Path, images: list[Path]) -> dict[int, str] | None:
    """Names from ``classes.txt`` and the like, in, above or in ``labels`` beside the images."""
    folders = {path: None, path / "labels": None}
    for parent in {image.parent for image in images}:
        folders.update({parent: None, label_folder(parent): None})
    if path.name in ("images", "train", "val", "test"):
        folders.update({path.parent: None, path.parent.parent: None, path.parent / "labels": None})
    for folder in folders:
        for name in NAME_FILES:
            file = folder / name
            if file.is_file():
                names = [line.strip() for line in read_lines(file) if line.strip()]
                _refuse_repeated(names, file)
                return dict(enumerate(names))
    return None


def _refuse_repeated(names: list[str], file: Path) -> None:
    for name in names:
        if names.count(name) > 1:
            raise DataError(file, f"the class {name!r} is given twice", "Name each class once.")
