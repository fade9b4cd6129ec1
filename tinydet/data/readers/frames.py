"""From pixel boxes of a label file to fractions of the upright image."""

from collections.abc import Sequence
from pathlib import Path

from tinydet.data.findings import Findings
from tinydet.data.images import read_image_size
from tinydet.errors import DataError

BACK = {6: 8, 8: 6}  # EXIF orientation that undoes another; 5 and 7 undo themselves


class Frame:
    """The picture a label file speaks of, compared with the image file as it is.

    Annotation tools show images upright, so ``label_size`` is as a rule the size of the upright
    image. Where it is not:

    - missing: the size of the upright image is taken;
    - the size of the stored pixels, which EXIF turns by a quarter: the labels were made on the
      unturned pixels, the boxes are turned like the image;
    - width and height swapped: the writer mixed them up, the size of the image is used;
    - any other: the image was resized after labelling, fractions stay what they were.

    Each case is counted. An unreadable image counts as agreeing; reading its pixels will say so.

    Args:
        image: Image file.
        label_size: ``(height, width)`` in the label file, pixels; 0 where it is missing.
        findings: Counts the cases.

    Attributes:
        size: ``(height, width)`` of the picture that the boxes are in.
    """

    def __init__(self, image: Path, label_size: tuple[int, int], findings: Findings) -> None:
        try:
            stored, orientation = read_image_size(image)
        except DataError:
            stored, orientation = label_size, 1
        upright = stored[::-1] if orientation >= 5 else stored
        self.size = label_size
        self._turn = 0
        height, width = label_size
        if label_size == upright:
            return
        if height <= 0 or width <= 0:
            findings.add("unknown_sizes", image)
            self.size = upright
        elif label_size == stored:
            findings.add("turned_labels", image)
            self._turn = orientation
        elif label_size == upright[::-1]:
            findings.add("swapped_sizes", image)
            self.size = upright
        else:
            findings.add("other_sizes", image)

    def fractions(self, box_xyxy_px: Sequence[float]) -> tuple[float, float, float, float]:
        """A box as fractions of the upright image.

        Args:
            box_xyxy_px: ``(x_min, y_min, x_max, y_max)`` pixels of the label file's picture.
        """
        height, width = (max(side, 1) for side in self.size)
        x0, y0, x1, y1 = box_xyxy_px
        box = (x0 / width, y0 / height, x1 / width, y1 / height)
        return turn_box(box, self._turn) if self._turn else box

    def pixels(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """The inverse of ``fractions``.

        Args:
            box: ``(x_min, y_min, x_max, y_max)``, fractions of the upright image.
        """
        x0, y0, x1, y1 = turn_box(box, BACK.get(self._turn, self._turn)) if self._turn else box
        height, width = (max(side, 1) for side in self.size)
        return x0 * width, y0 * height, x1 * width, y1 * height


def turn_box(
    box: tuple[float, float, float, float], orientation: int
) -> tuple[float, float, float, float]:
    """A box on the stored pixels as it lies on the upright image.

    Args:
        box: Fractions of the stored image.
        orientation: EXIF orientation 5 to 8 (a quarter turn, mirrored or not).

    Returns:
        Fractions of the upright image.

    Reference:
        EXIF 2.32, tag 0x0112: where row 0 and column 0 of the stored pixels are seen.

    >>> turn_box((0.0, 0.0, 0.25, 0.5), 6)  # top left corner goes to the top right
    (0.5, 0.0, 1.0, 0.25)
    """
    x0, y0, x1, y1 = box
    if orientation in (6, 7):  # the stored top is seen at the right
        y0, y1 = 1 - y1, 1 - y0
    if orientation in (7, 8):  # the stored left is seen at the bottom
        x0, x1 = 1 - x1, 1 - x0
    return y0, x0, y1, x1
