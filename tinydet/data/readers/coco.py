"""COCO json: images, categories and annotations in one file per part of the data set."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tinydet.data.input_files import number, read_json
from tinydet.data.readers.named_boxes import Box, around, turned
from tinydet.data.readers.parts import IMAGE_FOLDERS, split_of, subfolder
from tinydet.data.readers.tables import LONG, Reading, homes
from tinydet.errors import DataError, readable
from tinydet.progress import track

FORMAT = "COCO"
KEYS = ("images", "categories")
REMEDY = "Give a COCO annotation file."

Entry = dict[str, Any]


def is_coco(content: object) -> bool:
    """Whether the value of a JSON file is a COCO data set."""
    return (
        isinstance(content, dict)
        and all(isinstance(content.get(key), list) for key in KEYS)
        and isinstance(content.get("annotations", []), list)
    )


def read_coco(reading: Reading) -> None:
    """Read one COCO file."""
    file, faults = reading.file, reading.boxes.faults
    content = read_json(file)
    if not is_coco(content):
        raise DataError(file, "lacks the lists images, annotations and categories", REMEDY)
    annotations = content.get("annotations", [])
    names = _class_names(content["categories"], annotations, reading)
    reading.boxes.declare(names.values())
    annotations_of: dict[str, list[Entry]] = {}
    for annotation in annotations:
        image_id = id_of(annotation.get("image_id")) if isinstance(annotation, dict) else None
        if image_id is None:
            faults.add(file, f"annotation {readable(annotation, 60)} has no image_id")
        else:
            annotations_of.setdefault(image_id, []).append(annotation)
    images = _images(content["images"], reading)
    for image_id, image in track(images, "reading labels") if len(images) > LONG else images:
        found = annotations_of.pop(image_id, [])
        size = number(image.get("height")), number(image.get("width"))
        # LVIS has the address of the image only.
        if reading.start_image(image.get("file_name") or image.get("coco_url"), size):
            for annotation in found:
                _add_box(annotation, names, reading)
    for image_id, left in annotations_of.items():
        reading.boxes.findings.add("orphan_labels", f"{file}: image_id {image_id}", len(left))


def _images(entries: list[object], reading: Reading) -> list[tuple[str, Entry]]:
    """Images by their id, each id once.

    Raises:
        DataError: An id is missing or there twice: boxes would be put on the wrong picture.
    """
    images: dict[str, Entry] = {}
    for entry in entries:
        image_id = id_of(entry.get("id")) if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or image_id is None:
            found = f"the image {readable(entry, 60)} has no id"
            raise DataError(reading.file, found, "Give each image its own id.")
        if image_id in images:
            both = f"{images[image_id].get('file_name')} and {entry.get('file_name')}"
            found = f"two images have the id {image_id} ({both})"
            raise DataError(reading.file, found, "Give each image its own id.")
        images[image_id] = entry
    return list(images.items())


def id_of(value: object) -> str | None:
    """An id as it is compared: 1, 1.0 and "1" are the same; None where it is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value) if isinstance(value, str) or abs(value) < 1 << 64 else readable(hex(value))


def _class_names(
    categories: list[object], annotations: list[object], reading: Reading
) -> dict[str, str]:
    """Category id to name, in the order of the ids; categories that only group are left out."""
    names: dict[str, str] = {}
    entries = [c for c in categories if isinstance(c, dict)]
    ids = [id_of(c.get("id")) for c in entries]
    if len(entries) < len(categories) or None in ids or not all(name_of(c) for c in entries):
        raise DataError(reading.file, "a category has no id or name", "Correct the file.")
    used = {id_of(a.get("category_id")) for a in annotations if isinstance(a, dict)}
    groups = {c.get("supercategory") for c in entries if isinstance(c.get("supercategory"), str)}
    order = sorted(range(len(ids)), key=lambda i: _order(str(ids[i])))
    for index in order:
        category, category_id = entries[index], str(ids[index])
        name = name_of(category)
        is_root = category.get("supercategory") in (None, "", "none") and name in groups
        is_chosen = category_id in used or name in reading.wanted
        if is_root and not is_chosen and len(entries) > 1:
            reading.boxes.findings.add("root_categories", name)
            continue
        if category_id in names or name in names.values():
            found = f"two categories share an id or a name ({category_id}, {name})"
            raise DataError(reading.file, found, "Give each its own id and name.")
        names[category_id] = name
    return names


def name_of(category: Entry) -> str:
    """The name of a category; empty where it has none."""
    name = category.get("name")
    return str(name).strip() if isinstance(name, str | int) else ""


def _order(category_id: str) -> tuple[int, int, str]:
    """Numbers by their value, then text ids in the order of their letters."""
    is_number = category_id.lstrip("-").isdecimal()
    return (0, int(category_id), "") if is_number else (1, 0, category_id)


def _add_box(annotation: Entry, names: dict[str, str], reading: Reading) -> None:
    place = f"{reading.file}: annotation {readable(annotation.get('id'), 40)}"
    name = names.get(id_of(annotation.get("category_id")) or "")
    if name is None:
        shown = readable(annotation.get("category_id"), 40)
        reading.boxes.faults.add(place, f"category_id {shown} is not in categories")
        return
    given, box = annotation.get("bbox"), corners_of(annotation)
    if not given and isinstance(annotation.get("segmentation"), dict):
        reading.boxes.findings.add("other_shapes", f"{place}: mask")
        return
    if not given:
        reading.boxes.findings.add("polygons", place)
    if annotation.get("keypoints"):
        reading.boxes.findings.add("keypoints", place)
    if box is None:
        found = f"bbox {readable(given, 60)} is not four finite numbers [x, y, width, height]"
        found = found if given else "has neither a bbox nor polygons"
        reading.boxes.faults.add(place, found)
    elif box[2] < box[0] or box[3] < box[1]:
        found = f"bbox {readable(given, 60)} has a negative width or height"
        reading.boxes.faults.add(place, found)
    else:
        ignored = _is_set(annotation.get("iscrowd")) or _is_set(annotation.get("ignore"))
        angle = _rotation(annotation)
        if angle:
            reading.boxes.findings.add("rotated_boxes", place)
            box = turned(box, angle, ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))
        reading.boxes.box(place, name, box, ignored)


def _is_set(value: object) -> bool:
    """Whether a flag is set; some tools write it as text."""
    return bool(value) and str(value).strip().lower() not in ("0", "0.0", "false", "no", "none")


def _rotation(annotation: Entry) -> float:
    """Degrees, clockwise, by which CVAT's exports say that a box is turned around its centre."""
    attributes = annotation.get("attributes")
    given = attributes.get("rotation") if isinstance(attributes, dict) else None
    return (number(given) or 0.0) % 360


def corners_of(annotation: Entry) -> Box | None:
    """The box of an annotation, else that around its polygons, in pixels; None without either."""
    given = annotation.get("bbox")
    if not given:
        return _box_of_segmentation(annotation.get("segmentation"))
    return _box(given) if isinstance(given, list) else None


def _box(given: list[object]) -> Box | None:
    sides = [side for side in map(number, given) if side is not None]
    if len(given) != 4 or len(sides) != 4:
        return None
    x, y, width, height = sides
    return x, y, x + width, y + height


def _box_of_segmentation(polygons: object) -> Box | None:
    """The box around polygons ``[[x1, y1, x2, y2, ...], ...]``; None where there are none."""
    points: list[tuple[float, float]] = []
    for polygon in polygons if isinstance(polygons, list) else []:
        values = [number(v) for v in polygon] if isinstance(polygon, list) else []
        xy = [v for v in values if v is not None]
        if len(xy) != len(values) or len(xy) % 2:
            return None
        points += zip(xy[::2], xy[1::2], strict=True)
    return around(points) if points else None


def coco_folders(file: Path) -> Iterator[Path]:
    """Where the images of a COCO file may lie; it never names their folder.

    The json's folder and the one above, each with ``images``; below them the part's name in the
    file name (``train2017`` of ``instances_train2017.json``) or its short form (``train``) first.
    """
    part = split_of(file.stem)
    stem = file.stem.lower().removeprefix("instances_").removeprefix("image_info_")
    tags = [stem, part or "", *(("valid", "validation") if part == "val" else ())]
    for base in homes(file):
        for holder in (base, subfolder(base, IMAGE_FOLDERS)):
            for folder in [subfolder(holder, [tag]) for tag in tags if tag] if holder else []:
                if folder:
                    yield folder
                    yield from filter(None, [subfolder(folder, IMAGE_FOLDERS)])
            if holder:
                yield holder
