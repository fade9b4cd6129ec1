"""From a model file to a detector, and what can be told of the file before that."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinydet.config.detector_spec import (
    DETECTOR_FILE,
    KERAS_SUFFIXES,
    OTHER_MODEL_SUFFIXES,
    SAVED_MODEL,
    TFLITE_SUFFIXES,
    DetectorSpec,
    PostprocessSpec,
    load_detector_spec,
)
from tinydet.errors import ModelFileError, UnsupportedError, near_name
from tinydet.inference.detector import Detector, Engine
from tinydet.inference.detector_metadata import packed_labels
from tinydet.pretrained import LISTED, NAMES, model_path
from tinydet.tensor_code import TensorCode
from tinydet.tflite_format import elements_by_type


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
    from tinydet.inference.tflite_detector import load_tflite

    return load_tflite(path, spec, num_threads=num_threads, engine=engine)


def check_model_file(path: Path) -> None:
    """Refuse what is not a model by its name, and a file that is not there.

    Raises:
        UnsupportedError: The suffix is not one of a model file.
        ModelFileError: There is no such file.
    """
    suffix = path.suffix.lower()
    is_saved_model = (path / SAVED_MODEL).is_file()
    if suffix in OTHER_MODEL_SUFFIXES or is_saved_model:
        raise UnsupportedError(
            str(path),
            "a SavedModel" if is_saved_model else f"a model file with suffix {path.suffix!r}",
            ", ".join(KERAS_SUFFIXES + TFLITE_SUFFIXES),
            "Convert it to .tflite; tinydet can use it if it is an SSD detector.",
        )
    if suffix not in KERAS_SUFFIXES + TFLITE_SUFFIXES:
        raise UnsupportedError(
            str(path),
            f"a model file with suffix {path.suffix!r}",
            ", ".join(KERAS_SUFFIXES + TFLITE_SUFFIXES),
            f"Give a Keras model or a .tflite file, or a bundled detector ({LISTED})."
            f"{near_name(str(path), NAMES)}",
        )
    if not path.is_file():
        found = "is a folder, not a file" if path.is_dir() else "there is no such file"
        raise ModelFileError(path, found, "Correct the path of the model.")


@dataclass(frozen=True)
class ModelFacts:
    """What a model file tells of itself, where no ``detector.json`` does.

    Attributes:
        input_size: ``(height, width)`` of its input, pixels.
        rescaling: ``(scale, offset)`` of the preprocessing. An 8-bit input whose codes are the
            pixels (int8: the pixels - 128) stands for the real numbers
            ``scale * (code - zero_point)``; None where the input is float, or states no scale.
        num_classes: Without the background; None where it is not known before the weights are.
        postprocess: Thresholds that it was exported with, if any.
        label_names: Names in the list of labels that is packed into it, if any.
    """

    input_size: tuple[int, int]
    rescaling: tuple[float, float] | None = None
    num_classes: int | None = None
    postprocess: PostprocessSpec | None = None
    label_names: tuple[str, ...] | None = None


def read_facts(path: Path) -> ModelFacts:
    """What a model file tells of itself.

    Args:
        path: ``.keras``, ``.h5`` or ``.tflite``.

    Raises:
        ModelFileError: The file is missing or broken, or is not a detector.
        UnsupportedError: The kind of file is not supported.
    """
    check_model_file(path)
    if path.suffix.lower() not in TFLITE_SUFFIXES:
        return ModelFacts(_keras_input_size(path))
    from tinydet.inference.tflite_detector import open_tflite

    file = open_tflite(path)
    _, height, width, _ = file.network.input_shapes[0]
    operator = file.post_processing
    return ModelFacts(
        (height, width),
        _rescaling(file.network.input_code),
        file.num_classes,
        None if operator is None else operator.postprocess,
        packed_labels(path, file.num_classes),
    )


def _keras_input_size(path: Path) -> tuple[int, int]:
    from tinydet.inference.keras_detector import load_keras_model

    shape = tuple(load_keras_model(path).input_shape)
    if len(shape) != 4 or not shape[1] or not shape[2]:
        raise ModelFileError(
            path, f"its input {shape} is not an image of fixed size", "Give a detector."
        )
    return int(shape[1]), int(shape[2])


def _rescaling(code: TensorCode) -> tuple[float, float] | None:
    if code.is_float or not code.scale:
        return None
    first_code = np.iinfo(code.dtype).min  # of the pixel 0
    return code.scale, code.scale * (first_code - code.zero_point)


def model_kind(path: Path) -> str:
    """``float keras``, ``int8 tflite`` or ``float tflite``; the suffix where there is no file.

    A ``.tflite`` counts as int8 when most of the values that it stores and computes are.
    """
    suffix = path.suffix.lower()
    if suffix not in TFLITE_SUFFIXES:
        return "float keras" if suffix in KERAS_SUFFIXES else suffix.lstrip(".")
    if not path.is_file():
        return "tflite"
    return "int8 tflite" if _is_quantized(path) else "float tflite"


def _is_quantized(path: Path) -> bool:
    from tinydet.inference.tflite_network import read_content

    elements = elements_by_type(read_content(path))
    return elements["int8"] + elements["uint8"] > elements["float32"]


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
