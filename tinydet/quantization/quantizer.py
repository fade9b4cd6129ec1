"""The quantization stage: model file and images in, ``quantized_model.tflite`` out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tinydet.config.detector_spec import DetectorSpec
from tinydet.config.files import make_folder
from tinydet.quantization.agreement import simulation_agreement
from tinydet.quantization.analysis import LAYER_REPORT_FILE, write_layer_report
from tinydet.quantization.export import export_int8
from tinydet.quantization.options import QuantizationOptions
from tinydet.quantization.prepared_network import prepare_network
from tinydet.quantization.quantization_aware import after_training, network_to_train

AGREEMENT_IMAGES = 4
TrainRounded = Callable[[Any, DetectorSpec], dict[str, Any]]


def quantize(
    model_path: Path,
    calibration_images: Sequence[Path],
    output_folder: Path,
    *,
    spec: DetectorSpec | None = None,
    options: QuantizationOptions | None = None,
    train: TrainRounded | None = None,
    report: bool = False,
) -> Path:
    """Quantize a float detector to int8 and prove that the file keeps the contract.

    Every value up to scores and box deltas is int8. The default file takes pixels
    ``[1, H, W, 3]`` uint8 and gives ``[1, NA, NC softmax scores | 4 deltas | 4 anchors]`` float32,
    ``NC = 1 + classes``, background first. With output type int8 or uint8 it has two outputs:
    scores ``[1, NA, NC]`` and deltas ``[1, NA, 4]``.

    Args:
        model_path: ``.keras`` detector that training wrote, or a float ``.tflite`` detector with
            softmax scores; the anchors that it states are kept.
        calibration_images: Image files like those the detector will see; some hundred.
        output_folder: Gets ``quantized_model.tflite``, ``detector.json`` and
            ``quantization.json`` (options, images, findings, sizes, versions).
        spec: What the model was trained for; None reads ``detector.json`` beside the model.
        options: Granularity, types, methods; None takes the defaults.
        train: Trains a ``keras.Model`` with the input and output of the float detector on, in place
            and with all roundings in it, and gives JSON-ready facts about it. What it learns,
            weights and ranges, is what the file holds; see
            ``tinydet.quantization.quantization_aware``. None only rounds.
        report: Also compare float and int8 layer by layer: ``layers.json``.

    Returns:
        Path of the ``.tflite`` file. It appears when all checks have passed.

    Raises:
        DataError: No calibration image is given, or one cannot be read.
        ModelFileError: The model cannot be read, does not fit the spec, or the converted file
            breaks the contract.
        UnsupportedError: The rescaling has no exact 8-bit form, the model is of another kind, or
            what is asked for (``train`` included) does not know one of its operators.
        OutputError: The folder cannot be written to.
        MissingToolError: Keras or TensorFlow is not installed.
    """
    make_folder(output_folder)
    prepared = prepare_network(
        Path(model_path), calibration_images, options or QuantizationOptions(), spec
    )
    if train is not None:
        model = network_to_train(prepared)
        prepared = after_training(prepared, model, train(model, prepared.spec))
        prepared.facts["agreement_with_int8"] = simulation_agreement(prepared, AGREEMENT_IMAGES)
    # Layers of an older model must not stand beside this one.
    (output_folder / LAYER_REPORT_FILE).unlink(missing_ok=True)
    path = export_int8(prepared, output_folder)
    if report:
        write_layer_report(prepared, path)
    return path
