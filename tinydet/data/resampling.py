"""Pixels of one image size to pixels of another, defined in integers.

**Resampling** of ``n`` source pixels to ``m`` output pixels, for each axis, half-pixel centres,
edges clamped (no pixel outside the placed part of the source is ever read):

- ``nearest``: output ``o`` takes source ``((2 * o + 1) * n) // (2 * m)``.
- ``bilinear``: ``q = ((2 * o + 1) * n * 128 + m // 2) // m - 128``, clamped to
  ``[0, (n - 1) * 256]``, is the source position in 1/256 pixel; ``low = q >> 8``,
  ``high = min(low + 1, n - 1)``, ``f = q & 255``. The output is
  ``((256 - fy) * ((256 - fx) * p[low, low] + fx * p[low, high])
  + fy * ((256 - fx) * p[high, low] + fx * p[high, high]) + 32768) >> 16``: one rounding, half up.
  No antialiasing: four source pixels decide, however much the image shrinks.
- ``area``: the average of the source under the output pixel. ``weight(o, i) =
  max(0, min((o + 1) * n, (i + 1) * m) - max(o * n, i * m))`` is the overlap of output ``o`` with
  source ``i`` in ``1 / m`` source pixel. The output is
  ``(sum(weight_y * weight_x * p) + (h * w) // 2) // (h * w)``, ``h x w`` the placed source part.

With ``n`` below 16384 (bilinear) and ``h * w`` up to 8.4 million pixels (area) nothing exceeds
31 bits at the supported input sides.
"""

from functools import lru_cache
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from tinydet.boxes import IntArray
from tinydet.config.detector_spec import Interpolation

ImageArray = npt.NDArray[np.uint8]

_Array = TypeVar("_Array", bound=np.generic)


def _frozen(array: npt.NDArray[_Array]) -> npt.NDArray[_Array]:
    array.flags.writeable = False  # tables are shared by all callers of a cache
    return array


@lru_cache(maxsize=1024)
def _nearest_table(n: int, m: int) -> IntArray:
    """Source index of each output, ``[m]``."""
    return _frozen((2 * np.arange(m, dtype=np.int64) + 1) * n // (2 * m))


@lru_cache(maxsize=1024)
def _bilinear_table(n: int, m: int) -> tuple[IntArray, IntArray, npt.NDArray[np.uint32]]:
    """``(low, high, weight of high in 1/256)`` of each output, each ``[m]``."""
    position = ((2 * np.arange(m, dtype=np.int64) + 1) * n * 128 + m // 2) // m - 128
    position = np.clip(position, 0, (n - 1) * 256)
    low = position >> 8
    return (
        _frozen(low),
        _frozen(np.minimum(low + 1, n - 1)),
        _frozen((position & 255).astype(np.uint32)),
    )


@lru_cache(maxsize=1024)
def _area_table(n: int, m: int) -> tuple[IntArray, IntArray]:
    """Output edges ``o * n / m`` in the source, ``[m + 1]``: whole pixels, rest times m."""
    edge = np.arange(m + 1, dtype=np.int64) * n
    return _frozen(edge // m), _frozen(edge % m)


def _resize_nearest(image: ImageArray, height: int, width: int) -> ImageArray:
    rows = _nearest_table(image.shape[0], height)
    columns = _nearest_table(image.shape[1], width)
    return image[rows[:, None], columns[None, :]]


def _resize_bilinear(image: ImageArray, height: int, width: int) -> ImageArray:
    # Four bytes a pixel make the gather one 32-bit load; the fourth is dropped at the end.
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA).view(np.uint32).reshape(-1)
    y_low, y_high, y_weight = _bilinear_table(image.shape[0], height)
    x_low, x_high, x_weight = _bilinear_table(image.shape[1], width)
    x_weight_bytes = np.repeat(x_weight.astype(np.uint16), 4)
    size = (height, 4 * width)

    def row_blend(y_index: IntArray) -> npt.NDArray[np.uint16]:
        start = (y_index * image.shape[1])[:, None]
        left = pixels.take(start + x_low, mode="clip").view(np.uint8).reshape(size)
        right = pixels.take(start + x_high, mode="clip").view(np.uint8).reshape(size)
        # (256 - f) * left + f * right <= 255 * 256: never above 16 bits.
        blend: npt.NDArray[np.uint16] = np.multiply(left, 256 - x_weight_bytes, dtype=np.uint16)
        blend += np.multiply(right, x_weight_bytes, dtype=np.uint16)
        return blend

    total = np.multiply(row_blend(y_low), (256 - y_weight)[:, None], dtype=np.uint32)
    total += np.multiply(row_blend(y_high), y_weight[:, None], dtype=np.uint32)
    total += np.uint32(1 << 15)
    total >>= np.uint32(16)
    resized = total.astype(np.uint8).reshape(height, width, 4)
    return np.asarray(cv2.cvtColor(resized, cv2.COLOR_RGBA2RGB), np.uint8)


def _resize_area(image: ImageArray, height: int, width: int) -> ImageArray:
    """Sums under the output pixels as differences of running sums at their edges.

    Unsigned numbers may overflow on the way: differences are right as long as they fit.
    """
    n_rows, n_columns = image.shape[:2]
    area = n_rows * n_columns
    if 256 * area < 2**31:
        sums = cv2.integral(image, sdepth=cv2.CV_32S).view(np.uint32)
    else:
        sums = cv2.integral(image, sdepth=cv2.CV_64F).astype(np.uint64)
    unsigned = sums.dtype.type
    for axis, (n, m) in enumerate(((n_rows, height), (n_columns, width))):
        low, rest = _area_table(n, m)
        weight = rest.astype(unsigned).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        before = sums.take(low, axis)
        after = sums.take(np.minimum(low + 1, n), axis)
        sums = np.diff(before * unsigned(m) + (after - before) * weight, axis=axis)
    averages: ImageArray = ((sums + unsigned(area // 2)) // unsigned(area)).astype(np.uint8)
    return averages


_RESIZERS = {"nearest": _resize_nearest, "bilinear": _resize_bilinear, "area": _resize_area}


def resample(
    image: ImageArray, height: int, width: int, interpolation: Interpolation
) -> ImageArray:
    """Stretch an image to a size.

    Args:
        image: ``[h, w, 3]`` uint8, at least one pixel.
        height: Rows of the result, > 0.
        width: Columns of the result, > 0.
        interpolation: ``nearest``, ``bilinear`` or ``area``.

    Returns:
        ``[height, width, 3]`` uint8, a new array.
    """
    if image.shape[:2] == (height, width):
        return image.copy()  # what every formula gives, without the work
    return _RESIZERS[interpolation](image, height, width)
