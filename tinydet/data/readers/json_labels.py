"""Which kind of labels a json holds, and the data sets made of each kind."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tinydet.data.findings import Findings
from tinydet.data.input_files import open_input, read_json
from tinydet.data.readers import coco, label_studio, labelme
from tinydet.data.readers.tables import Reading, TableSource, by_part, image_folders, label_tables
from tinydet.data.readers.unsupported import json_advice
from tinydet.errors import DataError

START_BYTES = 4096
LARGE_BYTES = 64 << 20  # a larger file is not parsed only to know what it is


@dataclass(frozen=True)
class JsonKind:
    """A kind of labels in json.

    Attributes:
        format: Its name.
        is_kind: Tells it by the value of the file.
        read: Reads one file.
        folders: Where the images of a file may lie.
        one_per_image: Whether a file is of one image.
    """

    format: str
    is_kind: Callable[[object], bool]
    read: Callable[[Reading], None]
    folders: Callable[[Path], Iterable[Path]]
    one_per_image: bool = False


COCO = JsonKind(coco.FORMAT, coco.is_coco, coco.read_coco, coco.coco_folders)
LABELME = JsonKind(
    labelme.FORMAT, labelme.is_labelme, labelme.read_labelme, image_folders, one_per_image=True
)
LABEL_STUDIO = JsonKind(
    label_studio.FORMAT,
    label_studio.is_label_studio,
    label_studio.read_label_studio,
    image_folders,
)
KINDS = (COCO, LABELME, LABEL_STUDIO)


def find_json(path: Path) -> TableSource | None:
    """Recognise a json, or a folder that holds one or more, also in ``annotations``.

    Of COCO files of one part those named ``instances...`` are taken where there are any (the
    others are captions and keypoints of the same images).

    Args:
        path: What the user gave; exists.

    Returns:
        The source; None where there is none.

    Raises:
        DataError: ``path`` is a .json file, but not of a known kind; or beside label files there is
            one that cannot be read: it may be that of a part.
    """
    files = label_tables(path, (".json",))
    if path.is_file():
        kind = _kind(path) if files else None
        if files and kind is None:
            raise _unknown(path)
        return _source(path, kind, files) if kind else None
    kinds: dict[str, list[Path]] = {}
    others: list[Path] = []
    broken: list[DataError] = []
    for file in files:
        try:
            kind = LABELME if LABELME.format in kinds else _quiet_kind(file)
        except DataError as error:
            broken.append(error)
            continue
        # The first labelme file tells what the others are: there is one per image.
        (kinds.setdefault(kind.format, []) if kind else others).append(file)
    chosen = next((kind for kind in KINDS if kind.format in kinds), None)
    if chosen is None:
        return None
    if broken:
        raise broken[0]
    source = _source(path, chosen, kinds.pop(chosen.format))
    for file in (*others, *(file for files in kinds.values() for file in files)):
        source.findings.add("other_files", file)
    return source


def _source(path: Path, kind: JsonKind, files: list[Path]) -> TableSource:
    findings = Findings()
    parts = {"": files} if path.is_file() else by_part(files, path, findings)
    if kind is COCO:
        for part, of_part in parts.items():
            instances = [f for f in of_part if f.stem.lower().startswith("instances")]
            parts[part] = instances or of_part
            for file in of_part if instances else ():
                if file not in instances:
                    findings.add("other_files", file)
    return TableSource(
        path, parts, kind.format, kind.read, kind.folders, kind.one_per_image, findings
    )


def _kind(file: Path) -> JsonKind | None:
    content = read_json(file)
    return next((kind for kind in KINDS if kind.is_kind(content)), None)


def _quiet_kind(file: Path) -> JsonKind | None:
    """The kind of a json of any name; a faulty one that is named like COCO is left to the reader.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with open_input(file) as stream:
            start = stream.read(START_BYTES)
            size_bytes = stream.seek(0, 2)
        looks_like_coco = b'"images"' in start or file.stem.lower().startswith("instances")
        if size_bytes > LARGE_BYTES:
            return COCO if looks_like_coco or b'"info"' in start else None
        return _kind(file)
    except DataError:
        if file.stem.lower().startswith("instances"):
            return COCO
        raise


def _unknown(file: Path) -> DataError:
    advice = json_advice(read_json(file))
    if advice:
        return DataError(file, *advice)
    found = "is neither COCO nor labelme nor Label Studio"
    remedy = "COCO has lists images, annotations and categories; export the labels as COCO or YOLO."
    return DataError(file, found, remedy)
