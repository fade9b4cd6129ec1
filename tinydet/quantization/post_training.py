"""The quantization stage: model file and images in, ``quantized_model.tflite`` out."""

import json
import platform
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.config.detector_spec import (
    DETECTOR_FILE,
    DetectorSpec,
    PreprocessSpec,
    load_detector_spec,
)
from tinydet.config.files import atomic_path, make_folder, write_text_atomically
from tinydet.errors import ModelFileError, UnsupportedError
from tinydet.inference.decoding import matching_anchors
from tinydet.inference.keras_detector import check_shapes, load_keras_model
from tinydet.inference.output_layout import BOX_COLUMNS
from tinydet.progress import track
from tinydet.quantization.calibration import calibration_inputs, select_calibration_images
from tinydet.quantization.converter import convert
from tinydet.quantization.flatbuffer import only_graph, pack_model, parse_model
from tinydet.quantization.float_tail import append_float_tail, order_outputs
from tinydet.quantization.options import QuantizationOptions
from tinydet.quantization.verify import verify_quantized

QUANTIZED_MODEL_FILE = "quantized_model.tflite"
RECORD_FILE = "quantization.json"
PACKAGES = ("tinydet", "tensorflow", "keras", "ai-edge-litert", "numpy")


def quantize(
    model_path: Path,
    calibration_images: Sequence[Path],
    output_folder: Path,
    *,
    spec: DetectorSpec | None = None,
    options: QuantizationOptions | None = None,
) -> Path:
    """Quantize a float detector to int8 and prove that the file keeps the contract.

    Every value up to scores and box deltas is int8. The default file takes pixels
    ``[1, H, W, 3]`` uint8 and gives ``[1, NA, NC softmax scores | 4 deltas | 4 anchors]`` float32,
    ``NC = 1 + classes``, background first. With output type int8 or uint8 it has two outputs:
    scores ``[1, NA, NC]`` and deltas ``[1, NA, 4]``.

    Args:
        model_path: ``.keras`` detector that training wrote.
        calibration_images: Image files like those the detector will see; some hundred.
        output_folder: Gets ``quantized_model.tflite``, ``detector.json`` and
            ``quantization.json`` (options, images, findings, sizes, versions, seconds).
        spec: What the model was trained for; None reads ``detector.json`` beside the model.
        options: Granularity and types; None takes the defaults.

    Returns:
        Path of the ``.tflite`` file. It appears last, when all checks have passed.

    Raises:
        DataError: No calibration image is given, or one cannot be read.
        ModelFileError: The model cannot be read, does not fit the spec, or the converted file
            breaks the contract.
        UnsupportedError: The rescaling has no exact 8-bit form, or the model is of another kind.
        OutputError: The folder cannot be written to.
        MissingToolError: Keras or TensorFlow is not installed.
    """
    start = time.monotonic()
    model_path, options = Path(model_path), options or QuantizationOptions()
    spec = spec or load_detector_spec(model_path.with_name(DETECTOR_FILE))
    images = select_calibration_images(calibration_images, options.max_images)
    _check_rescaling(spec.preprocess)
    make_folder(output_folder)
    model, anchors = _load(model_path, spec)
    inputs = calibration_inputs(images, spec.preprocess)
    content = convert(
        model, track(inputs, "Calibrating", total=len(images)), spec, options, model_path
    )
    converted = parse_model(content)
    only_graph(converted, model_path)
    order_outputs(converted)
    if options.output_type == "float":
        append_float_tail(converted, anchors)
    path = output_folder / QUANTIZED_MODEL_FILE
    with atomic_path(path) as temporary:
        temporary.write_bytes(pack_model(converted))
        sample = next(calibration_inputs(images[:1], spec.preprocess))[0]
        record = _record(model_path, temporary, images, options)
        record["verification"] = verify_quantized(temporary, spec, options, sample, path)
        record["seconds"] = round(time.monotonic() - start, 2)
        provenance = {**spec.provenance, "quantization": _provenance(record)}
        spec.model_copy(update={"provenance": provenance}).save(output_folder / DETECTOR_FILE)
        write_text_atomically(output_folder / RECORD_FILE, json.dumps(record, indent=2) + "\n")
    return path


def _check_rescaling(preprocess: PreprocessSpec) -> None:
    """8-bit tensors always contain the real number 0, so the rescaled pixels must span it."""
    black, white = preprocess.offset, preprocess.scale * 255 + preprocess.offset
    if not (preprocess.scale > 0 and black <= 0 <= white):
        raise UnsupportedError(
            "preprocessing.rescaling",
            f"the range {black:g} to {white:g} of the network input",
            "increasing ranges that contain 0, as -1 to 1",
            "Train with scale 1/127.5 and offset -1, or scale 1/255 and offset 0.",
        )


def _load(model_path: Path, spec: DetectorSpec) -> tuple[Any, npt.NDArray[np.float32]]:
    """The model with its two outputs apart, and its anchors."""
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


def _record(
    model_path: Path, written: Path, images: Sequence[Path], options: QuantizationOptions
) -> dict[str, Any]:
    return {
        "source": str(model_path),
        "source_size_bytes": model_path.stat().st_size,
        "size_bytes": written.stat().st_size,
        "options": options.model_dump(mode="json"),
        "calibration": {
            "images": len(images),
            "folders": sorted({str(path.parent) for path in images}),
            "input_range": "one black and one white pixel are set in the first image, so that "
            "the input has one code per pixel value",
        },
        "versions": _versions(),
    }


def _provenance(record: dict[str, Any]) -> dict[str, Any]:
    return {
        **record["options"],
        "source": record["source"],
        "calibration_images": record["calibration"]["images"],
        "versions": record["versions"],
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
