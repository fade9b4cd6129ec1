"""What post-training quantization and quantization-aware training have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydet.backends import choose_backend
from tinydet.boxes import FloatArray
from tinydet.config.detector_spec import (
    DETECTOR_FILE,
    KERAS_SUFFIXES,
    TFLITE_SUFFIXES,
    DetectorSpec,
    PreprocessSpec,
    load_detector_spec,
)
from tinydet.errors import ModelFileError, UnsupportedError
from tinydet.inference.decoding import matching_anchors
from tinydet.inference.keras_detector import check_shapes, load_keras_model
from tinydet.inference.output_roles import BOX_COLUMNS
from tinydet.quantization.calibration import CalibrationImages, select_calibration_images
from tinydet.quantization.converter import fold
from tinydet.quantization.folded_network import FoldedNetwork, Range
from tinydet.quantization.optimization import correct_biases, optimize_weights
from tinydet.quantization.options import QuantizationOptions
from tinydet.quantization.ranges import calibrate_ranges
from tinydet.quantization.simulation.operators import check_supported


def _load_float_model(model_path: Path, spec: DetectorSpec) -> tuple[Any, FloatArray]:
    """The model of a file, with the outputs ``[class_logits, box_deltas]``, and its anchors."""
    if not model_path.is_file():
        raise ModelFileError(model_path, "there is no such file", "Correct the model path.")
    if model_path.suffix.lower() not in KERAS_SUFFIXES:
        raise UnsupportedError(
            str(model_path),
            f"a {model_path.suffix} file as the source of quantization",
            ", ".join(KERAS_SUFFIXES + TFLITE_SUFFIXES),
            "Give the float model it was made from.",
        )
    choose_backend("tensorflow", "quantization")
    model = load_keras_model(model_path)
    num_anchors = check_shapes(model, spec, model_path)
    from tinydet.model.network import OUTPUT_LAYER, split_outputs

    joins_anchors = model.output_shape[-1] != spec.num_classes + 1 + BOX_COLUMNS  # legacy files
    if joins_anchors or not any(layer.name == OUTPUT_LAYER for layer in model.layers):
        raise ModelFileError(
            model_path,
            "its class logits and box deltas cannot be told apart",
            "Give a detector that tinydet train made.",
        )
    return split_outputs(model), matching_anchors(spec, num_anchors, model_path)


def read_float_network(model_path: Path, spec: DetectorSpec) -> tuple[FoldedNetwork, FloatArray]:
    """The network of a float model up to scores and deltas, and its anchors.

    Args:
        model_path: ``.keras`` detector that training wrote, or a float ``.tflite`` detector.
        spec: What it was trained for.

    Raises:
        ModelFileError: It cannot be read, or does not fit the spec.
        UnsupportedError: It is a model of another kind.
    """
    if model_path.suffix.lower() in TFLITE_SUFFIXES:
        from tinydet.quantization.float_tflite import load_float_tflite

        return load_float_tflite(model_path, spec)
    model, anchors = _load_float_model(model_path, spec)
    return fold(model, spec, model_path), anchors


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
            "increasing ranges that contain 0, such as -1 to 1",
            "Train with scale 1/127.5 and offset -1, or scale 1/255 and offset 0.",
        )
    return black, white


@dataclass(frozen=True)
class PreparedNetwork:
    """A float network that only has to be rounded.

    Attributes:
        model_path: The float model it was made from.
        spec: What it was trained for.
        options: How it shall be quantized.
        network: Its weights are final, its ranges are set.
        float_network: The same before the biases were corrected: it computes what the float model
            computes.
        ranges: Of every activation.
        images: That showed the ranges.
        anchors: ``[NA, 4]``.
        facts: JSON-ready: the images, what was optimized.
    """

    model_path: Path
    spec: DetectorSpec
    options: QuantizationOptions
    network: FoldedNetwork
    float_network: FoldedNetwork
    ranges: dict[int, Range]
    images: CalibrationImages
    anchors: FloatArray
    facts: dict[str, Any]


def prepare_network(
    model_path: Path,
    calibration_images: Sequence[Path],
    options: QuantizationOptions,
    spec: DetectorSpec | None = None,
) -> PreparedNetwork:
    """Fold, optimize where asked for, and find the range of every activation.

    Args:
        model_path: See ``read_float_network``.
        calibration_images: Image files to choose from.
        options: How to quantize.
        spec: What the model was trained for; None reads ``detector.json`` beside the model.

    Returns:
        The network.

    Raises:
        DataError: No calibration image is given, or one cannot be read.
        ModelFileError: The model cannot be read or does not fit the spec.
        UnsupportedError: The rescaling has no exact 8-bit form, the model is of another kind, or
            it cannot be optimized.
        MissingToolError: Keras or TensorFlow is not installed.
    """
    spec = spec or load_detector_spec(model_path.with_name(DETECTOR_FILE))
    paths = select_calibration_images(calibration_images, options.max_images)
    pixels = input_range(spec.preprocess)
    network, anchors = read_float_network(model_path, spec)
    if network.told is not None and options.output_type != "float":
        raise UnsupportedError(
            "quantization_output_type",
            f"{options.output_type} for a file that says itself how boxes are made",
            "float",
            "Leave it at float: the file then ends in the same operator.",
        )
    images = CalibrationImages.read(paths, spec.preprocess)
    facts: dict[str, Any] = {"calibration": _calibration_facts(paths)}
    if options.optimize:
        check_supported(network.layers, "quantization.optimize")
        facts["optimization"] = optimize_weights(network, images, options.granularity)
    ranges = calibrate_ranges(network, images, options.calibration_method, pixels)
    float_network = network.copy()
    if options.optimize:
        changes = correct_biases(network, ranges, images, options.granularity)
        facts["optimization"]["largest_bias_change_in_steps"] = changes
    network.set_ranges(ranges)
    return PreparedNetwork(
        model_path, spec, options, network, float_network, ranges, images, anchors, facts
    )


def _calibration_facts(paths: Sequence[Path]) -> dict[str, Any]:
    """Which images showed the ranges."""
    return {
        "images": len(paths),
        "folders": sorted({str(path.parent) for path in paths}),
        "input_range": "that of the rescaled pixels 0 and 255: the input has one code per value",
    }
