"""Four pictures in one: more scenes and more small objects from few images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tinydet.boxes import FloatArray
from tinydet.config.detector_spec import PreprocessSpec
from tinydet.data.augment.arguments import Argument, change_rate, number_range
from tinydet.data.augment.canvas import Floats, moved_boxes, warp_image
from tinydet.data.augment.geometry import Sampling, affine, shift
from tinydet.data.preprocess import ImageArray

TILES = 4
# The mosaic is made at twice the network's size, so that a crop of it is still sharp.
OVERSAMPLING = 2


class Picture(NamedTuple):
    """A picture with its boxes; of a mosaic those of all its images, in their order.

    Attributes:
        image: ``[h, w, 3]`` uint8; of a mosaic twice as high and wide as the network input.
        boxes: ``[N, 4]``, fractions of it; of a mosaic cut at the tiles, 0 where nothing shows.
        visible: ``[N]`` share of each object that shows, in [0, 1].
    """

    image: ImageArray
    boxes: FloatArray
    visible: Floats


@dataclass(frozen=True)
class Mosaic:
    """How mosaics are made.

    Attributes:
        change_rate: Probability, per image, that it becomes one tile of a mosaic.
        center: Range of the point where the four tiles meet, fractions of width and of height.
        scale: Range of the size at which an image is shown: 1 is as large as without mosaic. An
            image that would not fill its tile is shown larger.
    """

    change_rate: float = 0.5
    center: tuple[float, float] = (0.3, 0.7)
    scale: tuple[float, float] = (0.6, 1.0)

    def compose(
        self,
        images: Sequence[ImageArray],
        boxes: Sequence[FloatArray],
        rng: np.random.Generator,
        spec: PreprocessSpec,
    ) -> Picture:
        """Put a part of each of four images into a tile: top left, top right, bottom left, right.

        Which part of an image shows is drawn evenly.

        Args:
            images: Four of ``[h, w, 3]`` uint8, any sizes.
            boxes: Of each image ``[n, 4]``, fractions of it.
            rng: Everything drawn comes from it.
            spec: Network input: size, and whether images may be stretched (``fit``).

        Reference:
            Bochkovskiy et al., 2020, "YOLOv4", section 3.3.
        """
        height, width = OVERSAMPLING * spec.height, OVERSAMPLING * spec.width
        x_split, y_split = (round(rng.uniform(*self.center) * side) for side in (width, height))
        columns, rows = ((0, x_split), (x_split, width)), ((0, y_split), (y_split, height))
        windows = [(left, top, right, bottom) for top, bottom in rows for left, right in columns]
        mosaic = np.empty((height, width, 3), np.uint8)
        placed, visible = [], []
        for image, image_boxes, (left, top, right, bottom) in zip(
            images, boxes, windows, strict=True
        ):
            tile = (bottom - top, right - left)
            matrix = self._placement(image.shape[:2], tile, rng, spec)
            mosaic[top:bottom, left:right] = warp_image(image, matrix, tile, Sampling())
            sides = [image.shape[1], image.shape[0]] * 2
            shown, share = moved_boxes(
                image_boxes.astype(np.float64) * sides, matrix, (0, 0, tile[1], tile[0])
            )
            moved = np.add(shown, [left, top, left, top])
            placed.append(np.where(share[:, None] > 0, moved, 0))
            visible.append(share)
        fractions = np.concatenate(placed) / [width, height, width, height]
        return Picture(mosaic, fractions.astype(np.float32), np.concatenate(visible))

    def _placement(
        self,
        image_size: tuple[int, ...],
        tile: tuple[int, int],
        rng: np.random.Generator,
        spec: PreprocessSpec,
    ) -> Floats:
        """From pixels of an image to pixels of its tile, ``[3, 3]``."""
        height, width = image_size
        x_scale = OVERSAMPLING * spec.width / width
        y_scale = OVERSAMPLING * spec.height / height
        if spec.aspect_ratio == "crop":
            x_scale = y_scale = max(x_scale, y_scale)
        elif spec.aspect_ratio == "padding":
            x_scale = y_scale = min(x_scale, y_scale)
        filling = max(tile[1] / (width * x_scale), tile[0] / (height * y_scale))
        factor = max(rng.uniform(*self.scale), filling)
        x_scale, y_scale = x_scale * factor, y_scale * factor
        x = rng.uniform(0, max(width - tile[1] / x_scale, 0))
        y = rng.uniform(0, max(height - tile[0] / y_scale, 0))
        return affine(x_scale, 0, 0, y_scale) @ shift(-x, -y)


MOSAIC = "random_mosaic"
MOSAIC_ARGUMENTS: dict[str, Argument] = {
    "center": Argument(number_range(0.1, 0.9, "fixed"), Mosaic.center),
    "scale": Argument(number_range(0.1, 4, "fixed"), Mosaic.scale),
    "change_rate": change_rate(Mosaic.change_rate),
}
