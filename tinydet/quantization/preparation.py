"""What post-training quantization and quantization-aware training have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydet.boxes import FloatArray
from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec, load_detector_spec
from tinydet.quantization.calibration import CalibrationImages, select_calibration_images
from tinydet.quantization.converter import fold
from tinydet.quantization.float_model import input_range, load_float_model
from tinydet.quantization.folded_network import FoldedNetwork, Range
from tinydet.quantization.optimization import correct_biases, optimize_weights
from tinydet.quantization.options import QuantizationOptions
from tinydet.quantization.ranges import calibrate_ranges
from tinydet.quantization.simulation.operators import check_supported


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
        model_path: ``.keras`` detector that training wrote.
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
    model, anchors = load_float_model(model_path, spec)
    network = fold(model, spec, model_path)
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
