"""From a model file to a detector, and what can be told of the file before that."""

from pathlib import Path

from tinydet.config.detector_spec import (
    DETECTOR_FILE,
    KERAS_SUFFIXES,
    TFLITE_SUFFIXES,
    DetectorSpec,
    load_detector_spec,
)
from tinydet.errors import ModelFileError, UnsupportedError, near_name
from tinydet.inference.detector import Detector, Engine
from tinydet.pretrained import LISTED, NAMES, model_path


def load_detector(
    path: str | Path,
    spec: DetectorSpec | None = None,
    *,
    num_threads: int = 1,
    engine: Engine = "litert",
) -> Detector:
    """Load a float (.keras, .h5) or quantized (.tflite) detector.

    Args:
        path: The model file, or the name of a bundled detector, as ``person_192`` (int8;
            see ``tinydet.pretrained``).
        spec: What the model was trained for; None reads ``detector.json`` beside the model. A
            foreign .tflite has none: give the class names and preprocessing it was made with.
        num_threads: Threads the network itself may use, per call (.tflite only).
        engine: ``litert``: optimised kernels; ``litert-ref``: the reference kernels, slow, the
            yardstick for exactness (.tflite only).

    Returns:
        The detector.

    Raises:
        ModelFileError: The file is missing or broken, is not a detector, or does not fit the spec.
        UnsupportedError: The kind of file, or an operator of it, is not supported.
        MissingToolError: A Keras model is given and Keras is not installed.
    """
    path = model_path(path)
    check_model_file(path)
    spec = spec or _spec_beside(path)
    if path.suffix.lower() in KERAS_SUFFIXES:
        from tinydet.inference.keras_detector import KerasDetector

        return KerasDetector(path, spec)
    from tinydet.inference.tflite_detector import TfliteDetector

    return TfliteDetector(path, spec, num_threads=num_threads, engine=engine)


def check_model_file(path: Path) -> None:
    """Refuse what is not a model by its name, and a file that is not there.

    Raises:
        UnsupportedError: The suffix is not one of a model file.
        ModelFileError: There is no such file.
    """
    if path.suffix.lower() not in KERAS_SUFFIXES + TFLITE_SUFFIXES:
        raise UnsupportedError(
            str(path),
            f"a model file with suffix {path.suffix!r}",
            ", ".join(KERAS_SUFFIXES + TFLITE_SUFFIXES),
            f"Give a Keras model or a .tflite file, or a bundled detector ({LISTED})."
            f"{near_name(str(path), NAMES)}",
        )
    if not path.is_file():
        raise ModelFileError(path, "there is no such file", "Correct the path of the model.")


def read_input_size(path: Path) -> tuple[int, int]:
    """``(height, width)`` of a model's input, pixels.

    Args:
        path: ``.keras``, ``.h5`` or ``.tflite``.

    Raises:
        ModelFileError: The file is missing or broken, or its input is not an image of fixed size.
        UnsupportedError: The kind of file is not supported.
    """
    check_model_file(path)
    if path.suffix.lower() in TFLITE_SUFFIXES:
        from tinydet.inference.tflite_detector import read_input_shape

        shape = read_input_shape(path)
    else:
        from tinydet.inference.keras_detector import load_keras_model

        shape = tuple(load_keras_model(path).input_shape)
    if len(shape) != 4 or not shape[1] or not shape[2]:
        raise ModelFileError(
            path, f"its input {shape} is not an image of fixed size", "Give a detector."
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
    check_model_file(path)
    if path.suffix.lower() not in TFLITE_SUFFIXES:
        return None
    import numpy as np

    from tinydet.inference.tflite_detector import read_input_code

    code = read_input_code(path)
    if code.is_float or not code.scale:
        return None
    first_code = np.iinfo(code.dtype).min  # of the pixel 0
    return code.scale, code.scale * (first_code - code.zero_point)


def model_kind(path: Path) -> str:
    """``float keras``, ``int8 tflite`` or ``float tflite``; the suffix where there is no file.

    A ``.tflite`` counts as int8 when most of its weights (the tensors with content, by size) are.
    """
    suffix = path.suffix.lower()
    if suffix not in TFLITE_SUFFIXES:
        return "float keras" if suffix in KERAS_SUFFIXES else suffix.lstrip(".")
    if not path.is_file():
        return "tflite"
    return "int8 tflite" if _is_quantized(path) else "float tflite"


def _is_quantized(path: Path) -> bool:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    details = Interpreter(model_path=str(path)).get_tensor_details()
    elements = {True: 0, False: 0}
    for tensor in details:
        if tensor["dtype"] in (np.int8, np.uint8, np.float32):
            elements[tensor["dtype"] != np.float32] += int(np.prod(tensor["shape"]))
    return elements[True] > elements[False]


def _spec_beside(path: Path) -> DetectorSpec:
    beside = path.with_name(DETECTOR_FILE)
    if not beside.is_file():
        raise ModelFileError(
            path,
            f"there is no {DETECTOR_FILE} next to it with its classes and preprocessing",
            "Give a configuration with dataset.class_names and preprocessing, or copy the "
            f"{DETECTOR_FILE} of the model into its folder.",
        )
    return load_detector_spec(beside)
