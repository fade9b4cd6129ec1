"""The parts of a data set (train, val, test): told by the names of folders and files."""

import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from tinydet.data.findings import Findings
from tinydet.data.image_files import list_images
from tinydet.data.input_files import unreadable

SPLITS = ("train", "val", "test")
WORD = r"(train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?)"
SPLIT_WORD = re.compile(rf"(?<![a-z]){WORD}(?![a-z])")
# As in "train", "train2017", "training_set", "images_val"; "obj_train_data" is CVAT's.
PART_FOLDER = re.compile(rf"(?:obj_|images?[_-])?{WORD}(?:[_-]?(?:data|set|images?))?[_-]?\d*")
IMAGE_FOLDERS = ("images", "image", "imgs", "img", "jpegimages")


def split_of(name: str) -> str | None:
    """The part of a data set that a file or folder name speaks of.

    >>> [split_of(n) for n in ("instances_train2017", "valid", "Test", "contest", "images")]
    ['train', 'val', 'test', None, None]
    """
    match = SPLIT_WORD.search(name.lower())
    return split_from_word(match.group(1)) if match else None


def split_from_word(word: str) -> str:
    """``train``, ``val`` or ``test`` of one of the words for it."""
    return next(split for split in SPLITS if word.startswith(split))


def part_of_folder(name: str) -> str | None:
    """The part that a folder holds by its name, None where the name is none of the usual.

    >>> [part_of_folder(n) for n in ("train", "valid", "obj_train_data", "train_photos", "2017")]
    ['train', 'val', 'train', None, None]
    """
    match = PART_FOLDER.fullmatch(name.lower())
    return split_from_word(match.group(1)) if match else None


def children(folder: Path) -> list[Path]:
    """What lies in a folder, hidden entries left out, sorted by name.

    Raises:
        DataError: The folder may not be read.
    """
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise unreadable(folder, error, "Correct the path.") from None


def folders_in(folder: Path) -> list[Path]:
    """The folders that lie in a folder, hidden ones left out, sorted by name.

    One look at the folder, not one at each of its entries, which may be 100,000 images.

    Raises:
        DataError: The folder may not be read.
    """
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if not e.name.startswith(".") and _is_folder(e)]
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the latter: no path at all
        return []
    except OSError as error:
        raise unreadable(folder, error, "Correct the path.") from None
    return [folder / name for name in sorted(names)]


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    return os.path.isdir(entry) if entry.is_symlink() else entry.is_dir(follow_symlinks=False)


def subfolder(folder: Path, names: Iterable[str]) -> Path | None:
    """The first of these sub-folders that exists, in any case of its letters.

    Args:
        folder: Where to look.
        names: In lower case, in the order of preference.
    """
    there = {entry.name.lower(): entry for entry in folders_in(folder)}
    return next((there[name] for name in names if name in there), None)


def part_folders(root: Path) -> dict[str, list[Path]]:
    """The folders of the parts of a data set.

    Known: ``images/train``, ``train/images`` and ``train`` (likewise train2017, val, valid,
    validation, test, obj_train_data).

    Returns:
        Part to folders, in the order train, val, test; empty where there are no such folders.
    """
    for holder in (subfolder(root, IMAGE_FOLDERS), root):
        parts: dict[str, list[Path]] = {}
        for folder in folders_in(holder) if holder else ():
            part = part_of_folder(folder.name)
            if part:
                parts.setdefault(part, []).append(folder)
        if parts:
            return {part: parts[part] for part in SPLITS if part in parts}
    return {}


def count_partless(root: Path, used: Iterable[Path], findings: Findings) -> None:
    """Count the images below a root that none of the parts holds.

    Args:
        root: Root of the data set.
        used: Image files and folders of the parts.
        findings: Counts the others.
    """
    real = cache(os.path.realpath)  # of folders: it asks the system for each part of a path
    folders, images = set(), set()
    for place in used:
        if place.is_dir():
            folders.add(real(str(place)))
        else:
            images.add((real(str(place.parent)), place.name))
    for image in list_images(root):
        folder = real(str(image.parent))
        is_used = (folder, image.name) in images or any(
            parent in folders for parent in _with_parents(folder)
        )
        if not is_used:
            findings.add("partless_images", image)


def _with_parents(folder: str) -> Iterator[str]:
    while True:
        yield folder
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above
