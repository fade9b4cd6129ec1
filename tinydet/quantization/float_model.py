"""The float detector that is quantized."""

from pathlib import Path
from typing import Any

from tinydet.boxes import FloatArray
from tinydet.config.detector_spec import DetectorSpec, PreprocessSpec
from tinydet.errors import ModelFileError, UnsupportedError
from tinydet.inference.decoding import matching_anchors
from tinydet.inference.keras_detector import check_shapes, load_keras_model
from tinydet.inference.output_layout import BOX_COLUMNS
from tinydet.quantization.folded_network import Range


def load_float_model(model_path: Path, spec: DetectorSpec) -> tuple[Any, FloatArray]:
    """The model with its two outputs apart, and its anchors.

    Args:
        model_path: ``.keras`` detector that training wrote.
        spec: What it was trained for.

    Returns:
        ``keras.Model`` with the outputs ``[class_logits, box_deltas]``, and anchors ``[NA, 4]``.

    Raises:
        ModelFileError: It cannot be read, or does not fit the spec.
        UnsupportedError: It is a model of another kind.
    """
    if not model_path.is_file():
        raise ModelFileError(model_path, "there is no such file", "Correct the model path.")
    if model_path.suffix == ".tflite":
        raise UnsupportedError(
            str(model_path),
            "a .tflite file as the source of quantization",
            ".keras, .h5",
            "Give the float model it was made from.",
        )
    model = load_keras_model(model_path)
    num_anchors = check_shapes(model, spec, model_path)
    from tinydet.model.detector import OUTPUT_LAYER, split_outputs

    joins_anchors = model.output_shape[-1] != spec.num_classes + 1 + BOX_COLUMNS  # legacy files
    if joins_anchors or not any(layer.name == OUTPUT_LAYER for layer in model.layers):
        raise ModelFileError(
            model_path,
            "its class logits and box deltas cannot be told apart",
            "Give a detector that tinydet train made.",
        )
    return split_outputs(model), matching_anchors(spec, num_anchors, model_path)


def input_range(preprocess: PreprocessSpec) -> Range:
    """The rescaled values of a black and of a white pixel.

    With this range the codes of the network input are the pixels.

    Raises:
        UnsupportedError: It does not contain 0, which every 8-bit tensor has a code for.
    """
    black, white = preprocess.offset, preprocess.scale * 255 + preprocess.offset
    if not (preprocess.scale > 0 and black <= 0 <= white):
        raise UnsupportedError(
            "preprocessing.rescaling",
            f"the range {black:g} to {white:g} of the network input",
            "increasing ranges that contain 0, as -1 to 1",
            "Train with scale 1/127.5 and offset -1, or scale 1/255 and offset 0.",
        )
    return black, white
