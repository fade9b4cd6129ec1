"""The picture while it is augmented: movements are collected and carried out in one warp."""

from collections.abc import Callable, Sequence
from math import hypot
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray, IntArray
from tinydet.config.detector_spec import PreprocessSpec
from tinydet.data.augment.geometry import FrameSize, Matrix, Sampling, Warp, affine, shift
from tinydet.data.preprocess import PADDING_VALUE, ImageArray, place, resize

Floats = npt.NDArray[np.float64]

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


def _corners(boxes_xyxy_px: Floats, matrix: Matrix) -> Floats:
    """The moved corners of boxes, ``[N, 4, 2]``, around each box."""
    corners = boxes_xyxy_px[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    moved: Floats = corners @ matrix[:2, :2].T + matrix[:2, 2]
    return moved


def _visible_edges(corners: Floats, low: Floats, high: Floats) -> tuple[Floats, npt.NDArray[Any]]:
    """The part of each edge that lies in a window.

    Args:
        corners: ``[N, 4, 2]``, around each polygon.
        low: ``(x_min, y_min)`` of the window.
        high: ``(x_max, y_max)`` of the window.

    Returns:
        Both ends of the part, ``[N, 8, 2]``, and whether there is a part, ``[N, 8]``.

    Reference:
        Liang and Barsky, 1984, "A New Concept and Method for Line Clipping".
    """
    start = corners
    along = np.roll(corners, -1, axis=1) - start
    flat = np.abs(along) < 1e-9
    step = np.where(flat, 1, along)
    to_low, to_high = (low - start) / step, (high - start) / step
    # An edge parallel to an axis is within that axis' bounds all along or nowhere.
    within = (start >= low) & (start <= high)
    enter = np.where(flat, np.where(within, -np.inf, np.inf), np.minimum(to_low, to_high))
    leave = np.where(flat, np.where(within, np.inf, -np.inf), np.maximum(to_low, to_high))
    first, last = np.maximum(enter.max(axis=-1), 0), np.minimum(leave.min(axis=-1), 1)
    exists = first <= last
    first, last = np.where(exists, first, 0), np.where(exists, last, 0)
    ends = [start + t[..., None] * along for t in (first, last)]
    return np.concatenate(ends, axis=1), np.concatenate([exists, exists], axis=1)


def moved_boxes(
    boxes_xyxy_px: Floats, matrix: Matrix, window_xyxy_px: Sequence[float]
) -> tuple[Floats, Floats]:
    """Where boxes are after a movement, and how much of them shows.

    Args:
        boxes_xyxy_px: ``[N, 4]``.
        matrix: ``[3, 3]``, invertible.
        window_xyxy_px: The part of the plane that shows.

    Returns:
        ``[N, 4]`` upright boxes around that part of each moved box which lies in the window,
        all 0 where there is none; ``[N]`` the share of the area of the upright box around the
        whole moved box that this is.
    """
    low, high = np.array(window_xyxy_px[:2], float), np.array(window_xyxy_px[2:], float)
    corners = _corners(boxes_xyxy_px, matrix)
    points, exists = _visible_edges(corners, low, high)
    # A corner of the window in the middle of the moved box bounds what shows, too.
    window = np.array([window_xyxy_px], float)
    window_corners = _corners(window, np.eye(3))[0]
    back = _corners(window, np.asarray(np.linalg.inv(matrix), np.float64))
    inside = ((back >= boxes_xyxy_px[:, None, :2]) & (back <= boxes_xyxy_px[:, None, 2:])).all(-1)
    points = np.concatenate([points, np.broadcast_to(window_corners, (len(corners), 4, 2))], axis=1)
    exists = np.concatenate([exists, inside], axis=1)[..., None]
    smallest = np.where(exists, points, np.inf).min(axis=1)
    largest = np.where(exists, points, -np.inf).max(axis=1)
    shown = np.concatenate([smallest, largest], axis=1)
    shown = np.where(np.isfinite(shown), shown, 0)
    whole = _areas(np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1))
    share = np.divide(_areas(shown), whole, out=np.zeros_like(whole), where=whole > 0)
    return shown, share


def _areas(boxes_xyxy_px: Floats) -> Floats:
    sides = np.maximum(boxes_xyxy_px[:, 2:] - boxes_xyxy_px[:, :2], 0)
    areas: Floats = sides[:, 0] * sides[:, 1]
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
        visible: ``[N]`` share of each object that its box still is; None where it is all of it.
    """

    def __init__(
        self,
        image: ImageArray,
        boxes: FloatArray,
        spec: PreprocessSpec,
        visible: Floats | None = None,
    ) -> None:
        height, width = image.shape[:2]
        self._image = image
        self._spec = spec
        self._boxes_px = boxes.astype(np.float64) * [width, height, width, height]
        self._visible = np.ones(len(boxes)) if visible is None else visible.copy()
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

    def shown_boxes_xyxy_px(self) -> Floats:
        """What is to be seen of the boxes in the current frame, pixels, ``[K, 4]``."""
        height, width = self._frame
        matrix = np.eye(3) if self._pending is None else self._pending
        shown, share = moved_boxes(self._boxes_px, matrix, (0, 0, width, height))
        return shown[self._visible * share >= TRUNCATED_VISIBLE_SHARE]

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
        right, bottom = placed.left + placed.width, placed.top + placed.height
        window = (placed.left, placed.top, right, bottom)
        self._boxes_px, share = moved_boxes(self._boxes_px, matrix, window)
        self._visible *= share
        self._frame, self._pending, self._sampling = size, None, Sampling()
        self._placed = True
