"""Image files: reading their upright pixels and their size."""

import io
import struct
import zlib
from importlib import import_module
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from tinydet.data.image_files import decodes_heic
from tinydet.data.input_files import REPLACE, open_input, read_input
from tinydet.data.sample_range import to_bytes
from tinydet.errors import DataError, readable

ImageArray = npt.NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF")
NO_IMAGE = (
    "is not an image of a known format (JPEG, PNG, WebP, BMP, TIFF, GIF, PPM, JPEG 2000, AVIF)"
)
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
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
TAIL_BYTES = 1 << 16  # cameras and editors write some bytes after the end
START_OF_JPEG = b"\xff\xd8"
END_OF_JPEG = b"\xff\xd9"
LAST_ROWS_PX = 16  # rows of the last blocks: what a JPEG may lack and still be read


def read_image(path: Path, largest_side: int | None = None) -> ImageArray:
    """The pixels of an image file as people see it.

    EXIF rotation is applied. Gray, palette and CMYK become RGB; 16 bits and fractions become 8
    bits by the range that the file states; alpha is dropped (the stored colours show, whatever
    they are blended with); of several frames the first is taken. A JPEG that lacks its end marker
    or a part of its last rows of blocks is read as far as it goes.

    Args:
        path: Image file, its format told by its content.
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
        DataError: It is missing, empty, no regular file or not readable.
    """
    content = read_input(path)
    if not content:
        raise DataError(path, "is an empty file", REPLACE)
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
        DataError: The bytes are no image of a known format, or only the start of one.
    """
    return decode_mended(content, path, largest_side)[0]


def decode_mended(
    content: bytes, path: Path, largest_side: int | None = None
) -> tuple[ImageArray, bool]:
    """As ``decode_image``, and whether the end of a JPEG had to be added."""
    try:
        pixels, is_mended = _decode(content, largest_side), False
    except DECODE_ERRORS as error:
        mended = _end_added(content) if _is_truncated(error) else None
        if mended is None:
            raise _undecodable(content, path, error) from None
        pixels, is_mended = mended, True
    return _shrunk(pixels, largest_side), is_mended


def _decode(content: bytes, largest_side: int | None = None) -> ImageArray:
    with Image.open(io.BytesIO(content), formats=_formats(content)) as image:
        if largest_side is not None:
            # A JPEG can be decoded at a half, a quarter, an eighth in a fraction of the time.
            image.draft(None, (largest_side, largest_side))
        image.load()
        shallow = to_bytes(image)
        turn = TURN_UPRIGHT.get(_orientation(image))
        pixels = np.array(shallow if turn is None else shallow.transpose(turn))
    is_gray = pixels.ndim == 2
    return np.repeat(pixels[..., np.newaxis], 3, axis=2) if is_gray else pixels


def _end_added(content: bytes) -> ImageArray | None:
    """The pixels of a JPEG whose end is missing; None where more than its last blocks is.

    What is missing is found by decoding it with two different continuations: rows that are there
    do not depend on what follows.
    """
    if not content.startswith(START_OF_JPEG):
        return None
    content = content.rstrip(b"\xff")  # half of the end marker
    try:
        pixels = _decode(content + END_OF_JPEG)
        other = _decode(content + b"\x5a" * (1024 + pixels.size // 8) + END_OF_JPEG)
    except DECODE_ERRORS:
        return None
    if other.shape != pixels.shape:
        return None
    rows = np.flatnonzero((pixels != other).any(axis=(1, 2)))
    columns = np.flatnonzero((pixels != other).any(axis=(0, 2)))
    is_little = min(len(rows), len(columns)) <= LAST_ROWS_PX  # columns: turned by a quarter
    return pixels if is_little else None


def has_its_end(path: Path) -> bool:
    """Whether the last bytes of a JPEG or PNG file hold its end; of other formats it is not known.

    Raises:
        DataError: It cannot be read.
    """
    with open_input(path) as stream:
        start = stream.read(8)
        size_bytes = stream.seek(0, 2)
        stream.seek(max(0, size_bytes - TAIL_BYTES))
        tail = stream.read(TAIL_BYTES)
    if start.startswith(START_OF_JPEG):
        return END_OF_JPEG in tail
    return b"IEND" in tail if start.startswith(b"\x89PNG") else True


def _formats(content: bytes) -> tuple[str, ...]:
    """Formats to try; the decoder of HEIC is loaded only where such a picture comes."""
    if content[4:8] != b"ftyp" or content[8:12] not in HEIC_BRANDS or not decodes_heic():
        return FORMATS
    import_module("pillow_heif").register_heif_opener()
    return (*FORMATS, "HEIF")


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
    with open_input(path) as stream:
        start = stream.read(16)
        stream.seek(0)
        try:
            with Image.open(stream, formats=_formats(start)) as image:
                return (image.height, image.width), _orientation(image)
        except DECODE_ERRORS as error:
            raise _undecodable(start, path, error) from None


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 (upright) where there is none or the EXIF block is damaged."""
    try:
        value = image.getexif().get(EXIF_ORIENTATION, 1)
    except DECODE_ERRORS:
        return 1
    return value if value in TURN_UPRIGHT else 1


def _is_truncated(error: Exception) -> bool:
    return "truncated" in str(error).lower()


def _undecodable(content: bytes, path: Path, error: Exception) -> DataError:
    if content[4:8] == b"ftyp" and content[8:12] in HEIC_BRANDS and not decodes_heic():
        remedy = "Install it (pip install 'tinydet[heic]'), or convert the pictures to JPEG."
        return DataError(path, "is a HEIC picture, which needs the package pillow-heif", remedy)
    if isinstance(error, UnidentifiedImageError):
        return DataError(path, NO_IMAGE, REPLACE)
    if _is_truncated(error):
        return DataError(path, "is truncated", REPLACE)
    fault = readable(error or type(error).__name__)
    return DataError(path, f"cannot be decoded ({fault})", REPLACE)
