"""Formats that are not read: recognised, named, and how to convert them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tinydet.data.image_files import is_image_name
from tinydet.data.input_files import open_input, read_json, text_number
from tinydet.errors import DataError

MOST_FILES = 2000  # looked at, of a folder without labels of a known format
START_BYTES = 1 << 16
KITTI_COLUMNS = (15, 16)
DOTA_COLUMNS = (9, 10)
MOT_COMMAS = (8, 9)

FIFTYONE = "Convert it to COCO or YOLO, for instance with 'fiftyone convert' ({type})."
BY_SCRIPT = "Convert it to COCO or YOLO with a script."
ANEW = "Export it from there as COCO or YOLO."
BY_SUFFIX = {
    ".tfrecord": ("TFRecord", FIFTYONE.format(type="fiftyone.types.TFObjectDetectionDataset")),
    ".tfrecords": ("TFRecord", FIFTYONE.format(type="fiftyone.types.TFObjectDetectionDataset")),
    ".record": ("TFRecord", FIFTYONE.format(type="fiftyone.types.TFObjectDetectionDataset")),
    ".parquet": ("Parquet", "Load it with the package datasets and save it as COCO."),
    ".arrow": ("Arrow", "Load it with the package datasets and save it as COCO."),
    ".jsonl": ("JSON lines", ANEW),
    ".ndjson": ("JSON lines (Labelbox)", ANEW),
    ".manifest": ("SageMaker manifest", "Convert it to COCO, see Ground Truth's documentation."),
    ".mat": ("MATLAB", "Convert it to COCO or YOLO with a script."),
}
PACKED = (".zip", ".tar", ".tgz", ".gz", ".7z", ".rar")
# Keys of a json, and what it is then.
BY_KEYS = (
    (("boundingBoxes",), "an Edge Impulse export"),
    (("objects", "size", "tags"), "a Supervisely annotation"),
    (("item", "annotations"), "a V7 Darwin file"),
    (("items", "categories"), "a Datumaro file"),
    (("asset", "regions"), "a VoTT file"),
    (("metadata", "instances"), "a SuperAnnotate file"),
)
Advice = tuple[str, str]


def refuse_unsupported(path: Path) -> None:
    """Name the format of a data set that no reader has recognised.

    Args:
        path: What the user gave; exists.

    Raises:
        DataError: It is a known format that is not read; says how to convert it.
    """
    files = [path] if path.is_file() else list(_files(path))
    for file in files:
        advice = _advice(file)
        if advice:
            raise DataError(file, *advice)
    if path.is_dir():
        folders = [f for f in path.iterdir() if f.is_dir()]
        classes = [f for f in folders if any(is_image_name(e.name) for e in f.iterdir())]
        if len(classes) > 1 and len(classes) == len(folders):
            found = "contains one folder of images per class and no boxes (classification)"
            raise DataError(path, found, "A detector needs labelled boxes: draw them first.")


def _files(root: Path) -> Iterator[Path]:
    for index, path in enumerate(root.rglob("*")):
        if index >= MOST_FILES:
            return
        if path.is_file() and not path.name.startswith(".") and not is_image_name(path.name):
            yield path


def _advice(file: Path) -> Advice | None:
    suffix = file.suffix.lower()
    if suffix in BY_SUFFIX:
        name, remedy = BY_SUFFIX[suffix]
        return f"is a {name} export, which is not supported", remedy
    if suffix in PACKED:
        found = "is an archive and not unpacked; of archives only a zip is read, given by its path"
        return found, "Unpack it and give the folder."
    if suffix == ".txt" and file.name.lower().startswith("wider_face"):
        return _is_a("a WIDER FACE list"), BY_SCRIPT
    if file.name.lower() in ("info.labels", "bounding_boxes.labels"):
        return _is_a("an Edge Impulse export"), ANEW
    try:
        if suffix == ".json":
            return json_advice(read_json(file, 64 << 20))
        if suffix == ".txt":
            return text_advice(_first_line(file).split())
        if suffix == ".csv":
            return _csv_advice(file)
    except DataError:
        return None
    return None


def _is_a(name: str) -> str:
    return f"is {name}, which is not supported"


def json_advice(content: object) -> Advice | None:
    """What a json is, and how to convert it; None where that is not known."""
    if isinstance(content, list):
        return _list_advice(content)
    if not isinstance(content, dict):
        return None
    if "_via_img_metadata" in content or any(
        isinstance(value, dict) and "regions" in value and "filename" in value
        for value in list(content.values())[:20]
    ):
        return _is_a("a VIA (VGG Image Annotator) project"), "Export it there as COCO."
    if isinstance(content.get("images"), list) and "annotations" in content:
        return "is a COCO file without categories", "Export it with its categories."
    if content.get("type") == "bounding-box-labels":
        return _is_a("an Edge Impulse export"), ANEW
    name = next((name for keys, name in BY_KEYS if content.keys() >= set(keys)), None)
    return (_is_a(name), ANEW) if name else None


def _list_advice(content: list[object]) -> Advice | None:
    first = content[0] if content and isinstance(content[0], dict) else {}
    notes = first.get("annotations")
    if "imagefilename" in first or ("image" in first and isinstance(notes, list)):
        return _is_a("a CreateML export"), "Export it as COCO or YOLO, for instance by Roboflow."
    if "image_id" in first and "bbox" in first:
        found = "contains boxes without their images and categories (COCO results)"
        return found, "Give the file with images, annotations and categories."
    if "Labeled Data" in first:
        return _is_a("a Labelbox export"), ANEW
    if "labels" in first and "name" in first:
        return _is_a("a BDD100K file"), FIFTYONE.format(type="fiftyone.types.BDDDataset")
    return None


def text_advice(words: Sequence[str]) -> Advice | None:
    """What a label line is that is no YOLO line, and how to convert it."""
    numbers = [text_number(word) is not None for word in words]
    if len(words) in KITTI_COLUMNS and not numbers[0] and all(numbers[1:]):
        convert = FIFTYONE.format(type="fiftyone.types.KITTIDetectionDataset")
        return _is_a("a KITTI label file"), convert
    if len(words) in DOTA_COLUMNS and all(numbers[:8]) and not numbers[8]:
        return _is_a("a DOTA label file"), "Convert it to YOLO, for instance with Ultralytics."
    corners = [text_number(word) for word in words[-4:]]
    if (
        len(words) > 4
        and not numbers[0]
        and None not in corners
        and max(map(abs, filter(None, corners)), default=0) > 1
    ):
        found = _is_a("a label file with class names and corners in pixels (OIDv4 Toolkit)")
        return found, "Write class number, centre, width and height in fractions of the image."
    row = [text_number(word) for word in words[0].split(",")] if len(words) == 1 else []
    if len(row) - 1 in MOT_COMMAS and None not in row:
        return _is_a("a MOT Challenge file"), BY_SCRIPT
    return None


def _first_line(file: Path) -> str:
    with open_input(file) as stream:
        return stream.read(START_BYTES).decode("utf-8-sig", "replace").partition("\n")[0]


def _csv_advice(file: Path) -> Advice | None:
    if "region_shape_attributes" in _first_line(file):
        return _is_a("a VIA (VGG Image Annotator) export"), "Export it there as COCO."
    if file.stem.lower().endswith("_classes"):
        found = "contains one class per image and no boxes (classification)"
        return found, "A detector needs labelled boxes: export the set for object detection."
    return None
