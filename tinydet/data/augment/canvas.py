"""The picture while it is augmented: movements are collected and carried out in one warp."""

from collections.abc import Callable
from math import hypot

import cv2
import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray, IntArray
from tinydet.config.detector_spec import PreprocessSpec
from tinydet.data.augment.geometry import FrameSize, Matrix, Sampling, Warp, affine, shift
from tinydet.data.preprocess import PADDING_VALUE, ImageArray, place, resize

# A box of which less shows is no object any more, to the eye or to the loss.
SMALLEST_VISIBLE_SHARE = 0.10
# Below this share a box is kept but called truncated: neither hit nor miss in training.
TRUNCATED_VISIBLE_SHARE = 0.25
SMALLEST_SIDE_PX = 1.0

_BORDERS = {
    "constant": cv2.BORDER_CONSTANT,
    "reflect": cv2.BORDER_REFLECT,
    "wrap": cv2.BORDER_WRAP,
    "nearest": cv2.BORDER_REPLICATE,
}


def moved_boxes(boxes_xyxy_px: npt.NDArray[np.float64], matrix: Matrix) -> npt.NDArray[np.float64]:
    """The upright boxes around the moved corners of boxes.

    Args:
        boxes_xyxy_px: ``[N, 4]``.
        matrix: ``[3, 3]``.

    Returns:
        ``[N, 4]``, not clipped.
    """
    corners = boxes_xyxy_px[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    moved = corners @ matrix[:2, :2].T + matrix[:2, 2]
    return np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1)


def _areas(boxes_xyxy_px: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    sides = np.maximum(boxes_xyxy_px[:, 2:] - boxes_xyxy_px[:, :2], 0)
    areas: npt.NDArray[np.float64] = sides[:, 0] * sides[:, 1]
    return areas


def _shrunk_first(image: ImageArray, matrix: Matrix) -> tuple[ImageArray, Matrix]:
    """The image averaged down by whole factors where the warp would shrink it by more than 2.

    A warp reads four pixels per output pixel; of a picture shrunk by more it would skip pixels
    and show moiré.
    """
    height, width = image.shape[:2]
    factor_x = int(1 / max(hypot(matrix[0, 0], matrix[1, 0]), 1e-6))
    factor_y = int(1 / max(hypot(matrix[0, 1], matrix[1, 1]), 1e-6))
    if factor_x < 2 and factor_y < 2:
        return image, matrix
    new_w = max(width // max(factor_x, 1), 1)
    new_h = max(height // max(factor_y, 1), 1)
    shrunk = cv2.resize(image, (new_w, new_h), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.uint8), matrix @ affine(width / new_w, 0, 0, height / new_h)


def warp_image(
    image: ImageArray, matrix: Matrix, size: tuple[int, int], sampling: Sampling
) -> ImageArray:
    """Carry out a movement.

    Args:
        image: ``[h, w, 3]`` uint8.
        matrix: ``[3, 3]``, continuous pixel coordinates of the image to those of the result.
        size: ``(height, width)`` of the result.
        sampling: How pixels are read; edges are repeated where nothing is said.

    Returns:
        ``[height, width, 3]`` uint8.
    """
    nearest = sampling.interpolation == "nearest"
    if not nearest:
        image, matrix = _shrunk_first(image, matrix)
    fill_mode, fill_value = sampling.fill or ("nearest", 0.0)
    # OpenCV counts from pixel centres, we from pixel corners.
    indices = shift(-0.5, -0.5) @ matrix @ shift(0.5, 0.5)
    warped = cv2.warpAffine(
        image,
        indices[:2],
        (size[1], size[0]),
        flags=cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR,
        borderMode=_BORDERS[fill_mode],
        borderValue=(fill_value, fill_value, fill_value),
    )
    return np.asarray(warped, np.uint8)


class Canvas:
    """One picture and its boxes on the way to the network input.

    Movements are only noted. They are carried out together, with the placement in the network
    input as the last of them, when pixels are asked for: one interpolation, whatever their
    number. What an earlier movement pushed out of the frame can so come back by a later one, with
    its boxes. From then on the frame is the network input.

    Args:
        image: ``[h, w, 3]`` uint8 RGB.
        boxes: ``[N, 4]``, fractions of the image.
        spec: The detector's preprocessing.
    """

    def __init__(self, image: ImageArray, boxes: FloatArray, spec: PreprocessSpec) -> None:
        height, width = image.shape[:2]
        self._image = image
        self._spec = spec
        self._boxes_px = boxes.astype(np.float64) * [width, height, width, height]
        self._visible = np.ones(len(boxes))
        self._frame = (height, width)
        self._pending: Matrix | None = None
        self._sampling = Sampling()
        self._placed = False

    def move(self, draw: Callable[[FrameSize], Warp]) -> None:
        """Note a movement.

        Args:
            draw: Gives the movement for a frame of ``(height, width)`` pixels. Asked a second time
                where the first one cannot share a warp with what is noted already.
        """
        warp = draw(self._frame)
        sampling = self._sampling.merged(warp.sampling)
        if sampling is None:  # one warp reads its pixels one way
            self._flush()
            warp = draw(self._frame)
            sampling = warp.sampling
        self._pending = warp.matrix if self._pending is None else warp.matrix @ self._pending
        self._sampling = sampling
        self._frame = warp.frame

    def pixels(self) -> ImageArray:
        """The picture at network size, all movements carried out; the caller may change it."""
        self._flush()
        return self._image

    def replace_pixels(self, image: ImageArray) -> None:
        """Go on with other pixels, ``[H, W, 3]`` uint8."""
        self._image = image

    def boxes(self) -> tuple[FloatArray, IntArray, npt.NDArray[np.bool_]]:
        """The boxes that are still to be seen.

        Returns:
            ``[K, 4]`` boxes, fractions of the network input, clipped; ``[K]`` which of the
            original boxes they are, ascending; ``[K]`` whether so little of it shows that the box
            should be ignored.
        """
        self._flush()
        height, width = self._frame
        sides = self._boxes_px[:, 2:] - self._boxes_px[:, :2]
        keep = (self._visible >= SMALLEST_VISIBLE_SHARE) & (sides >= SMALLEST_SIDE_PX).all(axis=1)
        kept = np.flatnonzero(keep)
        boxes = (self._boxes_px[kept] / [width, height, width, height]).astype(np.float32)
        return np.clip(boxes, 0, 1), kept, self._visible[kept] < TRUNCATED_VISIBLE_SHARE

    def _flush(self) -> None:
        if self._placed and self._pending is None:
            return
        spec = self._spec
        size = (spec.height, spec.width)
        aspect_ratio = "fit" if self._placed else spec.aspect_ratio
        placed = place(self._frame, size, aspect_ratio)
        if self._pending is None:
            self._image = resize(self._image, spec)
            matrix = placed.matrix()
        else:
            matrix = placed.matrix() @ self._pending
            inner = shift(-placed.left, -placed.top) @ matrix
            warped = warp_image(self._image, inner, (placed.height, placed.width), self._sampling)
            self._image = warped
            if warped.shape[:2] != size:
                self._image = np.full((*size, 3), PADDING_VALUE, np.uint8)
                self._image[
                    placed.top : placed.top + placed.height,
                    placed.left : placed.left + placed.width,
                ] = warped
        moved = moved_boxes(self._boxes_px, matrix)
        low = [placed.left, placed.top] * 2
        high = [placed.left + placed.width, placed.top + placed.height] * 2
        self._boxes_px = np.clip(moved, low, high)
        whole = _areas(moved)
        share = np.divide(_areas(self._boxes_px), whole, out=np.zeros_like(whole), where=whole > 0)
        self._visible *= share
        self._frame, self._pending, self._sampling = size, None, Sampling()
        self._placed = True
