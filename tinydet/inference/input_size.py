"""What a model file tells of its images, before anything else is known about it."""

from pathlib import Path

import numpy as np

from tinydet.errors import ModelFileError
from tinydet.inference.detector import check_suffix


def read_input_size(path: Path) -> tuple[int, int]:
    """``(height, width)`` of a model's input, pixels.

    Args:
        path: ``.keras``, ``.h5`` or ``.tflite``.

    Raises:
        ModelFileError: The file is missing or broken, or its input is no image of fixed size.
        UnsupportedError: The kind of file is not supported.
    """
    check_suffix(path)
    if not path.is_file():
        raise ModelFileError(path, "there is no such file", "Correct the path of the model.")
    if path.suffix.lower() == ".tflite":
        from tinydet.inference.tflite_detector import read_input_shape

        shape = read_input_shape(path)
    else:
        from tinydet.inference.keras_detector import load_keras_model

        shape = tuple(load_keras_model(path).input_shape)
    if len(shape) != 4 or not shape[1] or not shape[2]:
        raise ModelFileError(
            path, f"its input {shape} is no image of fixed size", "Give a detector."
        )
    return int(shape[1]), int(shape[2])


def read_rescaling(path: Path) -> tuple[float, float] | None:
    """``(scale, offset)`` of the preprocessing, where the input of a model tells it.

    An 8-bit input whose codes are the pixels (int8: the pixels - 128) stands for the real numbers
    ``scale * (code - zero_point)``; that is the rescaling.

    Args:
        path: ``.keras``, ``.h5`` or ``.tflite``.

    Returns:
        None where the input is float, or states no scale.

    Raises:
        ModelFileError: As ``read_input_size``.
        UnsupportedError: As ``read_input_size``.
    """
    check_suffix(path)
    if path.suffix.lower() != ".tflite":
        return None
    from tinydet.inference.tflite_detector import read_input_code

    code = read_input_code(path)
    if code.is_float or not code.scale:
        return None
    first_code = np.iinfo(code.dtype).min  # of the pixel 0
    return code.scale, code.scale * (first_code - code.zero_point)
