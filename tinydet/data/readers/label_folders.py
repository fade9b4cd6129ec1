"""Which label file belongs to which image, where each image has its own."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tinydet.data.findings import Findings
from tinydet.data.image_files import is_image_name, list_images
from tinydet.data.input_files import read_lines, text_number, unreadable
from tinydet.data.readers.listed_images import UPLOAD_MARK, ListedImages, one_spelling
from tinydet.data.readers.parts import IMAGE_FOLDERS, subfolder
from tinydet.errors import DataError

# Text files that lie in label folders. They are labels where an image has their name and they
# hold numbers; else they are no labels.
NAME_FILES = ("classes.txt", "obj.names", "classes.names", "_darknet.labels")
NO_LABELS = {
    *NAME_FILES,
    *("train.txt", "val.txt", "valid.txt", "test.txt", "requirements.txt", "labels.txt"),
}
COLUMNS = 5  # that a label line has at least


class LabelFolders:
    """Finds label files by listing each folder once.

    The labels of ``.../images/.../x.jpg`` are ``.../labels/.../x.txt`` (the last ``images`` in the
    path counts) or else lie beside the image. Letters of folders and suffixes may be of any case.

    Args:
        suffix: Of the label files, in lower case, as ``".txt"``.
        findings: Counts what is there but not used.
    """

    def __init__(self, suffix: str, findings: Findings) -> None:
        self._suffix = suffix
        self._findings = findings
        self._folders_of: dict[str, list[str]] = {}
        self._labels: dict[str, dict[str, str]] = {}  # folder to stem to file name
        self._image_of: dict[str, str] = {}  # label file to the image that uses it

    def label_of(self, image: Path) -> Path | None:
        """The label file of an image, None where it has none."""
        parent, name = os.path.split(image)
        if parent not in self._folders_of:
            self._folders_of[parent] = [str(folder) for folder in label_folders(Path(parent))]
        stem = os.path.splitext(name)[0]
        found = [path for path in (self._in(f, stem) for f in self._folders_of[parent]) if path]
        if not found:
            return None
        path, *others = found
        if self._image_of.setdefault(path, str(image)) != str(image):
            self._findings.add("shared_labels", path)
        for other in others:
            self._image_of.setdefault(other, str(image))
            self._findings.add("second_labels", other)
        return Path(path)

    def _in(self, folder: str, stem: str) -> str | None:
        labels = self._names(folder)
        name = labels.get(stem) or labels.get(f"\0{one_spelling(stem)}")
        if name is None:
            return None
        path = os.path.join(folder, name)
        return path if name.lower() not in NO_LABELS or _holds_labels(Path(path)) else None

    def _names(self, folder: str) -> dict[str, str]:
        if folder not in self._labels:
            names = sorted(_names_with(folder, self._suffix), reverse=True)
            labels = {os.path.splitext(name)[0]: name for name in names}
            for stem, name in list(labels.items()):  # of an upload, or as another system spells it
                alias = UPLOAD_MARK.sub("", stem, count=1)
                if alias != stem or not stem.isascii():
                    labels.setdefault(f"\0{one_spelling(alias)}", name)
            self._labels[folder] = labels
        return self._labels[folder]

    def strays(self) -> Iterator[str]:
        """Label files, in the folders met so far, that belong to no image (of any part)."""
        image_folders: dict[str, list[str]] = {}
        for parent, folders in self._folders_of.items():
            for folder in folders:
                image_folders.setdefault(folder, []).append(parent)
            twin = _deepest_twin(Path(parent))  # labels may lie less deep than their images
            if twin:
                image_folders.setdefault(str(twin[0]), []).append(str(twin[1]))
        for folder, parents in image_folders.items():
            stems = {
                os.path.splitext(name)[0]
                for parent in parents
                for name in os.listdir(parent)
                if is_image_name(name)
            }
            for stem, name in sorted(self._names(folder).items()):
                path = os.path.join(folder, name)
                lower = name.lower()
                is_label = lower not in NO_LABELS and not lower.startswith(("readme", "_"))
                is_alias = stem.startswith("\0")
                if is_label and stem not in stems and not is_alias and path not in self._image_of:
                    yield path


def _holds_labels(path: Path) -> bool:
    """Whether a file that is called like a list of names or images holds label lines."""
    try:
        lines = [line.split() for line in read_lines(path) if line.strip()]
    except DataError:
        return False
    return all(
        len(words) >= COLUMNS and all(text_number(word) is not None for word in words)
        for words in lines
    )


def label_folders(image_folder: Path) -> list[Path]:
    """Where the labels of an image folder may lie: its ``labels`` twin if there is one, itself."""
    twin = _deepest_twin(image_folder)
    return [twin[0], image_folder] if twin and twin[1] == image_folder else [image_folder]


def _deepest_twin(image_folder: Path) -> tuple[Path, Path] | None:
    """The deepest folder below ``labels`` that fits an image folder, and which one it is of."""
    parts = image_folder.parts
    for index in range(len(parts) - 1, -1, -1):
        if parts[index].lower() in IMAGE_FOLDERS:
            twin, of = (
                subfolder(Path(*parts[:index]), ["labels", "label"]),
                Path(*parts[: index + 1]),
            )
            for part in parts[index + 1 :] if twin else ():
                inner = subfolder(twin, [part.lower()]) if twin else None
                if inner is None:
                    break
                twin, of = inner, of / part
            return (twin, of) if twin else None
    return None


def _names_with(folder: str, suffix: str) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.lower().endswith(suffix)]
    except OSError as error:
        raise unreadable(folder, error, "Correct the path.") from None


def part_images(
    places: Iterable[Path], images: ListedImages, root: Path, findings: Findings
) -> list[Path]:
    """The images of a part of a data set, each once.

    Args:
        places: Image folders (searched below, too), image files, and list files: text files with
            one image path per line, relative to the list file or to ``root``.
        images: Finds listed images.
        root: Root of the data set.
        findings: Counts pictures that cannot be used.
    """
    found: dict[Path, None] = {}
    for place in places:
        if place.is_dir():
            found.update(dict.fromkeys(list_images(place, findings)))
        elif is_image_name(place.name):
            found[place] = None
        else:
            images.look_in([place.parent, root])
            for line in filter(None, map(str.strip, read_lines(place))):
                image = images.find(line)
                if image is not None:
                    found[image] = None
    return list(found)
