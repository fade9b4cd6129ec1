"""Functions that change pixels and never move a box.

Images are ``[H, W, 3]`` uint8 RGB; every function returns a new array of the same shape. Numbers
of the configuration are in units of the pixel range: 0.1 is 25.5 grey levels.
"""

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tinydet.data.augment.arguments import (
    Argument,
    change_rate,
    choice,
    integer,
    number,
    number_range,
)
from tinydet.data.preprocess import ImageArray, to_color_mode

Arguments = Mapping[str, Any]
PixelChanger = Callable[[ImageArray, np.random.Generator, Arguments], ImageArray]
Table = npt.NDArray[np.float64]  # [256] or [256, channels]: new value of each old one

_LEVELS = np.arange(256, dtype=np.float64)
# Below this saturation an offset fades out: grey has no hue, a plain offset would paint it red.
_FULL_OFFSET_SATURATION = 64.0


def through_table(image: ImageArray, table: Table) -> ImageArray:
    """Each value replaced by what the table has for it, rounded and clipped to 0..255.

    Args:
        image: ``[H, W, 3]`` uint8.
        table: ``[256]`` for all channels, or ``[256, 3]``.
    """
    rounded = np.clip(np.rint(table), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, rounded.reshape(1, 256, -1).squeeze(0)[None]), np.uint8)


def with_contrast(image: ImageArray, gain: float, centre: npt.ArrayLike) -> ImageArray:
    """``centre + gain * (pixel - centre)``, the centre for all channels or for each."""
    centre = np.asarray(centre, np.float64)
    return through_table(image, centre + gain * (_LEVELS[:, None] - centre))


def random_contrast(
    image: ImageArray, rng: np.random.Generator, arguments: Arguments
) -> ImageArray:
    """Multiplies the distance from the channel's mean by ``1 + factor``."""
    gain = max(1 + rng.uniform(*arguments["factor"]), 0)
    return with_contrast(image, gain, cv2.mean(image)[:3])


def random_brightness(
    image: ImageArray, rng: np.random.Generator, arguments: Arguments
) -> ImageArray:
    """Adds ``factor * 255``."""
    return through_table(image, _LEVELS + 255 * rng.uniform(*arguments["factor"]))


def random_gamma(image: ImageArray, rng: np.random.Generator, arguments: Arguments) -> ImageArray:
    """Raises pixels in [0, 1] to the power ``gamma``: above 1 darkens."""
    return through_table(image, 255 * (_LEVELS / 255) ** rng.uniform(*arguments["gamma"]))


def random_hsv(image: ImageArray, rng: np.random.Generator, arguments: Arguments) -> ImageArray:
    """Adds offsets to hue (1 = the whole colour circle), saturation and value.

    The offset to the saturation fades out below a saturation of 1/4, to leave grey grey.
    """
    hue, saturation, value = (
        0.0 if arguments.get(name) is None else 255 * rng.uniform(*arguments[name])
        for name in ("hue_delta", "saturation_delta", "value_delta")
    )
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)
    table = np.stack(
        [
            (_LEVELS + np.rint(hue)) % 256,
            _LEVELS + saturation * np.minimum(_LEVELS / _FULL_OFFSET_SATURATION, 1),
            _LEVELS + value,
        ],
        axis=1,
    )
    shifted = through_table(np.asarray(hsv, np.uint8), table)
    return np.asarray(cv2.cvtColor(shifted, cv2.COLOR_HSV2RGB_FULL), np.uint8)


def _one_of_hsv(name: str) -> PixelChanger:
    def change(image: ImageArray, rng: np.random.Generator, arguments: Arguments) -> ImageArray:
        return random_hsv(image, rng, {name: arguments["delta"]})

    return change


def random_rgb_to_hsv(
    image: ImageArray, _rng: np.random.Generator, _arguments: Arguments
) -> ImageArray:
    """Replaces red, green and blue by hue, saturation and value, each 0..255."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL), np.uint8)


def random_rgb_to_grayscale(
    image: ImageArray, _rng: np.random.Generator, _arguments: Arguments
) -> ImageArray:
    """Converts the picture to grey, in three equal channels."""
    return to_color_mode(image, "grayscale")


def random_sharpness(
    image: ImageArray, rng: np.random.Generator, arguments: Arguments
) -> ImageArray:
    """Computes ``pixel + factor * (pixel - its 3x3 Gaussian mean)``; 0 changes nothing."""
    factor = rng.uniform(*arguments["factor"])
    smooth = cv2.GaussianBlur(image, (3, 3), 0)
    return np.asarray(cv2.addWeighted(image, 1 + factor, smooth, -factor, 0), np.uint8)


def random_posterize(
    image: ImageArray, rng: np.random.Generator, arguments: Arguments
) -> ImageArray:
    """Keeps only the highest bits."""
    low, high = arguments["bits"]
    bits = int(rng.integers(low, high + 1))
    posterized: ImageArray = image & np.uint8(256 - (1 << (8 - bits)))
    return posterized


def random_invert(
    image: ImageArray, _rng: np.random.Generator, _arguments: Arguments
) -> ImageArray:
    """Inverts the picture."""
    return np.invert(image)


def random_solarize(
    image: ImageArray, rng: np.random.Generator, _arguments: Arguments
) -> ImageArray:
    """Inverts all values above a threshold drawn from 0..255."""
    threshold = rng.uniform(0, 255)
    return through_table(image, np.where(threshold < _LEVELS, 255 - _LEVELS, _LEVELS))


def random_autocontrast(
    image: ImageArray, _rng: np.random.Generator, arguments: Arguments
) -> ImageArray:
    """Stretches each channel to 0..255 after cutting ``cutoff`` percent of its pixels at each end.

    0 changes nothing, as does a channel of which nothing is left.
    """
    share = arguments["cutoff"] / 100
    table = np.repeat(_LEVELS[:, None], 3, axis=1)
    for channel in range(3 if share > 0 else 0):
        counts = np.cumsum(np.bincount(image[..., channel].ravel(), minlength=256))
        low = np.searchsorted(counts, share * counts[-1], side="right")
        high = np.searchsorted(counts, (1 - share) * counts[-1], side="left")
        if low < high:
            table[:, channel] = (_LEVELS - low) * 255 / (high - low)
    return through_table(image, table)


_BLUR_BORDERS = {"reflect": cv2.BORDER_REFLECT_101, "symmetric": cv2.BORDER_REFLECT}


def random_blur(image: ImageArray, rng: np.random.Generator, arguments: Arguments) -> ImageArray:
    """Averages over a square window; side 1 changes nothing."""
    low, high = arguments["filter_size"]
    side = int(rng.integers(low, high + 1))
    if arguments["padding"] != "constant":
        border = _BLUR_BORDERS[arguments["padding"]]
        return np.asarray(cv2.blur(image, (side, side), borderType=border), np.uint8)
    fill = arguments["constant_values"]
    height, width = image.shape[:2]
    framed = cv2.copyMakeBorder(
        image, side, side, side, side, cv2.BORDER_CONSTANT, value=(fill, fill, fill)
    )
    blurred = cv2.blur(framed, (side, side))
    return np.ascontiguousarray(blurred[side : side + height, side : side + width], np.uint8)


def with_noise(image: ImageArray, rng: np.random.Generator, deviation: float) -> ImageArray:
    """Independent Gaussian noise on every value, standard deviation in grey levels."""
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    noise *= np.float32(deviation)
    noise += image
    return np.clip(np.rint(noise, out=noise), 0, 255, out=noise).astype(np.uint8)


def random_gaussian_noise(
    image: ImageArray, rng: np.random.Generator, arguments: Arguments
) -> ImageArray:
    """Adds Gaussian noise; the standard deviation is drawn, in units of the pixel range."""
    return with_noise(image, rng, 255 * rng.uniform(*arguments["stddev"]))


_RATE = {"change_rate": change_rate(1.0)}
_QUARTER = {"change_rate": change_rate(0.25)}
_SYMMETRIC = number_range(-1, 1, "symmetric")

PIXEL_FUNCTIONS: dict[str, tuple[PixelChanger, dict[str, Argument]]] = {
    "random_contrast": (random_contrast, {"factor": Argument(_SYMMETRIC), **_RATE}),
    "random_brightness": (random_brightness, {"factor": Argument(_SYMMETRIC), **_RATE}),
    "random_gamma": (random_gamma, {"gamma": Argument(number_range(0.01, 100, "none")), **_RATE}),
    "random_hue": (_one_of_hsv("hue_delta"), {"delta": Argument(_SYMMETRIC), **_RATE}),
    "random_saturation": (
        _one_of_hsv("saturation_delta"),
        {"delta": Argument(_SYMMETRIC), **_RATE},
    ),
    "random_value": (_one_of_hsv("value_delta"), {"delta": Argument(_SYMMETRIC), **_RATE}),
    "random_hsv": (
        random_hsv,
        {
            "hue_delta": Argument(_SYMMETRIC, None, ("delta_hue",)),
            "saturation_delta": Argument(_SYMMETRIC, None, ("delta_saturation",)),
            "value_delta": Argument(_SYMMETRIC, None, ("delta_value",)),
            **_RATE,
        },
    ),
    "random_rgb_to_hsv": (random_rgb_to_hsv, _QUARTER),
    "random_rgb_to_grayscale": (random_rgb_to_grayscale, _QUARTER),
    "random_sharpness": (
        random_sharpness,
        {"factor": Argument(number_range(0, 100, "from_zero")), **_RATE},
    ),
    "random_posterize": (
        random_posterize,
        {"bits": Argument(number_range(1, 8, "none", integers=True)), **_RATE},
    ),
    "random_invert": (random_invert, _QUARTER),
    "random_solarize": (random_solarize, _QUARTER),
    "random_autocontrast": (
        random_autocontrast,
        {"cutoff": Argument(integer(0, 100), 10), **_QUARTER},
    ),
    "random_blur": (
        random_blur,
        {
            "filter_size": Argument(number_range(1, 100, "none", integers=True)),
            "padding": Argument(choice("reflect", "constant", "symmetric"), "reflect"),
            "constant_values": Argument(number(0, 255), 0),
            **_RATE,
        },
    ),
    "random_gaussian_noise": (
        random_gaussian_noise,
        {"stddev": Argument(number_range(0, 1, "none")), **_RATE},
    ),
}
