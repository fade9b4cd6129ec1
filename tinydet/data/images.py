"""Image files: finding them, reading their upright pixels and their size."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from tinydet.errors import DataError

ImageArray = npt.NDArray[np.uint8]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
EXIF_ORIENTATION = 0x0112
TURN_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's decoders are seen to raise on damaged files.
DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
REMEDY = "Replace the file or remove it from the data set."


def is_image_name(name: str) -> bool:
    """Whether a file name has an image suffix, in any case, and is not hidden.

    >>> is_image_name("a.JPG"), is_image_name("._a.jpg"), is_image_name("a.txt")
    (True, False, False)
    """
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def list_images(folder: Path) -> list[Path]:
    """All image files in a folder and the folders below it, by their suffix.

    Links to folders are followed (each folder once). Hidden files and folders (a leading dot) are
    not images: file managers and editors leave their thumbnails there.

    Args:
        folder: Where to look.

    Returns:
        Paths that begin with ``folder``, sorted by their text.

    Raises:
        DataError: The folder does not exist or cannot be read.
    """
    if not folder.is_dir():
        raise DataError(folder, "is not a folder", "Correct the path.")
    found: list[str] = []
    seen: set[str] = set()

    def refuse(error: OSError) -> None:
        raise DataError(
            error.filename, f"cannot be read ({error.strerror})", "Correct its permissions."
        )

    for parent, folders, names in os.walk(folder, followlinks=True, onerror=refuse):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        found.extend(os.path.join(parent, name) for name in names if is_image_name(name))
    return [Path(name) for name in sorted(found)]


def read_image(path: Path, largest_side: int | None = None) -> ImageArray:
    """The pixels of an image file as people see it.

    EXIF rotation is applied. Gray, palette and CMYK become RGB; of 16 bits the upper 8 are kept;
    alpha is dropped (the stored colours show, whatever they are blended with); of several frames
    the first is taken.

    Args:
        path: JPEG, PNG, WebP or BMP file, told by its content.
        largest_side: A picture with a longer side, in pixels, is shrunk to it, its proportions
            kept to the pixel; None for never.

    Returns:
        ``[height, width, 3]`` uint8 RGB.

    Raises:
        DataError: The file is missing, empty, truncated or no such image.
    """
    return decode_image(read_bytes(path), path, largest_side)


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        DataError: It is missing, empty or not readable.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror or error})", REMEDY) from None
    if not content:
        raise DataError(path, "is an empty file", REMEDY)
    return content


def decode_image(content: bytes, path: Path, largest_side: int | None = None) -> ImageArray:
    """Pixels of an image file whose bytes are at hand; see ``read_image``.

    Args:
        content: Bytes of the file.
        path: Its name, for the error.
        largest_side: See ``read_image``.

    Returns:
        ``[height, width, 3]`` uint8 RGB.

    Raises:
        DataError: The bytes are no JPEG, PNG, WebP or BMP image, or only the start of one.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if largest_side is not None:
                # A JPEG can be decoded at a half, a quarter, an eighth in a fraction of the time.
                image.draft(None, (largest_side, largest_side))
            image.load()
            rgb = _to_rgb(image)
            turn = TURN_UPRIGHT.get(_orientation(image))
            pixels = np.array(rgb if turn is None else rgb.transpose(turn))
    except DECODE_ERRORS as error:
        raise DataError(path, _decode_fault(error), REMEDY) from None
    return _shrunk(pixels, largest_side)


def _shrunk(image: ImageArray, largest_side: int | None) -> ImageArray:
    height, width = image.shape[:2]
    if largest_side is None or max(height, width) <= largest_side:
        return image
    import cv2

    scale = largest_side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def read_image_size(path: Path) -> tuple[tuple[int, int], int]:
    """Size and EXIF orientation of an image from its header; no pixel is decoded.

    Args:
        path: Image file.

    Returns:
        ``((height, width), orientation)``: the size as stored in the file, before the EXIF
        rotation, in pixels; the orientation in 1..8, where 5..8 swap height and width.

    Raises:
        DataError: The file is missing or has no readable header.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            return (image.height, image.width), _orientation(image)
    except DECODE_ERRORS as error:
        if isinstance(error, OSError) and error.strerror:
            raise DataError(path, f"cannot be read ({error.strerror})", REMEDY) from None
        raise DataError(path, _decode_fault(error), REMEDY) from None


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 (upright) where there is none or the EXIF block is damaged."""
    try:
        value = image.getexif().get(EXIF_ORIENTATION, 1)
    except DECODE_ERRORS:
        return 1
    return value if value in TURN_UPRIGHT else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I"):  # 16-bit gray; Pillow would clip at 255 instead of scaling
        upper = np.asarray(image).astype(np.int64) >> 8
        return Image.fromarray(np.clip(upper, 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # straight to RGB, Pillow warns
    return image.convert("RGB")


def _decode_fault(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "is not a JPEG, PNG, WebP or BMP image"
    if "truncated" in str(error).lower():
        return "is truncated"
    return f"cannot be decoded ({error or type(error).__name__})"
