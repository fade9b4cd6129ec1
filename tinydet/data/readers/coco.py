"""COCO json: images, categories and annotations in one file per part of the data set."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinydet.data.readers.annotations import SPLITS, Annotations, LabelFaults, split_of
from tinydet.data.readers.frames import Frame
from tinydet.errors import DataError
from tinydet.progress import track

FORMAT = "COCO"
KEYS = ("images", "categories")
START_BYTES = 4096
FIRST_KEYS = (b'"info"', b'"licenses"', b'"images"', b'"annotations"', b'"categories"')
LONG = 5000  # images from which on reading takes seconds and shows its progress


@dataclass(frozen=True)
class CocoSource:
    """Recognised COCO files.

    Attributes:
        root: What the user gave.
        files: Part (``""`` where the names speak of none) to json files.
        image_folder: Where the images are; None searches near the json files.
        format: Name of the label format.
    """

    root: Path
    files: dict[str, list[Path]]
    image_folder: Path | None = None
    format: str = field(default=FORMAT)

    @property
    def splits(self) -> tuple[str, ...]:
        """Parts it has."""
        return tuple(part for part in self.files if part)

    def read(self, split: str | None, class_names: Sequence[str] | None) -> Annotations:  # noqa: ARG002
        """See ``Source.read``."""
        result = Annotations(FORMAT)
        faults = LabelFaults(self.root)
        for file in self.files[split] if split else [f for fs in self.files.values() for f in fs]:
            _read_file(file, self.image_folder, result, faults)
        faults.raise_if_any()
        return result


def find_coco(path: Path) -> CocoSource | None:
    """Recognise a COCO json, or a folder that holds one or more, also in ``annotations``.

    Of several files in a folder those named ``instances...`` are taken where there are any (the
    others are captions and keypoints of the same images).

    Args:
        path: What the user gave; exists.

    Returns:
        The source; None where there is none.

    Raises:
        DataError: ``path`` is a .json file, but no COCO one.
    """
    if path.is_file():
        if path.suffix.lower() != ".json":
            return None
        _load(path)
        return CocoSource(path, {"": [path]})
    candidates = _candidates(path)
    chosen = [file for file in candidates if file.stem.startswith("instances")] or [
        file for file in candidates if _is_coco(file)
    ]
    if not chosen:
        return None
    parts: dict[str, list[Path]] = {}
    for file in chosen:
        folder_part = split_of(file.parent.name) if file.parent != path else None
        parts.setdefault(split_of(file.stem) or folder_part or "", []).append(file)
    if "" in parts:  # a file of no part: then the data set is taken as a whole
        parts = {"": chosen}
    return CocoSource(path, {part: parts[part] for part in ("", *SPLITS) if part in parts})


def _candidates(path: Path) -> list[Path]:
    folders = [path, path / "annotations", path / "Annotations"]
    folders += sorted(p for p in path.iterdir() if p.is_dir() and split_of(p.name))
    unique = {
        f.resolve(): f for folder in folders if folder.is_dir() for f in folder.glob("*.json")
    }
    return sorted(unique.values())


def _is_coco(file: Path) -> bool:
    """Whether a .json of any name is a COCO file; its start is looked at before it is parsed."""
    try:
        with file.open("rb") as stream:
            start = stream.read(START_BYTES)
        if not any(key in start for key in FIRST_KEYS):
            return False
        _load(file)
    except (OSError, DataError):
        return False
    return True


def _load(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except OSError as error:
        raise DataError(file, f"cannot be read ({error.strerror})", "Correct it.") from None
    except (ValueError, RecursionError) as error:
        raise DataError(
            file, f"is not valid JSON ({error})", "Give a COCO annotation file."
        ) from None
    lists = isinstance(content, dict) and all(isinstance(content.get(k), list) for k in KEYS)
    if not lists or not isinstance(content.get("annotations", []), list):
        raise DataError(
            file,
            "lacks the lists images, annotations and categories",
            "Give a COCO annotation file.",
        )
    return dict(content)


def _read_file(
    file: Path, image_folder: Path | None, result: Annotations, faults: LabelFaults
) -> None:
    content = _load(file)
    class_index = _class_index(content["categories"], result.class_names, file)
    boxes_of: dict[object, list[dict[str, Any]]] = {}
    for annotation in content.get("annotations", []):
        if isinstance(annotation, dict):
            boxes_of.setdefault(annotation.get("image_id"), []).append(annotation)
        else:
            faults.add(file, f"annotation {annotation!r} is not a mapping")
    folders = ImageFolders(file, image_folder)
    images = content["images"]
    for image in track(images, "reading labels") if len(images) > LONG else images:
        if not isinstance(image, dict) or not isinstance(image.get("file_name"), str):
            faults.add(file, f"an image without file_name: {str(image)[:80]}")
            continue
        annotations = boxes_of.pop(image.get("id"), [])
        path = folders.find(image["file_name"])
        if path is None:
            result.findings.add("missing_images", image["file_name"])
            continue
        result.add_image(path)
        frame = Frame(path, _size(image), result.findings)
        for annotation in annotations:
            _add_box(annotation, frame, class_index, result, (faults, file))
    for image_id, annotations in boxes_of.items():
        result.findings.add("orphan_labels", f"{file}: image_id {image_id}", len(annotations))


def _class_index(categories: list[Any], names: list[str], file: Path) -> dict[object, int]:
    """Category id to index into ``names``, which grows by names not yet in it."""
    index_of: dict[object, int] = {}
    try:
        for category in sorted(categories, key=lambda c: int(c["id"])):
            name = str(category["name"])
            if name not in names:
                names.append(name)
            index_of[category["id"]] = names.index(name)
    except (KeyError, TypeError, ValueError):
        raise DataError(file, "a category has no id or name", "Correct the file.") from None
    if len(set(index_of.values())) != len(categories):
        raise DataError(
            file, "two categories share an id or a name", "Give each its own id and name."
        )
    return index_of


def _size(image: dict[str, Any]) -> tuple[int, int]:
    """``(height, width)`` of an image entry, 0 where it is missing or no number."""
    sides = [image.get(key) for key in ("height", "width")]
    height, width = (
        int(s) if isinstance(s, int | float) and math.isfinite(s) else 0 for s in sides
    )
    return height, width


def _add_box(
    annotation: dict[str, Any],
    frame: Frame,
    class_index: dict[object, int],
    result: Annotations,
    report: tuple[LabelFaults, Path],
) -> None:
    faults, file = report
    place = f"{file}: annotation {annotation.get('id')}"
    class_id = class_index.get(annotation.get("category_id"))
    if class_id is None:
        faults.add(place, f"category_id {annotation.get('category_id')} is not in categories")
        return
    box = annotation.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not _finite(box):
        faults.add(place, f"bbox {box} is not four finite numbers [x, y, width, height]")
        return
    x, y, width, height = map(float, box)
    if width < 0 or height < 0:
        faults.add(place, f"bbox {box} has a negative width or height")
        return
    ignored = bool(annotation.get("iscrowd")) or bool(annotation.get("ignore"))
    result.add_box(class_id, frame.fractions((x, y, x + width, y + height)), ignored)


def _finite(values: Iterable[object]) -> bool:
    return all(
        isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values
    )


class ImageFolders:
    """Finds the images of a COCO json, whose ``file_name`` is relative to a folder it never names.

    Tried: the json's folder and the one above, each by itself and with ``images``, then with the
    part's name in the file name (``train2017`` of ``instances_train2017.json``) or its short form
    (``train``) below. The folder that held the last image is tried first.

    Args:
        file: The json file.
        image_folder: The folder of the images where the user names it: no other is tried.
    """

    def __init__(self, file: Path, image_folder: Path | None = None) -> None:
        tag = file.stem.removeprefix("instances_").removeprefix("image_info_")
        part = split_of(file.stem)
        tags = [tag, part] + (["valid", "validation"] if part == "val" else [])
        self._folders: list[Path] = [] if image_folder is None else [image_folder]
        for base in () if image_folder else (file.parent, file.parent.parent):
            for holder in (base, base / "images", base / "JPEGImages"):
                folders = [holder / t for t in tags if t]
                folders += [folder / "images" for folder in folders]
                self._folders += [f for f in (*folders, holder) if f.is_dir()]

    def find(self, file_name: str) -> Path | None:
        """The image file, None where it is in none of the folders."""
        for index, folder in enumerate(self._folders):
            path = folder / file_name
            if path.is_file():
                if index:
                    self._folders.insert(0, self._folders.pop(index))
                return path
        return None
