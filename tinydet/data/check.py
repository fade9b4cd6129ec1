"""What is in a data set, and what is wrong with it: images are decoded, all is counted."""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.config.files import make_folder, write_text_atomically
from tinydet.data.dataset import Dataset
from tinydet.data.images import decode_image, read_bytes, read_image_size
from tinydet.errors import DataError
from tinydet.progress import track

CHECK_FILE = "check.json"
# COCO's marks: an object is small below 32 x 32 pixels, medium below 96 x 96, else large.
SMALL_PX, MEDIUM_PX = 32, 96
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
FIRST_TURNED = 5  # EXIF orientations from here on swap height and width
MAX_LISTED = 20  # unreadable files and duplicates shown on the terminal; the JSON holds all


@dataclass(frozen=True)
class ImageCheck:
    """One image file, decoded or only its header read.

    Attributes:
        size: ``(height, width)`` upright, pixels; None where it cannot be decoded.
        fault: Why it cannot be decoded, empty where it can.
        digest: Hash of the file content; empty where it cannot be read, or only its header was.
    """

    size: tuple[int, int] | None
    fault: str
    digest: str


def check_dataset(
    dataset: Dataset, output: Path | None = None, most_decoded: int | None = None
) -> dict[str, Any]:
    """Decode the images and count what the data set holds.

    Args:
        dataset: The data set; not changed.
        output: Folder for ``check.json`` and the pictures ``class_histogram.png``,
            ``box_sizes.png`` and ``samples.png``; None writes nothing.
        most_decoded: Of a larger set only so many images are decoded, evenly spread; of the
            others the header is read, which tells missing files, other formats and the size, but
            neither truncated files nor equal ones. None decodes all.

    Returns:
        JSON-ready report: ``format``, ``class_names``; counts ``images``, ``decoded``, ``boxes``
        (ignored included), ``ignored_boxes``, ``negatives`` (readable or not, without a box);
        ``classes`` (``name``, ``boxes``, ``ignored``, ``images`` with that class); ``unreadable``
        (``path``, ``fault``); ``findings`` of the reader (``kind``, ``meaning``, ``count``,
        ``examples``); ``duplicate_images`` (groups of paths with the same content); ``image_sizes``
        and ``box_sizes`` (quantiles, COCO size classes), None where nothing could be measured.

    Raises:
        OutputError: ``output`` cannot be written to.
    """
    if output is not None:
        make_folder(output)
    checks = check_images([sample.path for sample in dataset.samples], most_decoded)
    report = _report(dataset, checks)
    if output is not None:
        from tinydet.data.check_pictures import save_pictures

        save_pictures(dataset, [check.size for check in checks], output)
        text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        write_text_atomically(output / CHECK_FILE, text)
    return report


def check_images(paths: Sequence[Path], most_decoded: int | None = None) -> list[ImageCheck]:
    """Check image files on all cores, showing progress.

    Args:
        paths: Image files.
        most_decoded: See ``check_dataset``.

    Returns:
        One result per path, in order.
    """
    step = 1.0 if most_decoded is None else max(1.0, len(paths) / max(1, most_decoded))
    decoded = {int(index * step) for index in range(int(len(paths) / step))}

    def check(index: int) -> ImageCheck:
        return check_image(paths[index]) if index in decoded else check_header(paths[index])

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # decoders release the interpreter lock
        checks = pool.map(check, range(len(paths)))
        return list(track(checks, "checking images", len(paths)))


def check_image(path: Path) -> ImageCheck:
    """Decode one image file."""
    digest = ""
    try:
        content = read_bytes(path)
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        height, width = decode_image(content, path).shape[:2]
    except DataError as error:
        return ImageCheck(None, str(error).removeprefix(f"{path}: "), digest)
    return ImageCheck((height, width), "", digest)


def check_header(path: Path) -> ImageCheck:
    """Read the header of one image file."""
    try:
        (height, width), orientation = read_image_size(path)
    except DataError as error:
        return ImageCheck(None, str(error).removeprefix(f"{path}: "), "")
    is_turned = orientation >= FIRST_TURNED
    return ImageCheck((width, height) if is_turned else (height, width), "", "")


def _report(dataset: Dataset, checks: Sequence[ImageCheck]) -> dict[str, Any]:
    samples = dataset.samples
    files: dict[str, list[str]] = {}
    for sample, check in zip(samples, checks, strict=True):
        if check.digest:
            files.setdefault(check.digest, []).append(str(sample.path))
    return {
        "format": dataset.format,
        "class_names": list(dataset.class_names),
        "images": len(samples),
        "decoded": sum(bool(check.digest) for check in checks),
        "boxes": sum(len(sample.boxes) for sample in samples),
        "ignored_boxes": sum(int(sample.ignored.sum()) for sample in samples),
        "negatives": sum(not len(sample.boxes) for sample in samples),
        "classes": class_counts(dataset),
        "unreadable": [
            {"path": str(sample.path), "fault": check.fault}
            for sample, check in zip(samples, checks, strict=True)
            if check.size is None
        ],
        "findings": dataset.findings.to_records(),
        "duplicate_images": [paths for paths in files.values() if len(paths) > 1],
        "image_sizes": _image_sizes([check.size for check in checks if check.size]),
        "box_sizes": _box_sizes(dataset, [check.size for check in checks]),
    }


def class_counts(dataset: Dataset) -> list[dict[str, Any]]:
    """Boxes, ignored boxes among them, and images with the class, for each class in order."""
    num_classes = len(dataset.class_names)
    boxes, ignored, images = (np.zeros(num_classes, np.int64) for _ in range(3))
    for sample in dataset.samples:
        boxes += np.bincount(sample.class_ids, minlength=num_classes)
        ignored += np.bincount(sample.class_ids[sample.ignored], minlength=num_classes)
        images[np.unique(sample.class_ids)] += 1
    return [
        {"name": name, "boxes": int(b), "ignored": int(i), "images": int(n)}
        for name, b, i, n in zip(dataset.class_names, boxes, ignored, images, strict=True)
    ]


def box_sides_px(
    dataset: Dataset, sizes: Sequence[tuple[int, int] | None]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sides of all boxes of readable images.

    Args:
        dataset: The data set.
        sizes: ``(height, width)`` per sample, pixels; None for unreadable images.

    Returns:
        ``(relative, pixels)``: both ``[N, 2]``, ``(width, height)``, as fractions of the image and
        in pixels of the image.
    """
    relative = [np.zeros((0, 2))]
    pixels = [np.zeros((0, 2))]
    for sample, size in zip(dataset.samples, sizes, strict=True):
        if size is not None and len(sample.boxes):
            sides = (sample.boxes[:, 2:] - sample.boxes[:, :2]).astype(np.float64)
            relative.append(sides)
            pixels.append(sides * (size[1], size[0]))
    return np.concatenate(relative), np.concatenate(pixels)


def _quantiles(values: npt.NDArray[np.float64]) -> dict[str, float]:
    return {
        f"{quantile:g}": round(float(value), 4)
        for quantile, value in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)
    }


def _image_sizes(sizes: list[tuple[int, int]]) -> dict[str, Any] | None:
    if not sizes:
        return None
    sides = np.array(sizes, np.float64)
    return {"height_px": _quantiles(sides[:, 0]), "width_px": _quantiles(sides[:, 1])}


def _box_sizes(dataset: Dataset, sizes: Sequence[tuple[int, int] | None]) -> dict[str, Any] | None:
    relative, pixels = box_sides_px(dataset, sizes)
    if not len(relative):
        return None
    side_px = np.sqrt(pixels.prod(axis=1))
    return {
        "relative_width": _quantiles(relative[:, 0]),
        "relative_height": _quantiles(relative[:, 1]),
        "sqrt_area_px": _quantiles(side_px),
        "small": int((side_px < SMALL_PX).sum()),
        "medium": int(((side_px >= SMALL_PX) & (side_px < MEDIUM_PX)).sum()),
        "large": int((side_px >= MEDIUM_PX).sum()),
    }


def format_check(report: dict[str, Any]) -> str:
    """The report as text for the terminal.

    Args:
        report: What ``check_dataset`` returned.

    Returns:
        Lines without a final line break.
    """
    lines = [
        f"{report['format']}: {report['images']} images, {report['boxes']} boxes "
        f"({report['ignored_boxes']} ignored), {report['negatives']} images without a box"
    ]
    width = max((len(c["name"]) for c in report["classes"]), default=0)
    lines += [
        f"  {c['name']:<{width}}  {c['boxes']:>7} boxes in {c['images']:>6} images"
        + (f" ({c['ignored']} ignored)" if c["ignored"] else "")
        for c in report["classes"]
    ]
    sizes = report["box_sizes"]
    if sizes:
        lines.append(
            f"box sizes: {sizes['small']} small (below {SMALL_PX} px), {sizes['medium']} medium, "
            f"{sizes['large']} large (from {MEDIUM_PX} px); median "
            f"{sizes['relative_width']['0.5']:.3f} x {sizes['relative_height']['0.5']:.3f} "
            "of the image"
        )
    for finding in report["findings"]:
        lines.append(f"{finding['count']} {finding['meaning']}: {_shortened(finding)}")
    lines += _listed(
        "unreadable images", [f"{u['path']}: {u['fault']}" for u in report["unreadable"]]
    )
    lines += _listed(
        "groups of images with the same content",
        [" = ".join(group) for group in report["duplicate_images"]],
    )
    if not (report["findings"] or report["unreadable"] or report["duplicate_images"]):
        lines.append("nothing was dropped, all files are readable, no image occurs twice")
    return "\n".join(lines)


def _shortened(finding: dict[str, Any]) -> str:
    more = ", ..." if finding["count"] > len(finding["examples"]) else ""
    return ", ".join(finding["examples"]) + more


def _listed(title: str, entries: Sequence[str]) -> list[str]:
    if not entries:
        return []
    lines = [f"{len(entries)} {title}:"] + [f"  {entry}" for entry in entries[:MAX_LISTED]]
    if len(entries) > MAX_LISTED:
        lines.append(f"  and {len(entries) - MAX_LISTED} more (all are in {CHECK_FILE})")
    return lines
