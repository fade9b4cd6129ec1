"""Rectangles painted over the picture; boxes stay, as behind an obstacle."""

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np

from tinydet.data.augment.arguments import Argument, change_rate, choice, colour, number_range
from tinydet.data.augment.photometric import PixelChanger
from tinydet.data.preprocess import PADDING_VALUE, ImageArray


def random_rectangle_erasing(
    image: ImageArray, rng: np.random.Generator, arguments: Mapping[str, Any]
) -> ImageArray:
    """Paint rectangles.

    Args:
        image: ``[H, W, 3]`` uint8.
        rng: Source of randomness.
        arguments: ``nrec`` least and most rectangles; ``area`` of each, fractions of the image;
            ``wh_ratio`` width / height; ``fill_method``: ``random`` a drawn colour for each
            rectangle, ``uniform`` the given ``color`` (mid-grey where none is given), ``mosaic``
            a drawn colour for each pixel.

    Returns:
        A new array.
    """
    erased = image.copy()
    height, width = image.shape[:2]
    least, most = arguments["nrec"]
    for _ in range(int(rng.integers(least, most + 1))):
        area_px = rng.uniform(*arguments["area"]) * height * width
        wh_ratio = rng.uniform(*arguments["wh_ratio"])
        rows = int(np.clip(round(sqrt(area_px / wh_ratio)), 1, height))
        columns = int(np.clip(round(sqrt(area_px * wh_ratio)), 1, width))
        top = int(rng.integers(0, height - rows + 1))
        left = int(rng.integers(0, width - columns + 1))
        part = erased[top : top + rows, left : left + columns]
        if arguments["fill_method"] == "mosaic":
            part[:] = rng.integers(0, 256, part.shape, dtype=np.uint8)
        elif arguments["fill_method"] == "random":
            part[:] = rng.integers(0, 256, 3, dtype=np.uint8)
        else:
            part[:] = arguments["color"] or (PADDING_VALUE,) * 3
    return erased


def _image_mode(value: Any) -> str:
    if value != "image":
        raise ValueError("image (rectangles are drawn for each image, never for a whole batch)")
    return "image"


ERASING_FUNCTIONS: dict[str, tuple[PixelChanger, dict[str, Argument]]] = {
    "random_rectangle_erasing": (
        random_rectangle_erasing,
        {
            "nrec": Argument(number_range(0, 1000, "fixed", integers=True), (0, 3)),
            "area": Argument(number_range(0, 1, "fixed"), (0.05, 0.2)),
            "wh_ratio": Argument(number_range(0.01, 100, "fixed"), (0.2, 1.5)),
            "fill_method": Argument(choice("random", "uniform", "mosaic"), "random"),
            "color": Argument(colour, None),
            "change_rate": change_rate(1.0),
            "mode": Argument(_image_mode, "image"),
        },
    ),
}
