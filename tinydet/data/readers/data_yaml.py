"""The ``data.yaml`` of a YOLO data set: parts, names, keypoints."""

import itertools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tinydet.data.findings import Findings
from tinydet.data.input_files import read_yaml
from tinydet.data.readers.class_lists import refuse_repeated
from tinydet.data.readers.listed_images import path_parts
from tinydet.data.readers.parts import children, part_of_folder
from tinydet.data.readers.yolo import YoloSource, read_text_labels
from tinydet.errors import DataError, readable

PART_KEYS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
YAML_SUFFIXES = (".yaml", ".yml")
YAML_STEMS = ("data", "dataset")
MAX_LEVELS = 3  # a part lies at most so deep below its data.yaml, as in root/images/train/day
NOTHING = ("", "null", "~", ".", "None")  # what stands for no value: scalars are read as text
MOST_CLASSES = 100_000
POLYGON_TASKS = ("segment", "segmentation", "obb")

Entries = dict[str, Any]


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
        parts = _parts(file, content, Findings())
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
    return _source(path, parts, content, file, Findings())


def _yaml_files(folder: Path) -> list[Path]:
    """``data.yaml`` first, then the others by name."""
    files = [p for p in children(folder) if p.suffix.lower() in YAML_SUFFIXES and p.is_file()]
    return sorted(files, key=lambda p: (p.stem.lower() not in YAML_STEMS, p.name))


def _describes_data(file: Path) -> bool:
    """Whether a YAML file is a data set description; others may lie beside the images."""
    try:
        content = _parse(file)
    except DataError:
        return file.stem.lower() in YAML_STEMS  # let the reader say what is wrong with it
    keys = {key for keys in PART_KEYS.values() for key in keys}
    return bool(keys & set(content)) and bool({"names", "nc", "path"} & set(content))


def _parse(file: Path) -> Entries:
    content = read_yaml(file)
    if not isinstance(content, dict):
        raise DataError(file, "is not a mapping of keys", "Write path, train, val and names.")
    return {key: value for key, value in content.items() if isinstance(key, str)}


def _from_yaml(file: Path) -> YoloSource:
    content = _parse(file)
    findings = Findings()
    return _source(file, _parts(file, content, findings), content, file, findings)


def _source(
    root: Path, parts: dict[str, list[Path]], content: Entries, file: Path, findings: Findings
) -> YoloSource:
    return YoloSource(
        root,
        parts,
        _names(content, file),
        ".txt",
        read_text_labels,
        num_keypoint_values=_keypoint_values(content, file),
        has_polygons=content.get("task") in POLYGON_TASKS,
        findings=findings,
    )


def _keypoint_values(content: Entries, file: Path) -> int:
    """Values after a box: ``kpt_shape`` is the number of keypoints and of values of each."""
    given = content.get("kpt_shape")
    if given in (None, *NOTHING):
        return 0
    sides = [int(v) if isinstance(v, str) and v.isdecimal() and len(v) < 6 else 0 for v in given]
    if len(sides) != 2 or sides[1] not in (2, 3) or sides[0] < 1:
        found = f"kpt_shape is {readable(given, 60)}, not [number of keypoints, 2 or 3]"
        raise DataError(file, found, "Correct it.")
    return sides[0] * sides[1]


def _parts(file: Path, content: Entries, findings: Findings) -> dict[str, list[Path]]:
    root = _root(file, content, findings)
    parts: dict[str, list[Path]] = {}
    for part, keys in PART_KEYS.items():
        given = next((content[key] for key in keys if content.get(key)), None)
        entries = _entries(given, part, file) if given else []
        for place in [place_of(entry, root, file, findings) for entry in entries]:
            if os.path.exists(place):
                parts.setdefault(part, []).append(place)
            else:
                findings.add("missing_parts", place)
    if not parts:
        looked = ", ".join(findings.examples.get("missing_parts", [])) or "no train, val or test"
        raise DataError(file, f"names no images that exist ({looked})", "Correct path and train.")
    return parts


def _root(file: Path, content: Entries, findings: Findings) -> Path:
    given = content.get("path")
    if not isinstance(given, str) or given in NOTHING:
        return file.parent
    for root in (file.parent / given, Path(given)):
        if os.path.isdir(root):
            return root
    findings.add("replaced_roots", f"{file} (path: {given})")
    return file.parent


def _entries(given: object, part: str, file: Path) -> list[str]:
    entries = given if isinstance(given, list) else [given]
    if not all(isinstance(entry, str) for entry in entries):
        raise DataError(file, f"{part} is neither a path nor a list of paths", "Correct it.")
    texts = [entry for entry in entries if isinstance(entry, str)]
    return [entry for entry in texts if entry not in NOTHING or entry == "."]


def place_of(entry: str, root: Path, file: Path, findings: Findings) -> Path:
    """Folder or list file of a part; a path of another machine is found by its end (counted).

    Roboflow writes ``../train/images`` for ``train/images``; nobody need be told that. The end is
    never so short that it leaves out the word for the part: ``images`` is not ``val/images``.
    """
    homes: Iterable[Path] = dict.fromkeys([root, file.parent])
    plain = [home / entry for home in homes]
    plain += [home / entry[3:] for home in homes if entry.startswith("../")]
    tail = path_parts(entry)
    words = [index for index, folder in enumerate(tail) if part_of_folder(folder)]
    ends = range(words[-1] + 1 if words else len(tail))
    moved = [home.joinpath(*tail[i:]) for i in ends for home in homes]
    for candidate in (*plain, *moved):
        if os.path.exists(candidate):
            if candidate not in plain:
                findings.add("moved_parts", f"{entry} -> {candidate}")
            return candidate
    return plain[0]


def _names(content: Entries, file: Path) -> dict[int, str] | None:
    given = content.get("names")
    count = content.get("nc")
    if given in (None, "") and isinstance(count, str) and count.isdecimal() and len(count) < 6:
        given = [f"class_{index}" for index in range(int(count))]
    if given in (None, ""):
        return None
    if isinstance(given, list):
        given = {str(index): name for index, name in enumerate(given)}
    try:
        names = {
            int(i): name for i, name in given.items() if isinstance(name, str) and name.strip()
        }
    except (AttributeError, TypeError, ValueError):
        names = {}
    if not names or len(names) != len(given) or not all(0 <= i < MOST_CLASSES for i in names):
        found = "names is neither a list of names nor a mapping of class ids to names (not empty)"
        raise DataError(file, found, "Correct it.")
    if isinstance(count, str) and count.isdecimal() and count.lstrip("0") != str(len(names)):
        found = f"nc is {readable(count, 20)}, but there are {len(names)} names"
        raise DataError(file, found, "Correct one of them.")
    refuse_repeated(list(names.values()), file)
    return dict(sorted(names.items()))
