"""The seven keys of the 2024 generation of the configuration, and what always came with them.

That generation handed its keys to imgaug and added, unasked and not configurable, a crop, a
scaling, brightness, noise and colour offsets. A configuration of that generation means all of
them, so all of them happen here:

- with probability 0.5 each: the left-right flip (itself with probability ``horizontal_flip``, so
  that 0.2 flips 10 % of the images), the upside-down flip, a crop of up to 25 % at each side, and
  one affine movement: x and y scale of 0.5 to 1.1 each, rotation, shear and translation drawn in
  plus or minus their values, outside filled with one drawn grey, nearest or bilinear;
- always: Gaussian blur of a sigma drawn in 0..``gaussian_blur``, contrast about mid-grey times a
  factor drawn from ``linear_contrast``, brightness times 0.5 to 1.5, Gaussian noise with a
  deviation of 0 to 12.75 grey levels, an offset of -50 to 50 grey levels, half of the time another
  one for each channel.

The order is random, here for every image (there for every batch). An image that loses all its
boxes stays, as a picture without objects (there it was left out of the batch).
"""

from collections.abc import Mapping
from math import radians, tan
from typing import Any

import cv2
import numpy as np

from tinydet.data.augment.arguments import Argument, number, number_range
from tinydet.data.augment.geometry import (
    FrameSize,
    Sampling,
    Warp,
    about_centre,
    affine,
    crop_to,
    flip,
    rotation,
    shift,
)
from tinydet.data.augment.photometric import through_table, with_contrast, with_noise
from tinydet.data.augment.pipeline import Step
from tinydet.data.preprocess import ImageArray

Arguments = Mapping[str, Any]

LARGEST_CROP = 0.25
SCALES = (0.5, 1.1)
BRIGHTNESS_GAINS = (0.5, 1.5)
LARGEST_NOISE_DEVIATION = 0.05 * 255
LARGEST_OFFSET = 50
MID_GREY = 127

ARGUMENTS_2024: dict[str, Argument] = {
    "rotation": Argument(number(-360, 360), 0),
    "shearing": Argument(number(-80, 80), 0),
    "translation": Argument(number(-1, 1), 0),
    "vertical_flip": Argument(number(0, 1), 0),
    "horizontal_flip": Argument(number(0, 1), 0),
    "gaussian_blur": Argument(number(0, 100), 0),
    "linear_contrast": Argument(number_range(0, 100, "fixed"), (1, 1)),
}


def _horizontal_flip(_rng: np.random.Generator, _arguments: Arguments, frame: FrameSize) -> Warp:
    return Warp(flip(frame, horizontal=True, vertical=False), frame)


def _vertical_flip(_rng: np.random.Generator, _arguments: Arguments, frame: FrameSize) -> Warp:
    return Warp(flip(frame, horizontal=False, vertical=True), frame)


def _crop(rng: np.random.Generator, _arguments: Arguments, frame: FrameSize) -> Warp:
    left, top, right, bottom = rng.uniform(0, LARGEST_CROP, 4)
    return crop_to(left, top, 1 - right, 1 - bottom, frame)


def _affine(rng: np.random.Generator, arguments: Arguments, frame: FrameSize) -> Warp:
    scale_x, scale_y = rng.uniform(*SCALES, 2)
    angle, shear = (
        radians(rng.uniform(-1, 1) * arguments[name]) for name in ("rotation", "shearing")
    )
    height, width = frame
    x, y = rng.uniform(-1, 1, 2) * arguments["translation"] * [width, height]
    linear = rotation(angle) @ affine(1, tan(shear), 0, 1) @ affine(scale_x, 0, 0, scale_y)
    interpolation = "nearest" if rng.random() < 0.5 else "bilinear"
    sampling = Sampling(interpolation, ("constant", float(rng.integers(0, 256))))
    return Warp(shift(x, y) @ about_centre(linear, frame), frame, sampling)


def _blur(image: ImageArray, rng: np.random.Generator, arguments: Arguments) -> ImageArray:
    sigma = rng.uniform(0, 1) * arguments["gaussian_blur"]
    if sigma < 0.1:  # no neighbour has any weight
        return image
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def _contrast(image: ImageArray, rng: np.random.Generator, arguments: Arguments) -> ImageArray:
    return with_contrast(image, rng.uniform(*arguments["linear_contrast"]), MID_GREY)


def _brightness(image: ImageArray, rng: np.random.Generator, _arguments: Arguments) -> ImageArray:
    return with_contrast(image, rng.uniform(*BRIGHTNESS_GAINS), 0)


def _noise(image: ImageArray, rng: np.random.Generator, _arguments: Arguments) -> ImageArray:
    return with_noise(image, rng, rng.uniform(0, LARGEST_NOISE_DEVIATION))


def _offset(image: ImageArray, rng: np.random.Generator, _arguments: Arguments) -> ImageArray:
    count = 3 if rng.random() < 0.5 else 1
    offsets = rng.uniform(-LARGEST_OFFSET, LARGEST_OFFSET, count)
    return through_table(image, np.arange(256.0)[:, None] + np.broadcast_to(offsets, 3))


def steps_2024(arguments: Arguments) -> list[Step]:
    """The steps of this generation, to be applied in random order.

    Args:
        arguments: A value for every one of ``ARGUMENTS_2024``.
    """
    return [
        Step("horizontal_flip", 0.5 * arguments["horizontal_flip"], draw=_horizontal_flip),
        Step("vertical_flip", 0.5 * arguments["vertical_flip"], draw=_vertical_flip),
        Step("crop", 0.5, draw=_crop),
        Step("affine", 0.5, arguments, draw=_affine),
        Step("gaussian_blur", 1, arguments, change=_blur),
        Step("linear_contrast", 1, arguments, change=_contrast),
        Step("brightness", 1, change=_brightness),
        Step("noise", 1, change=_noise),
        Step("offset", 1, change=_offset),
    ]
