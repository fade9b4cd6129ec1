"""From samples of any depth to 8 bits, by the range that the file states."""

from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import Image

BITS_PER_SAMPLE, MAX_SAMPLE, SAMPLE_FORMAT, S_MAX_SAMPLE = 258, 281, 339, 341  # TIFF 6.0 tags
SIGNED = 2
BYTE = 255
BAND_SAMPLES = 1 << 20


def to_bytes(image: Image.Image) -> Image.Image:
    """A decoded picture in 8 bits: RGB, or gray where it was gray of more.

    Gray of more than 8 bits is scaled by its range: the largest value that the file states (TIFF's
    MaxSampleValue and SMaxSampleValue), else the largest that its number of bits can hold. Gray in
    fractions without such a statement goes from 0 to 1, or where a value is larger from 0 to 255.

    Args:
        image: A loaded picture of any mode.

    Raises:
        ValueError: Fractions that reach beyond 255, without a stated range.
    """
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_in_bands(np.asarray(image), image))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # straight to RGB, Pillow warns
    return image.convert("RGB")


def _in_bands(samples: npt.NDArray[np.generic], image: Image.Image) -> npt.NDArray[np.uint8]:
    """All samples in 8 bits; a few rows at a time, since the wide numbers take much memory."""
    height, width = samples.shape
    rows = max(1, BAND_SAMPLES // max(width, 1))
    bands = [samples[start : start + rows] for start in range(0, height, rows)]
    if image.mode == "F":
        top = _stated(image)
        finite = [np.max(band, where=np.isfinite(band), initial=0.0) for band in bands]
        largest = float(max(finite, default=0.0))
        top = top or (1.0 if largest <= 1 else float(BYTE))
        if largest > max(top, BYTE):
            raise ValueError("fractions beyond 255 without a range (TIFF tag SMaxSampleValue)")
        in_bytes = partial(_fractions_to_bytes, top=top)
    else:
        in_bytes = partial(_whole_to_bytes, largest=int(_stated(image) or _by_bits(image)))
    result = np.empty(samples.shape, np.uint8)
    for index, band in enumerate(bands):
        result[index * rows : index * rows + len(band)] = in_bytes(band)
    return result


def _fractions_to_bytes(samples: npt.NDArray[np.generic], top: float) -> npt.NDArray[np.uint8]:
    """Infinite values and those that are no number become 0."""
    values = samples.astype(np.float64)  # in place from here on: such pictures are large
    values *= BYTE
    values /= top
    np.round(values, out=values)
    values[~np.isfinite(values)] = 0
    return np.clip(values, 0, BYTE, out=values).astype(np.uint8)


def _whole_to_bytes(samples: npt.NDArray[np.generic], largest: int) -> npt.NDArray[np.uint8]:
    whole = samples.astype(np.int64)
    # The upper 8 bits, as for every format of 16 bits; other ranges are rounded.
    scaled = whole >> 8 if largest == 0xFFFF else (whole * BYTE + largest // 2) // largest
    return np.clip(scaled, 0, BYTE).astype(np.uint8)


def _stated(image: Image.Image) -> float | None:
    for tag in (S_MAX_SAMPLE, MAX_SAMPLE):
        value = _tag(image, tag)
        if isinstance(value, int | float) and value > 0:
            return float(value)
    return None


def _by_bits(image: Image.Image) -> int:
    bits = _tag(image, BITS_PER_SAMPLE)
    if not isinstance(bits, int) or not 8 <= bits <= 32:
        bits = 16  # PNG, PGM and JPEG 2000 of more than 8 bits come scaled to 16
    return (1 << (bits - (_tag(image, SAMPLE_FORMAT) == SIGNED))) - 1


def _tag(image: Image.Image, tag: int) -> object:
    tags = getattr(image, "tag_v2", {})
    value = tags.get(tag)
    return value[0] if isinstance(value, tuple) and value else value
