"""How many boxes of which class and of which size a data set has."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.data.dataset import Dataset

ImageSize = tuple[int, int]
# COCO's marks: an object is small below 32 x 32 pixels, medium below 96 x 96, else large.
SMALL_PX, MEDIUM_PX = 32, 96
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


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
    dataset: Dataset, sizes: Sequence[ImageSize | None]
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


def image_sizes(sizes: Sequence[ImageSize]) -> dict[str, Any] | None:
    """Quantiles of the sides of images, pixels; None where there is no image."""
    if not sizes:
        return None
    sides = np.array(sizes, np.float64)
    return {"height_px": _quantiles(sides[:, 0]), "width_px": _quantiles(sides[:, 1])}


def box_sizes(dataset: Dataset, sizes: Sequence[ImageSize | None]) -> dict[str, Any] | None:
    """Quantiles and COCO size classes of the boxes of readable images; None without a box."""
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
