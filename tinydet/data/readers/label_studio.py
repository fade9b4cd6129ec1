"""Label Studio's own json exports: a list of tasks, regions in percent of the picture."""

from collections.abc import Iterator
from typing import Any

from tinydet.data.image_files import is_image_name
from tinydet.data.input_files import number, read_json
from tinydet.data.readers.labelme import points_of
from tinydet.data.readers.listed_images import path_parts
from tinydet.data.readers.named_boxes import ellipse, turned
from tinydet.data.readers.tables import Reading
from tinydet.errors import readable

FORMAT = "Label Studio"
RESULTS = ("annotations", "completions")  # the second one before version 1.0
NOT_RESULTS = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time"}

OF_PICTURE = ("original_height", "original_width", "image_rotation")

Entry = dict[str, Any]


def is_label_studio(content: object) -> bool:
    """Whether the value of a JSON file is an export of tasks, in full or short (JSON-MIN)."""
    if not isinstance(content, list) or not content or not isinstance(content[0], dict):
        return False
    first = content[0]
    in_full = isinstance(first.get("data"), dict) and any(key in first for key in RESULTS)
    return in_full or "annotator" in first or ("annotation_id" in first and "image" in first)


def read_label_studio(reading: Reading) -> None:
    """Read one export."""
    for number_, task in enumerate(read_json(reading.file), 1):
        place = f"{reading.file}: task {number_}"
        if not isinstance(task, dict):
            reading.boxes.faults.add(place, f"{readable(task, 60)} is not a task")
            continue
        in_full = isinstance(task.get("data"), dict)
        regions = list(_results(task, reading, place) if in_full else _short_results(task))
        sizes = [(r.get("original_height"), r.get("original_width")) for r in regions]
        height, width = next((s for s in sizes if all(s)), (None, None))
        name = _image_name(task["data"] if in_full else task, place, reading)
        # Without a region no size is told, and none is needed.
        size = (number(height), number(width)) if regions else None
        if name and reading.start_image(name, size):
            if not regions:
                reading.boxes.findings.add("unlabelled_images", name)
            for region in regions:
                _add_region(place, region, reading)


def _image_name(data: Entry, place: str, reading: Reading) -> str | None:
    """The key of the image is chosen by the project: ``image`` as a rule, else the one text."""
    texts = {k: v for k, v in data.items() if isinstance(v, str) and k not in NOT_RESULTS}
    named = texts.get("image") or texts.get("img") or texts.get("image_url")
    images = [text for text in texts.values() if is_image_name("".join(path_parts(text)[-1:]))]
    for candidates in (images, list(texts.values())):
        if named is None and len(candidates) == 1:
            named = candidates[0]
    if named is None:
        reading.boxes.faults.add(place, f"it is not clear which key of {sorted(data)} is the image")
    return named


def _results(task: Entry, reading: Reading, place: str) -> Iterator[Entry]:
    """Regions of the annotation that counts: the ground truth, else the first not cancelled."""
    given = next((task[key] for key in RESULTS if key in task), None)
    annotations = [a for a in given if isinstance(a, dict)] if isinstance(given, list) else []
    valid = [a for a in annotations if not a.get("was_cancelled")]
    valid.sort(key=lambda a: not a.get("ground_truth"))
    if len(annotations) > min(len(valid), 1):
        unused = len(annotations) - min(len(valid), 1)
        reading.boxes.findings.add("cancelled_labels", place, unused)
    predictions = task.get("predictions")
    if not valid and isinstance(predictions, list) and predictions:
        reading.boxes.findings.add("cancelled_labels", place, len(predictions))
    results = valid[0].get("result") if valid else []
    regions: dict[str, Entry] = {}
    for number_, result in enumerate(results if isinstance(results, list) else []):
        if not isinstance(result, dict):
            reading.boxes.faults.add(place, f"{readable(result, 60)} is not a region")
        elif isinstance(value := result.get("value"), dict):
            # A shape and its label may be two results with one id.
            region = regions.setdefault(f"id {result.get('id')!r}", {})
            if "id" not in result or (_label_kind(region) and _label_kind(value)):
                region = regions.setdefault(f"number {number_}", {})
            given = {key: result[key] for key in OF_PICTURE if result.get(key) is not None}
            region |= value | given
    yield from filter(None, regions.values())


def _short_results(task: Entry) -> Iterator[Entry]:
    for key, value in task.items():
        if key not in NOT_RESULTS and isinstance(value, list):
            yield from (v for v in value if isinstance(v, dict))


def _label_kind(region: Entry) -> str | None:
    """The key that holds the classes of a region, as ``rectanglelabels``; None without one."""
    return next((k for k in region if k.endswith("labels") and isinstance(region[k], list)), None)


def _shape_of(region: Entry) -> str:
    """What the classes of a region would be called, had its shape not been labelled apart."""
    kinds = {"rle": "brush", "points": "polygon", "radiusX": "ellipse", "height": "rectangle"}
    return next((f"{kind}labels" for key, kind in kinds.items() if key in region), "labels")


def _add_region(place: str, region: Entry, reading: Reading) -> None:
    boxes = reading.boxes
    kind = _label_kind(region)
    labels = region[kind] if kind else []
    height, width = (number(region.get(f"original_{side}")) for side in ("height", "width"))
    if kind is None or height is None or width is None:
        is_shape = height is not None and not {"height", "points", "radiusX"}.isdisjoint(region)
        boxes.findings.add("unnamed_shapes" if is_shape and not kind else "other_shapes", place)
        return
    kind = _shape_of(region) if kind == "labels" else kind
    if len(labels) != 1:
        boxes.faults.add(place, f"a region with {len(labels)} labels {readable(labels, 60)}")
        return
    picture_angle = number(region.get("image_rotation")) or 0.0
    if picture_angle % 360:
        found = f"a region on a picture that was rotated by {picture_angle:g} degrees for labelling"
        boxes.faults.add(place, f"{found}; rotate the file itself and label it again")
        return
    scale = width / 100, height / 100
    x, y, w, h = (number(region.get(key)) for key in ("x", "y", "width", "height"))
    rx, ry = (number(region.get(key)) for key in ("radiusX", "radiusY"))
    angle = (number(region.get("rotation")) or 0.0) % 360
    if kind == "rectanglelabels" and None not in (x, y, w, h):
        x0, y0 = x * scale[0], y * scale[1]  # type: ignore[operator]
        box = (x0, y0, x0 + w * scale[0], y0 + h * scale[1])  # type: ignore[operator]
        if angle:
            boxes.findings.add("rotated_boxes", place)
            box = turned(box, angle, (x0, y0))
        boxes.box(place, labels[0], box)
    elif kind == "polygonlabels" and (points := points_of(region.get("points"))):
        scaled = [(px * scale[0], py * scale[1]) for px, py in points]
        boxes.shape(place, labels[0], scaled)
    elif kind == "ellipselabels" and None not in (x, y, rx, ry):
        center, radii = (x * scale[0], y * scale[1]), (rx * scale[0], ry * scale[1])  # type: ignore[operator]
        if angle:
            boxes.findings.add("rotated_boxes", place)
        boxes.box(place, labels[0], ellipse(center, radii, angle))
    elif kind in ("rectanglelabels", "polygonlabels", "ellipselabels"):
        boxes.faults.add(place, f"a region of {kind} without its finite numbers")
    else:
        boxes.findings.add("other_shapes", f"{place}: {kind}")
