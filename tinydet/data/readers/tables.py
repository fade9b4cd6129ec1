"""Data sets whose labels name their images: one or more label files for each part."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tinydet.data.findings import Findings
from tinydet.data.readers.annotations import Annotations
from tinydet.data.readers.listed_images import ListedImages
from tinydet.data.readers.named_boxes import NamedBoxes
from tinydet.data.readers.parts import (
    IMAGE_FOLDERS,
    SPLITS,
    children,
    folders_in,
    part_folders,
    part_of_folder,
    split_of,
    subfolder,
)
from tinydet.progress import track

LABEL_FOLDERS = ("annotations", "annotation", "labels", "json", "jsons", "xml", "xmls", "ann")
LONG = 5000  # images from which on reading takes seconds and shows its progress


class Reading(NamedTuple):
    """One label file while it is read.

    Attributes:
        file: The label file.
        part: Of the data set that is read; ``""`` where it has none.
        images: Finds the images by name.
        boxes: Takes images, boxes and faults.
        wanted: Classes that the user chose; empty for all.
    """

    file: Path
    part: str
    images: ListedImages
    boxes: NamedBoxes
    wanted: Sequence[str] = ()

    def start_image(
        self,
        name: object,
        label_size: tuple[float | None, float | None] | None,
        below: str = "",
    ) -> bool:
        """Find an image by its name and start it; False where it does not exist (counted).

        Args:
            name: As the label file writes it.
            label_size: See ``NamedBoxes.image``.
            below: A folder that the name may leave out.
        """
        if not isinstance(name, str) or not name:
            self.boxes.faults.add(self.file, "an image without a name")
            return False
        path = self.images.find(name, self.part or None, below)
        if path is None:
            return False
        self.boxes.image(path, label_size)
        return True


@dataclass(frozen=True)
class TableSource:
    """Recognised label files.

    Attributes:
        root: What the user gave.
        files: Part (``""`` where the data set has none) to its label files.
        format: Name of the label format.
        read_file: Reads one label file.
        folders: Where the images of a label file may lie, most likely first.
        one_per_image: A label file is of one image; an image without one has no objects.
        findings: What recognition already found.
        image_folder: Where the images are, where the user says so: no other folder is tried.
    """

    root: Path
    files: dict[str, list[Path]]
    format: str
    read_file: Callable[[Reading], None]
    folders: Callable[[Path], Iterable[Path]]
    one_per_image: bool = False
    findings: Findings = field(default_factory=Findings)
    image_folder: Path | None = None

    @property
    def splits(self) -> tuple[str, ...]:
        """Parts it has."""
        return tuple(part for part in self.files if part)

    def read(self, split: str | None, class_names: Sequence[str] | None) -> Annotations:
        """See ``Source.read``."""
        boxes = NamedBoxes(self.format, self.root)
        boxes.findings.include(self.findings)
        images = ListedImages(self.image_folder or home_of(self.root), boxes.findings)
        chosen = [(part, file) for part, files in self.files.items() for file in files]
        chosen = [(part, file) for part, file in chosen if split in (None, part)]
        for part, file in track(chosen, "reading labels") if len(chosen) > LONG else chosen:
            boxes.start_part(part)
            images.look_in([self.image_folder] if self.image_folder else self.folders(file))
            self.read_file(Reading(file, part, images, boxes, class_names or ()))
        if split is None or len(self.files) == 1:  # else the others are of other parts
            for path in images.unlisted():
                if self.one_per_image:
                    boxes.start_part(next(iter(self.files), "") if len(self.files) == 1 else "")
                    boxes.unlabelled(path)
                else:
                    boxes.findings.add("unlisted_images", path)
        return boxes.done()


def home_of(path: Path) -> Path:
    """The folder of a data set that is given by its folder or by one of its label files."""
    if path.is_dir():
        return path
    holder = path.absolute().parent
    return holder.parent if holder.name.lower() in LABEL_FOLDERS else holder


def homes(file: Path) -> list[Path]:
    """The folder of a label file, and the one above if the first is for labels or of a part."""
    name = file.parent.name.lower()
    has_own_folder = name in LABEL_FOLDERS or bool(split_of(name))
    return [file.parent, *([file.parent.parent] if has_own_folder else [])]


def image_folders(file: Path) -> Iterator[Path]:
    """Where the images of a label file may lie: beside it, in ``images``, or one folder above."""
    for base in homes(file):
        yield base
        yield from filter(None, [subfolder(base, IMAGE_FOLDERS)])


def label_tables(path: Path, suffixes: Sequence[str]) -> list[Path]:
    """Files that may hold labels, of a folder also those in folders for labels and of its parts.

    Args:
        path: What the user gave; exists.
        suffixes: In lower case.
    """
    if path.is_file():
        return [path] if path.suffix.lower() in suffixes else []
    folders = [path, *(p for ps in part_folders(path).values() for p in ps)]
    folders += [p for p in folders_in(path) if split_of(p.name)]
    inside = [{p.name.lower(): p for p in folders_in(folder)} for folder in folders]
    holders = [there[name] for there in inside for name in LABEL_FOLDERS if name in there]
    folders += [*holders, *(p for holder in holders for p in folders_in(holder))]
    unique: dict[Path, Path] = {}
    for folder in folders:
        for file in children(folder):
            if file.suffix.lower() in suffixes and file.is_file():
                unique.setdefault(file.resolve(), file)
    return sorted(unique.values())


def by_part(files: Iterable[Path], root: Path, findings: Findings) -> dict[str, list[Path]]:
    """Label files by the part of the data set that their name or a folder of theirs speaks of.

    Where there is a train part, files of no part are left out and counted; where there is none,
    they are the train part of those that are.

    Args:
        files: Label files below ``root``.
        root: What the user gave.
        findings: Counts files of no part.
    """
    parts: dict[str, list[Path]] = {}
    for file in files:
        inside = file.parent.relative_to(root).parts if root in file.parents else ()
        folder_parts = [part_of_folder(name) or split_of(name) for name in reversed(inside)]
        named = (part for part in (split_of(file.stem), *folder_parts) if part)
        parts.setdefault(next(named, ""), []).append(file)
    if len(parts) > 1 and "" in parts:
        rest = parts.pop("")
        if "train" in parts:
            for file in rest:
                findings.add("partless_files", file)
        else:
            parts["train"] = rest
    return {part: parts[part] for part in ("", *SPLITS) if part in parts}
