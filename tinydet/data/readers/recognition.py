"""Which format a path holds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tinydet.data.findings import Findings
from tinydet.data.image_files import list_images
from tinydet.data.input_files import read_json, unreadable
from tinydet.data.readers.annotations import Source
from tinydet.data.readers.archives import is_zip, unpack
from tinydet.data.readers.csv_labels import find_csv, read_header
from tinydet.data.readers.cvat import find_cvat
from tinydet.data.readers.data_yaml import YAML_STEMS, YAML_SUFFIXES, find_yolo_yaml
from tinydet.data.readers.json_labels import find_json
from tinydet.data.readers.parts import IMAGE_FOLDERS, children, folders_in, part_of_folder, split_of
from tinydet.data.readers.tables import LABEL_FOLDERS, TableSource, label_tables
from tinydet.data.readers.unsupported import refuse_unsupported
from tinydet.data.readers.voc import VocPart, VocSource, find_voc
from tinydet.data.readers.yolo_layout import find_label_files
from tinydet.errors import DataError, readable

LOOKED_FOR = (
    "a YOLO data.yaml, images/ with labels/, image files with .txt files of the same name; "
    "a COCO, labelme or Label Studio .json, a CVAT .xml or a .csv, here or in annotations/; "
    "Pascal VOC JPEGImages/ with Annotations/, image files with .xml files of the same name; "
    "image files with .tfs files of the same name; a .zip of any of these"
)
FINDERS: tuple[Callable[[Path], Source | None], ...] = (
    find_yolo_yaml,
    find_json,
    find_cvat,
    find_voc,
    find_csv,
    find_label_files,
)
MOST_FOLDERS = 20  # looked into, of a folder that is no data set
MAX_WRAPPED = 3  # folders that hold nothing but one folder, as zip files often do


def recognise(path: Path, image_folder: Path | None = None) -> tuple[Source, Findings]:
    """The data set that a path holds, and what was met on the way to it.

    Args:
        path: What the user gave.
        image_folder: Where the images are, for labels that lie elsewhere.

    Raises:
        DataError: There is nothing, or nothing of a known format.
    """
    findings = Findings()
    try:
        exists = path.exists()
    except OSError as error:
        raise unreadable(path, error, "Correct the path of the data set.") from None
    if not exists:
        raise DataError(path, "does not exist", "Correct the path of the data set.")
    if not path.is_dir() and not path.is_file():
        raise DataError(path, "is neither a file nor a folder", "Correct the path.")
    place = path
    if is_zip(path):
        place, inner = unpack(path)
        for name in inner:
            findings.add("inner_archives", f"{path}: {name}")
    source = _labels_only(place, image_folder) or _find(place)
    if source is None:
        refuse_several(_unwrapped(place), path)
        refuse_unsupported(place)
        tables = _other_tables(place)
        if place.is_dir() and not list_images(place):
            found = "has no image and no data set description"
            raise DataError(path, found, f"Give {LOOKED_FOR}.")
        found = f"no labels of a known format found{tables}"
        raise DataError(path, found, f"Looked for {LOOKED_FOR}.")
    return _with_images(source, image_folder, findings), findings


def _other_tables(path: Path) -> str:
    """The first table that holds no boxes, and its columns, as the end of a sentence, if any.

    A broken file that would hold labels is an error.
    """
    for file in label_tables(path, (".json",)):
        read_json(file)
    tables = [(file, read_header(file)) for file in label_tables(path, (".csv",))]
    return "".join(
        f"; {readable(file.name, 60)} has the columns {readable(', '.join(columns), 200)}, not "
        "filename, class, xmin, ymin, xmax, ymax (pixels)"
        for file, columns in tables[:1]
    )


def refuse_several(place: Path, path: Path) -> None:
    """Name the data sets in the folders of one that is none itself.

    Raises:
        DataError: There is at least one.
    """
    folders = folders_in(place)[:MOST_FOLDERS]
    sets = [readable(folder.name, 40) for folder in folders if _holds_data(folder)]
    if sets:
        what = f"{len(sets)} data sets" if len(sets) > 1 else "a data set"
        found = f"is no data set itself, but contains {what} ({', '.join(sets[:5])})"
        raise DataError(path, found, "Give that one, or a list: 'training_path: [a, b]'.")


def _holds_data(folder: Path) -> bool:
    try:
        return _find(folder) is not None
    except DataError:
        return False


def _find(path: Path) -> Source | None:
    place = _unwrapped(path)
    return next(filter(None, (find(place) for find in FINDERS)), None)


def _unwrapped(path: Path) -> Path:
    """The folder of the data set: zip files and exports often wrap it in folders of no meaning.

    Raises:
        DataError: There are several data sets in it.
    """
    for _ in range(MAX_WRAPPED):
        if not path.is_dir():
            return path
        entries = [entry for entry in children(path) if not _is_note(entry)]
        folders = [entry for entry in entries if entry.is_dir() and not _has_meaning(entry.name)]
        described = [folder for folder in folders if _is_described(folder)]
        if _is_described(path):
            return path
        if len(described) > 1:
            names = ", ".join(readable(folder.name, 40) for folder in described[:5])
            found = f"contains {len(described)} data sets ({names})"
            raise DataError(path, found, "Give one of them, or a list: 'training_path: [a, b]'.")
        if len(described) != 1 and len(folders) != len(entries):
            return path
        inner = described or folders
        if len(inner) != 1:
            return path
        path = inner[0]
    return path


def _is_described(folder: Path) -> bool:
    return any((folder / f"{s}{end}").is_file() for s in YAML_STEMS for end in YAML_SUFFIXES)


def _is_note(entry: Path) -> bool:
    return entry.is_file() and entry.name.lower().startswith(("readme", "license"))


def _has_meaning(name: str) -> bool:
    """Whether a folder is not a data set but a piece of one."""
    lower = name.lower()
    pieces = (*IMAGE_FOLDERS, *LABEL_FOLDERS, "imagesets")
    return lower in pieces or part_of_folder(lower) is not None or split_of(lower) is not None


def _labels_only(path: Path, image_folder: Path | None) -> Source | None:
    """A folder of VOC's xml files whose images the user names."""
    if image_folder is None or not path.is_dir() or not any(path.glob("*.xml")):
        return None
    return None if find_cvat(path) else VocSource(path, {"": [VocPart(image_folder, path)]})


def _with_images(source: Source, image_folder: Path | None, findings: Findings) -> Source:
    if image_folder is None:
        return source
    if isinstance(source, TableSource):
        return replace(source, image_folder=image_folder)
    if isinstance(source, VocSource):
        parts = {
            part: [place._replace(images=image_folder) for place in places]
            for part, places in source.parts.items()
        }
        return replace(source, parts=parts)
    findings.add("unused_image_folders", image_folder)
    return source
