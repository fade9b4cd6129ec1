"""Functions that move the picture and its boxes: each draws one affine matrix.

Coordinates are continuous pixels ``(x, y)`` of the current frame, x to the right, y down, a
pixel's centre at its index + 0.5. A matrix maps a point of the frame before to one of the frame
after. Frames keep the aspect ratio of the source image, so a rotation is a rotation of the
camera, whatever the later resize does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import cos, pi, sin, tan
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.data.augment.arguments import Argument, change_rate, choice, number, number_range

Matrix = npt.NDArray[np.float64]
FrameSize = tuple[int, int]
Arguments = Mapping[str, Any]

FILL_MODES = ("constant", "reflect", "wrap", "nearest")
INTERPOLATIONS = ("bilinear", "nearest")
SMALLEST_ZOOM_FACTOR = 0.05  # a factor of -1 would blow one point up to the whole frame


@dataclass(frozen=True)
class Sampling:
    """How the pixels of a warp are read.

    Attributes:
        interpolation: ``bilinear`` or ``nearest``; None where the function does not care.
        fill: ``(fill_mode, fill_value)`` outside the picture, the value in 0..255; None where the
            function shows nothing from outside.
    """

    interpolation: str | None = None
    fill: tuple[str, float] | None = None

    def merged(self, other: "Sampling") -> "Sampling | None":
        """Both wishes in one; None where they contradict each other."""
        for mine, theirs in ((self.interpolation, other.interpolation), (self.fill, other.fill)):
            if mine is not None and theirs is not None and mine != theirs:
                return None
        return Sampling(self.interpolation or other.interpolation, self.fill or other.fill)


@dataclass(frozen=True)
class Warp:
    """One drawn movement.

    Attributes:
        matrix: ``[3, 3]``, a point before to a point after.
        frame: ``(height, width)`` after, pixels.
        sampling: How pixels are read.
    """

    matrix: Matrix
    frame: FrameSize
    sampling: Sampling = Sampling()


WarpDrawer = Callable[[np.random.Generator, Arguments, FrameSize], Warp]


def affine(xx: float, xy: float, yx: float, yy: float) -> Matrix:
    """``x' = xx * x + xy * y``, ``y' = yx * x + yy * y``."""
    return np.array([[xx, xy, 0], [yx, yy, 0], [0, 0, 1.0]])


def shift(x: float, y: float) -> Matrix:
    """Movement by ``(x, y)`` pixels."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def about_centre(matrix: Matrix, frame: FrameSize) -> Matrix:
    """The linear map with the frame's centre as its fixed point."""
    height, width = frame
    return shift(width / 2, height / 2) @ matrix @ shift(-width / 2, -height / 2)


def rotation(angle: float) -> Matrix:
    """Rotation by an angle in radians, counter-clockwise as seen."""
    return affine(cos(angle), sin(angle), -sin(angle), cos(angle))


def flip(frame: FrameSize, *, horizontal: bool, vertical: bool) -> Matrix:
    """Mirrored left to right, upside down, or both."""
    scale_x, scale_y = (-1 if horizontal else 1), (-1 if vertical else 1)
    return about_centre(affine(scale_x, 0, 0, scale_y), frame)


def crop_to(x_min: float, y_min: float, x_max: float, y_max: float, frame: FrameSize) -> Warp:
    """The part of a frame, given in fractions of it, becomes the frame."""
    height, width = frame
    left, top = x_min * width, y_min * height
    part_w, part_h = max(x_max * width - left, 1.0), max(y_max * height - top, 1.0)
    new_w, new_h = max(round(part_w), 1), max(round(part_h), 1)
    matrix = affine(new_w / part_w, 0, 0, new_h / part_h) @ shift(-left, -top)
    return Warp(matrix, (new_h, new_w))


def _sampling(arguments: Arguments) -> Sampling:
    return Sampling(arguments["interpolation"], (arguments["fill_mode"], arguments["fill_value"]))


def random_crop(rng: np.random.Generator, arguments: Arguments, frame: FrameSize) -> Warp:
    """Crops a part of the picture, drawn by centre and size and clipped to the picture."""
    centre_x, centre_y, width, height = (
        rng.uniform(*arguments[name])
        for name in ("crop_center_x", "crop_center_y", "crop_width", "crop_height")
    )
    left, right = max(centre_x - width / 2, 0), min(centre_x + width / 2, 1)
    top, bottom = max(centre_y - height / 2, 0), min(centre_y + height / 2, 1)
    warp = crop_to(left, top, right, bottom, frame)
    return Warp(warp.matrix, warp.frame, Sampling(arguments["interpolation"]))


def random_flip(_rng: np.random.Generator, arguments: Arguments, frame: FrameSize) -> Warp:
    """Mirrors the picture along the given axis or along both."""
    mode = arguments["mode"]
    matrix = flip(frame, horizontal=mode != "vertical", vertical=mode != "horizontal")
    return Warp(matrix, frame)


def random_translation(rng: np.random.Generator, arguments: Arguments, frame: FrameSize) -> Warp:
    """Moves the picture by fractions of the frame; positive is to the right and down."""
    height, width = frame
    x = rng.uniform(*arguments["width_factor"]) * width
    y = rng.uniform(*arguments["height_factor"]) * height
    return Warp(shift(x, y), frame, _sampling(arguments))


def random_rotation(rng: np.random.Generator, arguments: Arguments, frame: FrameSize) -> Warp:
    """Rotates the picture about its centre; the factor is a fraction of a full turn."""
    angle = rng.uniform(*arguments["factor"]) * 2 * pi
    return Warp(about_centre(rotation(angle), frame), frame, _sampling(arguments))


def _shear(axes: str) -> WarpDrawer:
    def draw(rng: np.random.Generator, arguments: Arguments, frame: FrameSize) -> Warp:
        matrix = np.eye(3)
        if "x" in axes:
            matrix = affine(1, tan(rng.uniform(*arguments["factor"]) * 2 * pi), 0, 1)
        if "y" in axes:
            matrix = affine(1, 0, tan(rng.uniform(*arguments["factor"]) * 2 * pi), 1) @ matrix
        return Warp(about_centre(matrix, frame), frame, _sampling(arguments))

    return draw


def random_zoom(rng: np.random.Generator, arguments: Arguments, frame: FrameSize) -> Warp:
    """Shows ``1 + f`` of the frame's width for a factor f: positive zooms out, negative in."""
    width = rng.uniform(*arguments["width_factor"])
    height = width
    if arguments["height_factor"] is not None:
        height = rng.uniform(*arguments["height_factor"])
    scale_x = 1 / max(1 + width, SMALLEST_ZOOM_FACTOR)
    scale_y = 1 / max(1 + height, SMALLEST_ZOOM_FACTOR)
    return Warp(about_centre(affine(scale_x, 0, 0, scale_y), frame), frame, _sampling(arguments))


_FILL = {
    "fill_mode": Argument(choice(*FILL_MODES), "reflect"),
    "interpolation": Argument(choice(*INTERPOLATIONS), "bilinear"),
    "fill_value": Argument(number(0, 255), 0.0),
    "change_rate": change_rate(1.0),
}
_UNIT = number_range(-1, 1, "symmetric")
_FRACTION = number_range(0.01, 1, "fixed")
_SHEAR = {
    # The published documentation calls it radians, the published code multiplies by 2 pi. At a
    # quarter of a turn the picture would become a line.
    "factor": Argument(number_range(-0.24, 0.24, "symmetric")),
    **_FILL,
}

GEOMETRIC_FUNCTIONS: dict[str, tuple[WarpDrawer, dict[str, Argument]]] = {
    "random_crop": (
        random_crop,
        {
            "crop_center_x": Argument(number_range(0, 1, "fixed"), (0.25, 0.75)),
            "crop_center_y": Argument(number_range(0, 1, "fixed"), (0.25, 0.75)),
            "crop_width": Argument(_FRACTION, (0.6, 0.9)),
            "crop_height": Argument(_FRACTION, (0.6, 0.9)),
            "interpolation": Argument(choice(*INTERPOLATIONS), "bilinear"),
            "change_rate": change_rate(0.9),
        },
    ),
    "random_flip": (
        random_flip,
        {
            "mode": Argument(choice("horizontal", "vertical", "horizontal_and_vertical")),
            "change_rate": change_rate(0.5),
        },
    ),
    "random_translation": (
        random_translation,
        {"width_factor": Argument(_UNIT), "height_factor": Argument(_UNIT), **_FILL},
    ),
    "random_rotation": (random_rotation, {"factor": Argument(_UNIT), **_FILL}),
    "random_shear": (_shear("xy"), _SHEAR),
    "random_shear_x": (_shear("x"), _SHEAR),
    "random_shear_y": (_shear("y"), _SHEAR),
    "random_zoom": (
        random_zoom,
        {"width_factor": Argument(_UNIT), "height_factor": Argument(_UNIT, None), **_FILL},
    ),
}
