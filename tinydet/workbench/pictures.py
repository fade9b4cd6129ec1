"""Pictures for the page: any image file as an upright JPEG of a bounded size."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image

from tinydet.data.images import read_image
from tinydet.drawing import class_colour, draw_boxes
from tinydet.workbench.images import Images

LARGEST_PX = 1600
THUMBNAIL_PX = 200
JPEG_QUALITY = 85
KEPT = 4000  # thumbnails of some 8 KB


class Pictures:
    """Pictures of a data set.

    Args:
        images: The data set.
    """

    def __init__(self, images: Images) -> None:
        self._images = images
        self._thumbnail = lru_cache(KEPT)(self._make_thumbnail)

    def picture(self, index: int) -> bytes:
        """An image, JPEG.

        Raises:
            DataError: It cannot be read.
        """
        return _jpeg(read_image(self._images.path_of(index), LARGEST_PX))

    def thumbnail(self, index: int) -> bytes:
        """A small copy with the labelled boxes, JPEG.

        Raises:
            DataError: The image cannot be read.
        """
        return self._thumbnail(index, self._images.shown[index].revision)

    def _make_thumbnail(self, index: int, revision: int) -> bytes:  # noqa: ARG002 - of the cache
        truth = self._images.shown[index].truth
        image = read_image(self._images.path_of(index), THUMBNAIL_PX)
        colours = [class_colour(int(class_id)) for class_id in truth.class_ids]
        return _jpeg(draw_boxes(image, truth.boxes, [""] * len(truth), colours))


def _jpeg(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=JPEG_QUALITY)
    return stream.getvalue()
