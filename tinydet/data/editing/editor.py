"""Changing the labels of a data set, image by image, in its own format."""

import hashlib
import math
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tinydet.config.files import make_folder, write_text_atomically
from tinydet.errors import DataError, OutputError

Box = tuple[float, float, float, float]
SMALLEST_SIDE = 1e-4  # of the image; a smaller box is a slip of the mouse


@dataclass(frozen=True)
class EditableBox:
    """One labelled object as its file has it, not yet cleaned for training.

    Attributes:
        key: Which of the objects of its image in the file, from 0; None for a new one.
        class_name: Its class.
        box: ``(x_min, y_min, x_max, y_max)``, fractions of the upright image.
        ignored: Crowd or difficult.
        shape: What the file has: ``box``, ``polygon``, ``keypoints``, ``other``. Where its
            box is moved, a polygon becomes a box.
    """

    key: int | None
    class_name: str
    box: Box
    ignored: bool = False
    shape: str = "box"


class Backups:
    """Copies of label files as they were before the first change of a session.

    Args:
        root: Folder of the data set; label files lie below it.
        folder: Where the copies go; made with the first.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder
        self._kept: set[Path] = set()

    def keep(self, file: Path) -> None:
        """Copy a file that is about to be changed for the first time.

        The name of the copy ends in ``.bak``, so that no reader takes it for labels.

        Raises:
            OutputError: It cannot be copied; the file must then not be changed.
        """
        if file in self._kept or not file.exists():
            return
        inside = file.relative_to(self.root) if self.root in file.parents else Path(file.name)
        target = self.folder / f"{inside}.bak"
        try:
            make_folder(target.parent)
            shutil.copy2(file, target)
        except OSError as error:
            raise OutputError(target, str(error), "Make room or give write permission.") from None
        self._kept.add(file)


class LabelEditor(ABC):
    """Reads and replaces the labels of single images.

    Objects that are not changed stay as their file has them.

    Args:
        class_names: Classes that an object can have.
        backups: Keeps what is changed.
        files: Image to its label file, existing or not, where its place does not tell it.
    """

    has_ignored = True  # whether the format can mark an object as ignored

    def __init__(
        self,
        class_names: Sequence[str],
        backups: Backups,
        files: Mapping[Path, Path] | None = None,
    ) -> None:
        self.class_names = tuple(class_names)
        self.backups = backups
        self._files = files or {}

    @abstractmethod
    def read(self, image: Path) -> list[EditableBox]:
        """The objects of an image, in the order of the file.

        Raises:
            DataError: The label file cannot be read any more.
        """

    @abstractmethod
    def _write(self, image: Path, changes: "Changes") -> None:
        """Bring changes into the label file."""

    def replace(self, image: Path, boxes: Sequence[EditableBox], version: str) -> None:
        """Replace the labels of an image.

        Args:
            image: One of the data set.
            boxes: All objects that it is to have; those with a key that is missing are deleted.
            version: ``version_of`` what ``boxes`` was made from.

        Raises:
            DataError: The labels on the disk are others by now, or an object is not valid:
                nothing is written.
            OutputError: The file or its backup cannot be written.
        """
        before = self.read(image)
        if version_of(before) != version:
            found = "its labels were changed by another program"
            raise DataError(image, found, "Load the image again and repeat the change.")
        known = {box.key: box for box in before}
        kept = [self._checked(image, box, known) for box in boxes]
        keys = [box.key for box in kept if box.key is not None]
        if len(set(keys)) < len(keys):
            raise DataError(image, "an object is there twice", "Load the image again.")
        changed = {b.key: b for b in kept if b.key is not None and b != known[b.key]}
        deleted = {b.key for b in before if b.key is not None} - set(keys)
        new = [box for box in kept if box.key is None]
        if changed or deleted or new:
            self._write(image, Changes(changed, frozenset(deleted), new))

    def _checked(
        self, image: Path, box: EditableBox, known: dict[int | None, EditableBox]
    ) -> EditableBox:
        before = known.get(box.key)
        if box.key is not None and before is None:
            raise DataError(image, f"there is no object {box.key}", "Load the image again.")
        if before is not None and (before.class_name, before.box) == (box.class_name, box.box):
            ignored = box.ignored if self.has_ignored else before.ignored
            return replace(before, ignored=ignored)
        if box.class_name not in self.class_names:
            found = f"there is no class {box.class_name!r}"
            raise DataError(image, found, f"The data set has: {', '.join(self.class_names)}.")
        if box.ignored and not self.has_ignored:
            raise DataError(image, "this format cannot mark ignored objects", "Delete the mark.")
        if before is not None and before.box == box.box:
            return replace(box, shape=before.shape)
        return replace(box, box=_clipped(image, box.box), shape="box")

    def _save(self, file: Path, text: str) -> None:
        self.backups.keep(file)
        make_folder(file.parent)
        write_text_atomically(file, text)


@dataclass(frozen=True)
class Changes:
    """What is to happen to the objects of an image.

    Attributes:
        changed: Key to the object as it is to be.
        deleted: Keys.
        new: Objects to add.
    """

    changed: Mapping[int, EditableBox]
    deleted: frozenset[int]
    new: Sequence[EditableBox]


def version_of(boxes: Sequence[EditableBox]) -> str:
    """A short text that differs where labels differ."""
    return hashlib.sha256(repr(boxes).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _clipped(image: Path, box: Box) -> Box:
    if len(box) != 4 or not all(map(math.isfinite, box)):
        raise DataError(image, "a box is not four finite numbers", "Draw it again.")
    x0, y0, x1, y1 = (min(max(side, 0.0), 1.0) for side in box)
    if x1 - x0 < SMALLEST_SIDE or y1 - y0 < SMALLEST_SIDE:
        raise DataError(image, "a box has no area in the image", "Draw it again or delete it.")
    return x0, y0, x1, y1
