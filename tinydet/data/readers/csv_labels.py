"""Labels in tables: Open Images, TensorFlow's and RetinaNet's CSV, and lists of boxes by image."""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from tinydet.data.findings import Findings
from tinydet.data.image_files import is_image_name
from tinydet.data.input_files import open_input, read_lines, text_number
from tinydet.data.readers.parts import SPLITS, split_of
from tinydet.data.readers.tables import Reading, TableSource, by_part, image_folders, label_tables
from tinydet.errors import DataError, readable

OPEN_IMAGES, TABLE, LISTED = "Open Images CSV", "CSV", "list of boxes"
CORNERS = ("xmin", "ymin", "xmax", "ymax")
OPEN_IMAGES_KEYS = {"imageid", "labelname", *CORNERS}
IMAGE_KEYS = ("filename", "image", "imagepath", "imagename", "path", "img", "file")
CLASS_KEYS = ("class", "label", "classname", "name", "category", "classlabel")
PART_KEYS = ("split", "set", "subset", "partition", "usage")
# Other names of the corners; of all names only letters and digits count: "X min" is "xmin".
ALIASES = {
    **dict(zip(("x1", "y1", "x2", "y2"), CORNERS, strict=True)),
    **dict(zip(("left", "top", "right", "bottom"), CORNERS, strict=True)),
}
RETINANET = ("image", *CORNERS, "class")
LISTED_FILE, NAMES_FILE = "_annotations.txt", "_classes.txt"

DELIMITERS = ",;\t"  # spreadsheets write semicolons where the comma is in the numbers

Row = dict[str, str]


def find_csv(path: Path) -> TableSource | None:
    """Recognise tables with a box per row, and Roboflow's ``_annotations.txt``.

    Args:
        path: What the user gave; exists.
    """
    open_images = (OPEN_IMAGES, lambda file: _header(file) >= OPEN_IMAGES_KEYS, read_open_images)
    listed = (LISTED, lambda file: file.name.lower() == LISTED_FILE, read_listed)
    for suffix, readers in (
        (".csv", (open_images, (TABLE, _is_table, read_table))),
        (".txt", (listed,)),
    ):
        tables = label_tables(path, (suffix,))
        for name, is_kind, read in readers:
            files = [file for file in tables if is_kind(file)]
            if files:
                findings = Findings()
                parts = _parts_by_column(files, findings) if read is read_table else {}
                read = (lambda reading: read_table(reading, reading.part)) if parts else read
                parts = parts or by_part(files, path, findings)
                return TableSource(path, parts, name, read, _folders, findings=findings)
    return None


def _parts_by_column(files: Sequence[Path], findings: Findings) -> dict[str, list[Path]]:
    """Parts that a column tells, as Roboflow's and AutoML's tables do; empty without one.

    Args:
        files: Tables; each is of all parts.
        findings: Counts images of no part.
    """
    tables = [file for file in files if not _header(file).isdisjoint(PART_KEYS)]
    images_of: dict[str, list[str]] = {}
    for image, rows in (pair for file in tables for pair in _by_image(file, IMAGE_KEYS).items()):
        images_of.setdefault(_part(rows), []).append(image)
    parts = {part: tables for part in SPLITS if part in images_of}
    if parts:
        for image in images_of.get("", ()):
            findings.add("partless_images", image)
        for file in files:
            if file not in tables:
                findings.add("partless_files", file)
    return parts


def _part(rows: list[tuple[int, Row]]) -> str:
    """The part of an image by the columns of its first row."""
    return next((split_of(rows[0][1][key]) or "" for key in PART_KEYS if key in rows[0][1]), "")


def _folders(file: Path) -> Iterator[Path]:
    yield from image_folders(file)
    part = file.stem.lower().partition("-")[0]  # train of train-annotations-bbox
    for folder in image_folders(file):
        yield from (folder / name for name in (part, f"{part}_images"))


def _rows(file: Path) -> Iterator[tuple[int, Row]]:
    """Line number and columns by their name in lower case, that of the header first.

    Raises:
        DataError: It is not text or no table.
    """
    with open_input(file) as stream:
        is_utf16 = stream.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        stream.seek(0)
        text = io.TextIOWrapper(stream, "utf-16" if is_utf16 else "utf-8-sig", newline="")
        try:
            line = text.readline()
            reader = csv.reader(chain([line], text), delimiter=_delimiter(line))
            first = next(reader, [])
            header: Sequence[str] = [_column(word) for word in first]
            if len(first) == len(RETINANET) and is_image_name(first[0].strip()):  # no header
                header = RETINANET
                yield 1, dict(zip(header, first, strict=True))
            else:
                yield 0, dict(zip(header, header, strict=True))
            for words in reader:
                if words:
                    yield reader.line_num, dict(zip(header, words, strict=False))
        except UnicodeDecodeError:
            raise DataError(file, "is not UTF-8 text", "Save it as CSV in UTF-8.") from None
        except csv.Error as error:
            found = f"is not a table ({readable(error)})"
            raise DataError(file, found, "Save it as CSV in UTF-8.") from None


def _column(word: str) -> str:
    """The name of a column as it is known here.

    >>> [_column(word) for word in (" X min", "file_name", "x2")]
    ['xmin', 'filename', 'xmax']
    """
    name = "".join(filter(str.isalnum, word.lower()))
    return ALIASES.get(name, name)


def _delimiter(line: str) -> str:
    """What stands between the columns of a first line: what there is most of.

    >>> [_delimiter(line) for line in ("a,b", "image;x min;x max", "one column")]
    [',', ';', ',']
    """
    return max(DELIMITERS, key=line.count)


def read_header(file: Path) -> list[str]:
    """The columns of a table, as they are known here.

    Raises:
        DataError: It is not text or no table.
    """
    return list(next(_rows(file))[1])


def _header(file: Path) -> set[str]:
    try:
        return set(read_header(file))
    except DataError:
        return set()


def _by_image(file: Path, keys: Sequence[str]) -> dict[str, list[tuple[int, Row]]]:
    """The rows of each image, which is named in the first of these columns that is not empty."""
    of_image: dict[str, list[tuple[int, Row]]] = {}
    for line, row in _rows(file):
        if line:
            image = next((row[key] for key in keys if row.get(key)), "")
            of_image.setdefault(image, []).append((line, row))
    return of_image


def _is_table(file: Path) -> bool:
    header = _header(file)
    return (
        header >= set(CORNERS) and bool(header & set(IMAGE_KEYS)) and bool(header & set(CLASS_KEYS))
    )


def read_open_images(reading: Reading) -> None:
    """Read a table of boxes as fractions; groups of objects are ignored boxes."""
    names = _class_descriptions(reading.file)
    for image, rows in _by_image(reading.file, ("imageid",)).items():
        if not reading.start_image(image if is_image_name(image) else f"{image}.jpg", None):
            continue
        for line, row in rows:
            label = row.get("labelname", "")
            box = [text_number(row.get(key)) for key in CORNERS]
            is_group = row.get("isgroupof", "").strip() == "1"
            reading.boxes.box(f"{reading.file}:{line}", names.get(label, label), box, is_group)


def _class_descriptions(file: Path) -> dict[str, str]:
    """``/m/01g317`` to ``Person``, from the table beside the labels or above; empty without."""
    for folder in (file.parent, file.parent.parent):
        for table in sorted(folder.glob("*class-descriptions*.csv")):
            words = (line.partition(",") for line in read_lines(table))
            return {code: name.strip().strip('"') for code, _, name in words}
    return {}


def read_table(reading: Reading, part: str = "") -> None:
    """Read a table of boxes in pixels.

    Args:
        reading: The table.
        part: Only images that a column says are of this part; ``""`` for all.
    """
    for image, rows in _by_image(reading.file, IMAGE_KEYS).items():
        first = rows[0][1]
        if part and _part(rows) != part:
            continue
        size = text_number(first.get("height")), text_number(first.get("width"))
        if not reading.start_image(image, size):
            continue
        for line, row in rows:
            corners = [row.get(key, "").strip() for key in CORNERS]
            label = next((row[key] for key in CLASS_KEYS if row.get(key)), None)
            if any(corners) or label:  # a row of empty columns is an image without objects
                box = [text_number(corner.replace(",", ".")) for corner in corners]
                reading.boxes.box(f"{reading.file}:{line}", label, box)


def read_listed(reading: Reading) -> None:
    """Read lines ``image x1,y1,x2,y2,class x1,y1,x2,y2,class ...``, classes by their number."""
    names_file = reading.file.parent / NAMES_FILE
    names = [line.strip() for line in read_lines(names_file)] if names_file.is_file() else []
    reading.boxes.declare(name for name in names if name)
    for line, text in enumerate(read_lines(reading.file), 1):
        words = text.split()
        boxes = [word.split(",") for word in words if word.count(",") == 4]
        image = " ".join(word for word in words if word.count(",") != 4)
        if not image or not reading.start_image(image, (None, None)):
            continue
        for *corners, class_id in boxes:
            place = f"{reading.file}:{line}"
            index = int(class_id) if class_id.isdecimal() and len(class_id) < 7 else -1
            if names and not 0 <= index < len(names):
                reading.boxes.faults.add(place, f"class id {class_id} is not in {NAMES_FILE}")
                continue
            name = names[index] if names else f"class_{class_id}"
            reading.boxes.box(place, name, [text_number(corner) for corner in corners])
