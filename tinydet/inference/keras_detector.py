"""The float detector: a Keras model."""

import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.backends import choose_backend
from tinydet.backends.foreign_layers import refuse_layers_of_others
from tinydet.boxes import FloatArray
from tinydet.config.detector_spec import DetectorSpec
from tinydet.data.input_files import refuse_pointer
from tinydet.data.preprocess import rescale
from tinydet.errors import MissingToolError, ModelFileError, first_line
from tinydet.inference.decoding import decode_batch, matching_anchors, softmax
from tinydet.inference.other_networks import appearance
from tinydet.inference.output_roles import BOX_COLUMNS, NoDetectorError, prove, split_joined
from tinydet.native_log import captured_native_log

REMEDY = "Give a detector that tinydet train saved, such as saved_models/best_model.keras."


class KerasDetector:
    """Runs a ``.keras`` (or legacy ``.h5``) detector.

    The model takes rescaled images ``[B, H, W, 3]`` and gives ``[B, NA, NC + 4]`` (class logits,
    background first, and box deltas) or the legacy ``[B, NA, NC + 8]`` (softmax scores, box
    deltas, anchors).

    Args:
        path: The model file.
        spec: What the model was trained for.

    Raises:
        ModelFileError: The file is not a Keras model, or its shapes do not fit the spec.
        MissingToolError: Keras is not installed.
    """

    def __init__(self, path: Path, spec: DetectorSpec) -> None:
        self.path, self.spec, self.name = path, spec, path.name
        self._model = load_keras_model(path)
        self._one_at_a_time = threading.Lock()  # Keras keeps state in predict; TF is parallel
        num_anchors = check_shapes(self._model, spec, path)
        self._has_anchors = self._model.output_shape[-1] == spec.num_classes + 1 + 2 * BOX_COLUMNS
        self._anchors = None if self._has_anchors else matching_anchors(spec, num_anchors, path)
        if self._has_anchors:
            self._prove()

    def outputs(self, images_u8: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        """See ``Detector.outputs``."""
        inputs = rescale(images_u8, self.spec.preprocess)
        with self._one_at_a_time:
            head = np.asarray(self._model.predict_on_batch(inputs), np.float32)
        if self._anchors is None:
            class_scores, box_deltas, anchors = split_joined(head)
        else:
            class_scores = softmax(head[..., :-BOX_COLUMNS])
            box_deltas, anchors = head[..., -BOX_COLUMNS:], self._anchors
        return class_scores, decode_batch(box_deltas, anchors)

    def _prove(self) -> None:
        """Refuse an output of the right width that contains no scores, deltas and anchors."""
        images = np.stack([np.zeros((*self.spec.input_size, 3), np.uint8)] * 2)
        images[1, ::2, ::3] = 255
        head = np.asarray(
            self._model.predict_on_batch(rescale(images, self.spec.preprocess)), np.float32
        )
        try:
            prove(split_joined(head[:1]), split_joined(head[1:]))
        except NoDetectorError as error:
            seems = appearance([self._model.inputs[0].shape], [head])
            looks = f"; it looks like {seems}" if seems else ""
            found = f"is not a detector that tinydet can use: {error}{looks}"
            raise ModelFileError(self.path, found, REMEDY) from None


def load_keras_model(path: Path) -> Any:
    """Load a Keras model file, without its training state.

    Args:
        path: ``.keras`` or legacy ``.h5`` file.

    Returns:
        The ``keras.Model``.

    Raises:
        ModelFileError: The file is broken, contains no model (weights only, something else), or
            has a layer of another backend of Keras.
        MissingToolError: Keras is not installed.
    """
    if path.name.lower().endswith(".weights.h5"):
        raise ModelFileError(path, "contains only weights, no model", REMEDY)
    refuse_pointer(path)
    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        raise ModelFileError(path, "is not a .keras file, or is truncated", REMEDY)
    refuse_layers_of_others(path, choose_backend(wish="a Keras model").name)
    try:
        with captured_native_log():  # TensorFlow reports on GPUs while it is loaded
            import keras

            return keras.models.load_model(path, compile=False)
    except ModuleNotFoundError as error:
        raise MissingToolError(
            "a Keras model", error.name or "keras", "Run: pip install 'tinydet[train]'."
        ) from None
    except Exception as error:  # whatever a foreign file makes Keras raise is the file's fault
        found = f"cannot be loaded by Keras ({first_line(error)})"
        raise ModelFileError(path, found, REMEDY) from error


def check_shapes(model: Any, spec: DetectorSpec, path: Path) -> int:
    """The number of anchors of a model whose input and output fit the specification.

    Args:
        model: A ``keras.Model``.
        spec: What the model was trained for.
        path: Its file, for the message.

    Raises:
        ModelFileError: Input size, output form or number of classes differ.
    """
    height, width = spec.input_size
    if len(model.inputs) != 1 or tuple(model.inputs[0].shape[1:]) != (height, width, 3):
        found = ", ".join(str(tuple(tensor.shape)) for tensor in model.inputs)
        raise ModelFileError(
            path,
            f"its input is {found}, but the preprocessing gives (None, {height}, {width}, 3)",
            "Give the preprocessing the model was trained with.",
        )
    score_columns = spec.num_classes + 1
    columns = (score_columns + BOX_COLUMNS, score_columns + 2 * BOX_COLUMNS)
    shape = tuple(model.outputs[0].shape)
    if len(model.outputs) != 1 or len(shape) != 3 or shape[2] not in columns:
        found = ", ".join(str(tuple(tensor.shape)) for tensor in model.outputs)
        raise ModelFileError(
            path,
            f"its output is {found}, but {spec.num_classes} classes need "
            f"(None, anchors, {columns[0]}): {score_columns} class logits (background first) "
            "and 4 box deltas",
            "Give a detector trained for these class names.",
        )
    return int(shape[1])
