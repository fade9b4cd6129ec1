"""labelme and AnyLabeling: one json per image with its shapes, in pixels."""

import os
from pathlib import PureWindowsPath
from typing import Any

from tinydet.data.input_files import number, read_json
from tinydet.data.readers.named_boxes import Point, around
from tinydet.data.readers.tables import Reading
from tinydet.errors import readable

FORMAT = "labelme"
# What a polygon may be called; "rotation" is AnyLabeling's turned rectangle, by its corners.
POLYGONS = {"polygon", "rotation", "quadrilateral"}
RECTANGLES = {"rectangle", "mask"}  # of a mask the corners of its box are given


def is_labelme(content: object) -> bool:
    """Whether the value of a JSON file is the labels of one image."""
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        return False
    return "imagePath" in content or "imageHeight" in content


def read_labelme(reading: Reading) -> None:
    """Read one labelme file; a json of another kind is counted and passed over."""
    content = read_json(reading.file)
    if not is_labelme(content):
        reading.boxes.findings.add("other_files", reading.file)
        return
    size = number(content.get("imageHeight")), number(content.get("imageWidth"))
    name = content.get("imagePath")
    name = name if isinstance(name, str) and name else f"{reading.file.stem}.jpg"
    same_stem = f"{reading.file.stem}{PureWindowsPath(name).suffix}"
    # A renamed pair keeps the old name inside: what lies beside the labels comes first.
    beside = reading.file.parent / same_stem
    if not reading.start_image(same_stem if os.path.isfile(beside) else name, size):
        return
    for index, shape in enumerate(content["shapes"], 1):
        place = f"{reading.file}: shape {index}"
        if isinstance(shape, dict):
            _add_shape(place, shape, reading)
        else:
            reading.boxes.faults.add(place, f"{readable(shape, 60)} is not a shape")


def _add_shape(place: str, shape: dict[str, Any], reading: Reading) -> None:
    boxes, label = reading.boxes, shape.get("label")
    kind = shape.get("shape_type") or "polygon"  # before version 4 there were only polygons
    points = points_of(shape.get("points"))
    ignored = shape.get("difficult") is True
    if not points:
        boxes.faults.add(place, "its points are not pairs of finite numbers")
    elif kind in RECTANGLES and len(points) >= 2:
        boxes.box(place, label, around(points), ignored)
    elif kind == "circle" and len(points) == 2:
        (x, y), edge = points
        radius = ((edge[0] - x) ** 2 + (edge[1] - y) ** 2) ** 0.5
        boxes.box(place, label, (x - radius, y - radius, x + radius, y + radius), ignored)
    elif kind in POLYGONS and len(points) >= 3:
        boxes.findings.add("rotated_boxes" if kind == "rotation" else "polygons", place)
        boxes.box(place, label, around(points), ignored)
    else:
        boxes.findings.add("other_shapes", f"{place}: {kind} with {len(points)} points")


def points_of(value: object) -> list[Point]:
    """Points ``[[x, y], ...]`` of a JSON value; empty where one is none."""
    points = []
    for pair in value if isinstance(value, list) else []:
        xy = [number(v) for v in pair] if isinstance(pair, list) else []
        if len(xy) != 2 or xy[0] is None or xy[1] is None:
            return []
        points.append((xy[0], xy[1]))
    return points
