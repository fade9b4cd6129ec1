"""From an image of any size to the network's input: the one definition for every stage.

Training, calibration, evaluation, prediction and the generated C resample with the formulas
below. They need 32-bit integers only, so every implementation gives the same bytes. ``//`` is the
division that rounds down, all quantities are non-negative where it is used.

**Placement** (``place``) of a source of ``h x w`` in a network input of ``H x W`` pixels:

- ``fit``: the whole source fills the whole input.
- ``crop``: the largest centred part of the source that has the input's aspect ratio fills the
  input. With ``w * H > h * W`` (source too wide) it keeps all rows and
  ``cw = max(1, (2 * h * W + H) // (2 * H))`` columns from ``(w - cw) // 2`` on, else all columns
  and ``ch = max(1, (2 * w * H + W) // (2 * W))`` rows from ``(h - ch) // 2`` on.
- ``padding``: the whole source fills the largest centred part of the input that has its aspect
  ratio; the rest is grey 128. With ``w * H > h * W`` this is all columns and
  ``ih = max(1, (2 * h * W + w) // (2 * w))`` rows from ``(H - ih) // 2`` on, else all rows and
  ``iw = max(1, (2 * w * H + h) // (2 * h))`` columns from ``(W - iw) // 2`` on.

Crop and padding scale the image. (The tool whose configuration tinydet reads cuts or pads without
scaling in training, while its firmware scales; here both are the same.)

**Resampling**: see ``tinydet.data.resampling``.

**Colour** comes last: ``bgr`` swaps; ``grayscale`` is ``(77 * r + 150 * g + 29 * b + 128) >> 8``
(ITU-R BT.601), three times.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray
from tinydet.config.detector_spec import AspectRatio, ColorMode, PreprocessSpec
from tinydet.data.resampling import ImageArray as ImageArray
from tinydet.data.resampling import resample

PADDING_VALUE = 128  # mid-grey: about 0 after the usual rescaling to [-1, 1]


@dataclass(frozen=True)
class Placement:
    """Which part of the source lands on which part of the network input, all in pixels.

    Attributes:
        source_top: First source row used.
        source_left: First source column used.
        source_height: Source rows used.
        source_width: Source columns used.
        top: First input row that shows the source.
        left: First input column that shows the source.
        height: Input rows that show the source.
        width: Input columns that show the source.
    """

    source_top: int
    source_left: int
    source_height: int
    source_width: int
    top: int
    left: int
    height: int
    width: int

    def matrix(self) -> npt.NDArray[np.float64]:
        """Map ``[3, 3]`` of source coordinates ``(x, y, 1)``, pixels, to those of the input.

        A pixel's centre is at its index + 0.5.
        """
        scale_x, scale_y = self.width / self.source_width, self.height / self.source_height
        return np.array(
            [
                [scale_x, 0, self.left - scale_x * self.source_left],
                [0, scale_y, self.top - scale_y * self.source_top],
                [0, 0, 1],
            ]
        )


def place(
    image_size: tuple[int, int], input_size: tuple[int, int], aspect_ratio: AspectRatio
) -> Placement:
    """Where the image goes in the network input (formulas: see the module).

    Args:
        image_size: ``(height, width)`` of the source, pixels, > 0.
        input_size: ``(height, width)`` of the network input, pixels, > 0.
        aspect_ratio: ``fit``, ``crop`` or ``padding``.

    Raises:
        ValueError: A side is not positive.

    >>> place((100, 400), (192, 192), "padding")  # doctest: +ELLIPSIS
    Placement(source_top=0, ..., source_width=400, top=72, left=0, height=48, width=192)
    >>> place((100, 401), (192, 192), "crop")  # doctest: +ELLIPSIS
    Placement(source_top=0, source_left=150, source_height=100, source_width=100, top=0, ...)
    """
    (h, w), (height, width) = image_size, input_size
    if min(h, w, height, width) <= 0:
        raise ValueError(f"image and input need sides > 0, got {image_size} and {input_size}")
    too_wide = w * height > h * width
    if aspect_ratio == "crop":
        if too_wide:
            part = max(1, (2 * h * width + height) // (2 * height))
            return Placement(0, (w - part) // 2, h, part, 0, 0, height, width)
        part = max(1, (2 * w * height + width) // (2 * width))
        return Placement((h - part) // 2, 0, part, w, 0, 0, height, width)
    if aspect_ratio == "padding":
        if too_wide:
            inner = max(1, (2 * h * width + w) // (2 * w))
            return Placement(0, 0, h, w, (height - inner) // 2, 0, inner, width)
        inner = max(1, (2 * w * height + h) // (2 * h))
        return Placement(0, 0, h, w, 0, (width - inner) // 2, height, inner)
    return Placement(0, 0, h, w, 0, 0, height, width)


def resize(image: ImageArray, spec: PreprocessSpec) -> ImageArray:
    """Bring an image to the size of the network input (formulas: see the module).

    Args:
        image: ``[h, w, 3]`` uint8, any size of at least one pixel.
        spec: Gives input size, interpolation and aspect ratio.

    Returns:
        ``[H, W, 3]`` uint8, same channel order, a new array.

    Raises:
        ValueError: The image is not ``[h, w, 3]`` uint8 or has no pixel.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"image must be [h, w, 3] uint8, got {image.shape} {image.dtype}")
    placed = place((image.shape[0], image.shape[1]), (spec.height, spec.width), spec.aspect_ratio)
    part = image[
        placed.source_top : placed.source_top + placed.source_height,
        placed.source_left : placed.source_left + placed.source_width,
    ]
    resampled = resample(part, placed.height, placed.width, spec.interpolation)
    if (placed.height, placed.width) == (spec.height, spec.width):
        return resampled
    canvas = np.full((spec.height, spec.width, 3), PADDING_VALUE, np.uint8)
    canvas[placed.top : placed.top + placed.height, placed.left : placed.left + placed.width] = (
        resampled
    )
    return canvas


def to_color_mode(image: ImageArray, color_mode: ColorMode) -> ImageArray:
    """Channel content of the network input from RGB (formulas: see the module).

    Args:
        image: ``[..., 3]`` uint8 RGB.
        color_mode: ``rgb``, ``bgr`` or ``grayscale`` (three equal channels).

    Returns:
        ``[..., 3]`` uint8; the same array for ``rgb``.

    >>> to_color_mode(np.array([[[200, 100, 50]]], np.uint8), "grayscale").tolist()
    [[[124, 124, 124]]]
    """
    if color_mode == "bgr":
        return np.ascontiguousarray(image[..., ::-1])
    if color_mode == "grayscale":
        red, green, blue = (image[..., c].astype(np.uint16) for c in range(3))
        luma = ((77 * red + 150 * green + 29 * blue + 128) >> 8).astype(np.uint8)
        return np.repeat(luma[..., None], 3, axis=-1)
    return image


def preprocess(image: ImageArray, spec: PreprocessSpec) -> ImageArray:
    """Resize, then colour mode: what the network is shown, still in 0..255.

    Args:
        image: ``[h, w, 3]`` uint8 RGB, any size.
        spec: The detector's preprocessing.

    Returns:
        ``[H, W, 3]`` uint8.
    """
    return to_color_mode(resize(image, spec), spec.color_mode)


def rescale(images_u8: ImageArray, spec: PreprocessSpec) -> FloatArray:
    """Pixels as the float network takes them: ``scale * pixel + offset``.

    Args:
        images_u8: uint8, any shape.
        spec: Gives scale and offset.

    Returns:
        float32, same shape.
    """
    rescaled: FloatArray = images_u8 * np.float32(spec.scale) + np.float32(spec.offset)
    return rescaled


def _box_scale_and_shift(
    image_size: tuple[int, int], spec: PreprocessSpec
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """``box in input = scale * box in image + shift``, each ``[4]``, fractions on both sides."""
    matrix = place(image_size, (spec.height, spec.width), spec.aspect_ratio).matrix()
    image_h, image_w = image_size
    scale_x, scale_y = matrix[0, 0] * image_w / spec.width, matrix[1, 1] * image_h / spec.height
    shift_x, shift_y = matrix[0, 2] / spec.width, matrix[1, 2] / spec.height
    return np.array([scale_x, scale_y] * 2), np.array([shift_x, shift_y] * 2)


def boxes_to_network(
    boxes: FloatArray, image_size: tuple[int, int], spec: PreprocessSpec
) -> FloatArray:
    """Boxes of the image as they lie in the network input.

    Args:
        boxes: ``[N, 4]``, fractions of the image.
        image_size: ``(height, width)`` of the image, pixels.
        spec: The detector's preprocessing.

    Returns:
        ``[N, 4]``, fractions of the network input, not clipped: with ``crop`` they may reach
        outside [0, 1]. The same values for ``fit``.
    """
    if spec.aspect_ratio == "fit":
        return boxes.copy()
    scale, shift = _box_scale_and_shift(image_size, spec)
    return (boxes * scale + shift).astype(np.float32)


def boxes_to_image(
    boxes: FloatArray, image_size: tuple[int, int], spec: PreprocessSpec
) -> FloatArray:
    """Inverse of ``boxes_to_network``: detections back to fractions of the image, not clipped."""
    if spec.aspect_ratio == "fit":
        return boxes.copy()
    scale, shift = _box_scale_and_shift(image_size, spec)
    return ((boxes - shift) / scale).astype(np.float32)
