"""Which label file belongs to which image, where each image has its own."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from tinydet.data.findings import Findings
from tinydet.data.images import is_image_name, list_images
from tinydet.data.readers.annotations import SPLITS, LabelFaults, split_of
from tinydet.errors import DataError

PART_FOLDER = re.compile(r"(train|training|val|valid|validation|test|testing)\d*")
# Text files that lie in label folders and are no labels.
NAME_FILES = ("classes.txt", "obj.names", "classes.names", "_darknet.labels")
NO_LABELS = {*NAME_FILES, "train.txt", "val.txt", "valid.txt", "test.txt", "requirements.txt"}


class LabelFolders:
    """Finds label files by listing each folder once.

    The labels of ``.../images/.../x.jpg`` are ``.../labels/.../x.txt`` (the last ``images`` in the
    path counts), where that folder exists; else they lie beside the image.

    Args:
        suffix: Of the label files, as ``".txt"``.
    """

    def __init__(self, suffix: str) -> None:
        self._suffix = suffix
        self._folder_of: dict[str, str] = {}
        self._names: dict[str, set[str]] = {}
        self._used: set[str] = set()

    def label_of(self, image: Path) -> Path | None:
        """The label file of an image, None where it has none."""
        parent, name = os.path.split(image)
        folder = self._folder_of.get(parent)
        if folder is None:
            folder = self._folder_of[parent] = str(label_folder(Path(parent)))
            self._names.setdefault(folder, _names_with(folder, self._suffix))
        wanted = os.path.splitext(name)[0] + self._suffix
        if wanted not in self._names[folder] or wanted.lower() in NO_LABELS:
            return None
        path = os.path.join(folder, wanted)
        self._used.add(path)
        return Path(path)

    def strays(self) -> Iterator[str]:
        """Label files, in the folders met so far, that no image asked for."""
        for folder, names in self._names.items():
            for name in sorted(names):
                path = os.path.join(folder, name)
                is_label = name.lower() not in NO_LABELS and not name.lower().startswith("readme")
                if is_label and path not in self._used:
                    yield path


def label_folder(image_folder: Path) -> Path:
    """The ``labels`` twin of an ``images`` folder where it exists, else the folder itself."""
    parts = image_folder.parts
    for index in range(len(parts) - 1, -1, -1):
        if parts[index] == "images":
            twin = Path(*parts[:index], "labels", *parts[index + 1 :])
            return twin if twin.is_dir() else image_folder
    return image_folder


def _names_with(folder: str, suffix: str) -> set[str]:
    try:
        return {name for name in os.listdir(folder) if name.endswith(suffix)}
    except OSError as error:
        raise DataError(folder, f"cannot be read ({error.strerror})", "Correct it.") from None


def part_images(places: list[Path], root: Path, findings: Findings) -> list[Path]:
    """The images of a part of a data set, each once.

    Args:
        places: Image folders (searched below, too), image files, and list files: text files with
            one image path per line, relative to the list file or to ``root``.
        root: Root of the data set.
        findings: Counts listed images that do not exist.
    """
    images: dict[Path, None] = {}
    for place in places:
        if place.is_dir():
            images.update(dict.fromkeys(list_images(place)))
        elif is_image_name(place.name):
            images[place] = None
        else:
            for image in _listed(place, root):
                if image.is_file():
                    images[image] = None
                else:
                    findings.add("missing_images", image)
    return list(images)


def _listed(list_file: Path, root: Path) -> Iterator[Path]:
    for line in read_lines(list_file):
        if not line.strip():
            continue
        beside, below = list_file.parent / line.strip(), root / line.strip()
        yield below if not beside.is_file() and below.is_file() else beside


def read_lines(path: Path) -> list[str]:
    """Lines of a UTF-8 text file.

    Raises:
        DataError: It cannot be read or is no text.
    """
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "Correct it.") from None
    except UnicodeDecodeError:
        raise DataError(path, "is not UTF-8 text", "Save it as UTF-8.") from None


def read_label_lines(path: Path, faults: LabelFaults) -> list[str]:
    """Lines of a label file; a fault where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        faults.add(path, f"cannot be read ({error.strerror})")
    except UnicodeDecodeError:
        faults.add(path, "is not UTF-8 text")
    return []


def split_folders(root: Path) -> dict[str, list[Path]]:
    """Image folders of the parts of a data set, told by folder names.

    Known: ``images/train``, ``train/images`` and ``train`` (likewise train2017, val, valid,
    validation, test).

    Returns:
        Part to folders; ``{"": [folder]}`` where there are no parts.
    """
    holder = root / "images" if (root / "images").is_dir() else root
    parts: dict[str, list[Path]] = {}
    for folder in sorted(p for p in holder.iterdir() if p.is_dir()):
        split = split_of(folder.name) if PART_FOLDER.fullmatch(folder.name.lower()) else None
        if split:
            inner = folder / "images"
            parts.setdefault(split, []).append(inner if inner.is_dir() else folder)
    if parts and not any(is_image_name(entry.name) for entry in holder.iterdir()):
        return {split: parts[split] for split in SPLITS if split in parts}
    return {"": [holder]}
