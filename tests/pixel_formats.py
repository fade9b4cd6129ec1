"""What cameras deliver, as RGB: the reference for the C code (formulas: docs/numerics.md)."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from tinydet.data.resampling import ImageArray

PixelFormat = Literal["rgb888", "rgb565", "rgb565_be", "yuyv", "uyvy", "gray8"]

BYTES_PER_PIXEL: dict[PixelFormat, int] = {
    "rgb888": 3,
    "rgb565": 2,
    "rgb565_be": 2,
    "yuyv": 2,
    "uyvy": 2,
    "gray8": 1,
}
_PAIRED = ("yuyv", "uyvy")


def decode_pixels(content: bytes, pixel_format: PixelFormat, height: int, width: int) -> ImageArray:
    """The RGB image of a camera frame (formulas: see the module).

    Args:
        content: The bytes of the frame, rows without gaps.
        pixel_format: How a row's bytes are to be read.
        height: Rows, > 0.
        width: Columns, > 0; even for ``yuyv`` and ``uyvy``.

    Returns:
        ``[height, width, 3]`` uint8 RGB, a new array.

    Raises:
        ValueError: The format is unknown, a side is not possible, or the frame has another number
            of bytes.

    >>> decode_pixels(bytes([0x00, 0xF8, 0x10, 0x84]), "rgb565", 1, 2).tolist()
    [[[255, 0, 0], [132, 130, 132]]]
    """
    if pixel_format not in BYTES_PER_PIXEL:
        raise ValueError(f"pixel format must be one of {', '.join(BYTES_PER_PIXEL)}")
    if min(height, width) <= 0 or (pixel_format in _PAIRED and width % 2):
        raise ValueError(
            f"sides must be > 0 and the width of {' and '.join(_PAIRED)} even, got "
            f"{height}x{width} {pixel_format}"
        )
    num_bytes = height * width * BYTES_PER_PIXEL[pixel_format]
    if len(content) != num_bytes:
        raise ValueError(
            f"{height}x{width} pixels of {pixel_format} are {num_bytes} bytes, got {len(content)}"
        )
    pixels = np.frombuffer(content, np.uint8).reshape(height, width, -1)
    return _DECODERS[pixel_format](pixels)


def _decode_rgb565(pixels: ImageArray, high: int) -> ImageArray:
    word = pixels[..., high].astype(np.uint16) << 8 | pixels[..., 1 - high]
    red, green, blue = word >> 11, word >> 5 & 63, word & 31
    rgb = np.stack([red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2], axis=-1)
    return rgb.astype(np.uint8)


def _decode_yuv(pixels: ImageArray, luma: int) -> ImageArray:
    """``luma``: which byte of a pixel is y; the other is u on even columns and v on odd ones."""
    y = 298 * (pixels[..., luma].astype(np.int32) - 16) + 128
    chroma: npt.NDArray[np.int32] = pixels[..., 1 - luma].astype(np.int32) - 128
    u, v = (np.repeat(chroma[:, first::2], 2, axis=1) for first in (0, 1))
    rgb = np.stack([y + 409 * v, y - 100 * u - 208 * v, y + 516 * u], axis=-1) >> 8
    limited: ImageArray = np.clip(rgb, 0, 255).astype(np.uint8)
    return limited


_DECODERS: dict[PixelFormat, Callable[[ImageArray], ImageArray]] = {
    "rgb888": np.copy,
    "rgb565": lambda pixels: _decode_rgb565(pixels, high=1),
    "rgb565_be": lambda pixels: _decode_rgb565(pixels, high=0),
    "yuyv": lambda pixels: _decode_yuv(pixels, luma=0),
    "uyvy": lambda pixels: _decode_yuv(pixels, luma=1),
    "gray8": lambda pixels: np.repeat(pixels, 3, axis=-1),
}
