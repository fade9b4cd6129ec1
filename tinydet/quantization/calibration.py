"""The images from which the converter learns the range of every activation."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinydet.config.detector_spec import PreprocessSpec
from tinydet.data.images import read_image
from tinydet.data.preprocess import preprocess
from tinydet.errors import DataError

BLACK, WHITE = 0, 255


def select_calibration_images(paths: Sequence[Path], max_images: int) -> list[Path]:
    """At most ``max_images`` of the paths, evenly spaced over the list, in its order.

    Args:
        paths: Image files.
        max_images: Largest number returned, >= 1.

    Raises:
        DataError: There are no paths. Random data would give ranges of no meaning, so there is no
            other way to calibrate.

    >>> [path.name for path in select_calibration_images([Path(c) for c in "abcdefg"], 3)]
    ['a', 'c', 'e']
    """
    if not paths:
        raise DataError(
            "calibration",
            "no images are given",
            "Set dataset.quantization_path (or training_path) to a folder of images like those "
            "the detector will see.",
        )
    count = min(len(paths), max_images)
    return [Path(paths[i * len(paths) // count]) for i in range(count)]


def calibration_inputs(
    paths: Sequence[Path], spec: PreprocessSpec
) -> Iterator[npt.NDArray[np.uint8]]:
    """Preprocessed images for calibration, pixels still 0..255.

    The converter takes the range of the network input from what it sees here. So that the input
    has exactly one code per pixel value, whatever the images, the first one gets a black and a
    white pixel in two corners.

    Args:
        paths: Image files.
        spec: The detector's preprocessing.

    Yields:
        ``[1, H, W, 3]`` uint8.

    Raises:
        DataError: A file cannot be read as an image.
    """
    for index, path in enumerate(paths):
        image = preprocess(read_image(path), spec).copy()
        if index == 0:
            image[0, 0], image[-1, -1] = BLACK, WHITE
        yield image[None]
