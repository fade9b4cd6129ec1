"""labelme and AnyLabeling: one json per image with its shapes, in pixels."""

import os
from pathlib import Path, PureWindowsPath
from typing import Any

from tinydet.data.input_files import number, read_json
from tinydet.data.readers.named_boxes import Box, Point, around
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
    name = image_name(reading.file, content)
    if not reading.start_image(name, size):
        if content.get("imageData"):
            reading.boxes.findings.add("embedded_images", f"{name} in {reading.file}")
        return
    for index, shape in enumerate(content["shapes"], 1):
        place = f"{reading.file}: shape {index}"
        if isinstance(shape, dict):
            _add_shape(place, shape, reading)
        else:
            reading.boxes.faults.add(place, f"{readable(shape, 60)} is not a shape")


def image_name(file: Path, content: dict[str, Any]) -> str:
    """The name of the image that a labelme file is of."""
    name = content.get("imagePath")
    name = name if isinstance(name, str) and name else f"{file.stem}.jpg"
    same_stem = f"{file.stem}{PureWindowsPath(name).suffix}"
    # A renamed pair keeps the old name inside: what lies beside the labels comes first.
    return same_stem if os.path.isfile(file.parent / same_stem) else name


def _add_shape(place: str, shape: dict[str, Any], reading: Reading) -> None:
    boxes, label = reading.boxes, shape.get("label")
    points, corners = points_of(shape.get("points")), corners_of(shape)
    ignored = shape.get("difficult") is True
    kind = _kind(shape)
    if not points:
        boxes.faults.add(place, "its points are not pairs of finite numbers")
    elif corners is None:
        boxes.findings.add("other_shapes", f"{place}: {kind} with {len(points)} points")
    else:
        if kind in POLYGONS:
            boxes.findings.add("rotated_boxes" if kind == "rotation" else "polygons", place)
        boxes.box(place, label, corners, ignored)


def corners_of(shape: dict[str, Any]) -> Box | None:
    """The box around a shape, in pixels; None for points, lines and what cannot be read."""
    kind, points = _kind(shape), points_of(shape.get("points"))
    if kind == "circle" and len(points) == 2:
        (x, y), edge = points
        radius = ((edge[0] - x) ** 2 + (edge[1] - y) ** 2) ** 0.5
        return x - radius, y - radius, x + radius, y + radius
    fewest = 2 if kind in RECTANGLES else 3 if kind in POLYGONS else None
    return around(points) if fewest is not None and len(points) >= fewest else None


def _kind(shape: dict[str, Any]) -> str:
    return str(shape.get("shape_type") or "polygon")  # before version 4 there were only polygons


def points_of(value: object) -> list[Point]:
    """Points ``[[x, y], ...]`` of a JSON value; empty where one is none."""
    points = []
    for pair in value if isinstance(value, list) else []:
        xy = [number(v) for v in pair] if isinstance(pair, list) else []
        if len(xy) != 2 or xy[0] is None or xy[1] is None:
            return []
        points.append((xy[0], xy[1]))
    return points
