"""Pictures inside the page: scaled to what a screen can show, as ``data:`` addresses."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from tinydet.report.run_files import RunFiles

# Bytes of all pictures together, before base64 adds a third: the page stays below 6 MB and can be
# sent by mail.
BUDGET_BYTES = 3_900_000
JPEG_QUALITY = 80
# A chart with few colours is crisp as a palette PNG; a photo is several times smaller as JPEG.
PNG_MAY_BE_LARGER = 1.25
MAX_PIXELS = 120_000_000  # a larger picture is refused instead of filling the memory


@dataclass(frozen=True)
class Picture:
    """A picture ready for an ``<img>``.

    Attributes:
        address: ``data:image/...;base64,...``.
        width: Pixels of the embedded picture.
        height: Pixels of the embedded picture.
        name: Path it came from, relative to the run folder where it lies in it.
    """

    address: str
    width: int
    height: int
    name: str


class PictureEmbedder:
    """Embeds pictures until the budget of the page is spent.

    The more of the budget is gone, the smaller later pictures become; what no longer fits is
    noted as left out, never dropped silently.

    Args:
        files: Where the pictures lie; notes missing, broken and left-out ones.
        budget_bytes: For all pictures together, before base64.
    """

    def __init__(self, files: RunFiles, budget_bytes: int = BUDGET_BYTES) -> None:
        self._files = files
        self._budget_bytes = budget_bytes
        self._left_bytes = budget_bytes

    def embed(self, path: str, max_side_px: int, *, photo: bool) -> Picture | None:
        """The picture at a path, or None (noted) where it cannot be shown.

        Args:
            path: Relative to the run folder, or absolute.
            max_side_px: Longer side at most; a larger picture is scaled down.
            photo: Whether it holds photos; a chart may become a palette PNG, which would
                posterise a photo.
        """
        image = self._files.read(path, lambda file: _open_upright(file))
        if image is None:
            return None
        share_left = self._left_bytes / self._budget_bytes
        side = max_side_px if share_left > 0.4 else round(max_side_px * max(0.5, share_left / 0.4))
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        mime_type, content = _encode(image, photo)
        if len(content) > self._left_bytes:
            self._files.broken(path, "left out: the report would become too large")
            return None
        self._left_bytes -= len(content)
        text = base64.b64encode(content).decode("ascii")
        return Picture(f"data:{mime_type};base64,{text}", image.width, image.height, path)


def _open_upright(file: Path) -> Image.Image:
    try:
        with Image.open(file) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise ValueError(f"{opened.width} x {opened.height} pixels are too many to show")
            upright = ImageOps.exif_transpose(opened)
            if upright.mode.startswith(("I", "F")):  # 16 bit: scaled to 8 instead of clipped
                upright = upright.convert("F").point(lambda value: value / 257)
                return upright.convert("L").convert("RGB")
            if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
                rgba = upright.convert("RGBA")
                white = Image.new("RGBA", rgba.size, "white")
                return Image.alpha_composite(white, rgba).convert("RGB")
            return upright.convert("RGB")
    except (SyntaxError, Image.DecompressionBombError) as error:  # Pillow's word for a torn PNG
        raise ValueError(error) from None


def _encode(image: Image.Image, photo: bool) -> tuple[str, bytes]:
    """JPEG for a photo; for a chart palette PNG unless JPEG is clearly smaller."""
    jpeg, png = io.BytesIO(), io.BytesIO()
    image.save(jpeg, "JPEG", quality=JPEG_QUALITY, optimize=True)
    if photo:
        return "image/jpeg", jpeg.getvalue()
    palette = image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    palette.save(png, "PNG", optimize=True)
    if png.tell() <= jpeg.tell() * PNG_MAY_BE_LARGER:
        return "image/png", png.getvalue()
    return "image/jpeg", jpeg.getvalue()
