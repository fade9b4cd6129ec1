"""Pictures for people: boxes with labels on an image, and many images on one sheet.

Images are ``[H, W, 3]`` uint8 RGB. Nothing here knows what a detection is.
"""

import colorsys
import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tinydet.config.files import atomic_path
from tinydet.errors import UnsupportedError

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

Image = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]

# Okabe and Ito, 2008, "Color Universal Design": tell-apart for every kind of colour vision. Their
# black is left out (it drowns in a photo); the order puts strong contrasts first.
SAFE_COLOURS: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (204, 121, 167),
    (0, 114, 178),
    (213, 94, 0),
    (240, 228, 66),
)
GOLDEN_ANGLE = 0.381966  # of the hue circle: neighbours in class id are far apart in hue
SHEET_BACKGROUND = 245
JPEG_QUALITY = 92
LUMA_FOR_BLACK = 110_000  # of 255,000: on darker colours white letters are easier to read


def class_colour(class_id: int) -> Colour:
    """The colour of a class, ``(red, green, blue)`` in 0..255, the same in every picture.

    The first seven are safe for colour-blind readers; later ones walk round the hue circle.

    Args:
        class_id: 0-based, >= 0.

    >>> class_colour(0)
    (230, 159, 0)
    """
    if class_id < len(SAFE_COLOURS):
        return SAFE_COLOURS[class_id]
    step = class_id - len(SAFE_COLOURS)
    saturation, value = ((0.85, 0.95), (0.55, 0.95), (0.9, 0.65))[step % 3]
    red, green, blue = colorsys.hsv_to_rgb(step * GOLDEN_ANGLE % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def ink_on(colour: Colour) -> Colour:
    """Black or white: of which letters are easier to read on a colour."""
    red, green, blue = colour
    return (0, 0, 0) if 299 * red + 587 * green + 114 * blue > LUMA_FOR_BLACK else (255, 255, 255)


def css_colours(class_id: int) -> tuple[str, str]:
    """The colour of a class, and that of letters on it, as a page takes them.

    >>> css_colours(0), css_colours(4)
    (('#e69f00', '#000'), ('#0072b2', '#fff'))
    """
    red, green, blue = colour = class_colour(class_id)
    return f"#{red:02x}{green:02x}{blue:02x}", "#000" if ink_on(colour) == (0, 0, 0) else "#fff"


def draw_boxes(
    image: Image,
    boxes: npt.NDArray[np.floating],
    labels: Sequence[str],
    colours: Sequence[Colour] | None = None,
    thickness_px: int | None = None,
) -> Image:
    """A copy of an image with boxes and their labels.

    Lines and letters grow with the image, so that a thumbnail and a 12-megapixel photo read
    equally well. A label stands above its box, else inside it or below, where no other label
    stands yet, and always inside the image: one that is too long is cut with an ellipsis.
    Where labels must overlap, the first stays readable.

    Args:
        image: ``[H, W, 3]`` uint8 RGB.
        boxes: ``[N, 4]`` ``(x_min, y_min, x_max, y_max)``, fractions of the image; parts outside
            are cut. The first lies on top.
        labels: One text per box; an empty one draws no label.
        colours: One ``(red, green, blue)`` per box; None takes the colour of class 0 for all.
        thickness_px: Line width in pixels, >= 1; None chooses it by the image size.

    Returns:
        ``[H, W, 3]`` uint8 RGB.

    Raises:
        ValueError: The numbers of boxes, labels and colours differ.
    """
    from PIL import Image as PillowImage
    from PIL import ImageDraw

    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    colours = [class_colour(0)] * len(boxes) if colours is None else colours
    if not len(boxes) == len(labels) == len(colours):
        raise ValueError(f"{len(boxes)} boxes, {len(labels)} labels, {len(colours)} colours")
    height, width = image.shape[:2]
    mean_side = (height + width) / 2
    line_px = thickness_px or max(1, round(mean_side / 300))
    font = _font(max(9, round(mean_side * 0.024)))
    corners = np.rint(np.clip(boxes, 0, 1) * [width, height, width, height]).astype(int)
    frames: list[Rectangle] = [
        (min(x0, width - 1), min(y0, height - 1), max(x0, x1 - 1), max(y0, y1 - 1))
        for x0, y0, x1, y1 in corners.tolist()
    ]
    framed = image.copy()
    for frame, colour in reversed(list(zip(frames, colours, strict=True))):
        _draw_frame(framed, frame, colour, line_px)
    picture = PillowImage.fromarray(framed)
    canvas = ImageDraw.Draw(picture)
    writer = _LabelWriter(canvas, font)
    for frame, label, colour in zip(frames, labels, colours, strict=True):
        writer.place(frame, label, colour)
    writer.draw()
    return np.array(picture)


def contact_sheet(
    images: Sequence[Image],
    columns: int = 4,
    tile_height_px: int = 240,
    tile_width_px: int = 320,
    captions: Sequence[str] | None = None,
) -> Image:
    """Many images on one sheet, row by row, each scaled to fit its tile and centred in it.

    Args:
        images: ``[H, W, 3]`` uint8 RGB each, sizes may differ, at least one.
        columns: Tiles in a row; fewer images than that make a narrower sheet.
        tile_height_px: Tile height without the caption.
        tile_width_px: Tile width.
        captions: One line under each tile, cut with an ellipsis where too long; None for none.

    Returns:
        ``[H, W, 3]`` uint8 RGB.

    Raises:
        ValueError: No image, or not one caption per image.
    """
    from PIL import Image as PillowImage
    from PIL import ImageDraw

    if not images or (captions is not None and len(captions) != len(images)):
        raise ValueError("a sheet needs at least one image, and one caption per image or none")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    gap_px = max(4, tile_width_px // 40)
    font = _font(max(10, tile_width_px // 22))
    caption_px = _line_height(font) if captions is not None else 0
    step_x, step_y = tile_width_px + gap_px, tile_height_px + caption_px + gap_px
    sheet = PillowImage.new(
        "RGB", (columns * step_x + gap_px, rows * step_y + gap_px), (SHEET_BACKGROUND,) * 3
    )
    canvas = ImageDraw.Draw(sheet)
    for i, image in enumerate(images):
        left, top = gap_px + i % columns * step_x, gap_px + i // columns * step_y
        scale = min(tile_height_px / image.shape[0], tile_width_px / image.shape[1])
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        resample = PillowImage.Resampling.LANCZOS if scale < 1 else PillowImage.Resampling.BICUBIC
        tile = PillowImage.fromarray(image).resize((width, height), resample)
        sheet.paste(tile, (left + (tile_width_px - width) // 2, top + tile_height_px - height))
        if captions is not None:
            text = _fitting_text(captions[i], font, tile_width_px)
            canvas.text((left, top + tile_height_px), text, fill=(40, 40, 40), font=font)
    return np.array(sheet)


def save_image(path: Path, image: Image) -> None:
    """Write an image file that appears whole or not at all.

    Args:
        path: ``.jpg``, ``.jpeg`` or ``.png``; its folder is created.
        image: ``[H, W, 3]`` uint8 RGB.

    Raises:
        UnsupportedError: Another suffix.
        OutputError: The system refused to write.
    """
    from PIL import Image as PillowImage

    formats = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
    chosen = formats.get(path.suffix.lower())
    if chosen is None:
        raise UnsupportedError(
            str(path), f"'{path.suffix}'", ", ".join(formats), "Choose one of these suffixes."
        )
    options = {"quality": JPEG_QUALITY} if chosen == "JPEG" else {}
    with atomic_path(path) as temporary:
        PillowImage.fromarray(image).save(temporary, chosen, **options)


@lru_cache(maxsize=32)
def _font(size_px: int) -> "FreeTypeFont | ImageFont":
    """DejaVu Sans as matplotlib ships it (accents, Greek, Cyrillic), without loading matplotlib."""
    from PIL import ImageFont

    package = importlib.util.find_spec("matplotlib")
    if package is not None and package.origin is not None:
        path = Path(package.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(str(path), size_px)
    return ImageFont.load_default(size_px)


def _line_height(font: "FreeTypeFont | ImageFont") -> int:
    """Pixels from the top of the tallest to the bottom of the deepest letter, with some air."""
    return round(font.getbbox("Ág")[3] * 1.1) + 1


def _fitting_text(text: str, font: "FreeTypeFont | ImageFont", width_px: int) -> str:
    """The text on one line, cut with an ellipsis to a width; empty where not one letter fits."""
    text = " ".join(text.split())
    if font.getlength(text) <= width_px:
        return text
    for end in range(min(len(text) - 1, width_px), 0, -1):
        cut = text[:end].rstrip() + "…"
        if font.getlength(cut) <= width_px:
            return cut
    return ""


def _draw_frame(image: Image, frame: Rectangle, colour: Colour, line_px: int) -> None:
    """Draw the four sides of a rectangle (last pixels included), the line within it."""
    x_min, y_min, x_max, y_max = frame
    rows, columns = slice(y_min, y_max + 1), slice(x_min, x_max + 1)
    image[y_min : min(y_min + line_px, y_max + 1), columns] = colour
    image[max(y_max + 1 - line_px, y_min) : y_max + 1, columns] = colour
    image[rows, x_min : min(x_min + line_px, x_max + 1)] = colour
    image[rows, max(x_max + 1 - line_px, x_min) : x_max + 1] = colour


class _LabelWriter:
    """Finds a place for each label, then draws them, the first on top."""

    def __init__(self, canvas: "ImageDraw", font: "FreeTypeFont | ImageFont") -> None:
        self._canvas = canvas
        self._font = font
        self._height = _line_height(font)
        self._margin = max(1, self._height // 6)
        self._placed: list[tuple[Rectangle, str, Colour]] = []

    def place(self, frame: Rectangle, label: str, colour: Colour) -> None:
        """Choose the place round the box that hides the least of the labels before it."""
        image_width, image_height = self._canvas.im.size
        text = _fitting_text(label, self._font, image_width - 2 * self._margin)
        if not text or self._height > image_height:
            return
        width = ceil(self._font.getlength(text)) + 2 * self._margin
        x_min, y_min, x_max, y_max = frame
        above, below, right = y_min - self._height, y_max + 1, x_max + 1 - width
        corners = [
            (x_min, above),
            (x_min, y_min),
            (right, above),
            (x_min, below),
            (x_min, below - self._height),
            (right, below),
        ]
        places: list[Rectangle] = []
        for left, top in corners:
            x = min(max(left, 0), image_width - width)
            y = min(max(top, 0), image_height - self._height)
            if y == top or (left, top) == corners[1]:
                places.append((x, y, x + width, y + self._height))
        taken = [rectangle for rectangle, _, _ in self._placed]
        best = min(places, key=lambda p: sum(_shared_area(p, other) for other in taken))
        self._placed.append((best, text, colour))

    def draw(self) -> None:
        """Draw all labels, the last first, so that the first is never covered."""
        for (left, top, right, bottom), text, colour in reversed(self._placed):
            self._canvas.rectangle((left, top, right - 1, bottom - 1), fill=colour)
            self._canvas.text((left + self._margin, top), text, ink_on(colour), self._font)


def _shared_area(a: Rectangle, b: Rectangle) -> int:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)
