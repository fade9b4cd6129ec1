"""Sections ``quantization``, ``evaluation`` and ``prediction``."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from tinydet.config.schema.values import (
    Count,
    Number,
    Section,
    Share,
    Text,
    Whole,
    choice,
    fixed,
    to_list_or_single,
)

Quantizer = Literal["TFlite_converter"]
QuantizationType = Literal["PTQ"]
TensorType = Literal["int8", "uint8", "float"]
Granularity = Literal["per_channel", "per_tensor"]
ExportFolder = Literal["quantized_models"]
Target = Literal["host"]
Engine = Literal["litert", "litert-ref"]

ONNX_REMEDY = "Use TFlite_converter: models are quantized to .tflite."
TARGET_REMEDY = "Evaluate and predict on this machine."
NPY_REMEDY = "Remove the key: no .npy files are written."
OPTIMIZE_REMEDY = "Set it to False: the float model is converted as it was trained."
Board = Annotated[Target, choice(Target, stedgeai_host=TARGET_REMEDY, stedgeai_n6=TARGET_REMEDY)]
Threshold = Annotated[Number, Field(gt=0, lt=1)]


class QuantizationSection(Section):
    """``quantization``: the int8 model.

    Attributes:
        quantizer: The TFLite converter.
        quantization_type: PTQ, post-training quantization.
        input_type: YAML ``quantization_input_type``.
        output_type: YAML ``quantization_output_type``; ``float`` is one joined output, the
            integer types two raw ones.
        granularity: Scales of the convolution weights: one per output channel, or one.
        optimize: Taken for compatibility.
        export_dir: Sub-folder of the run.
        target_opset: Taken for compatibility; concerns ONNX only.
        max_images: Most calibration images; None takes the whole calibration set.
    """

    quantizer: Annotated[Quantizer, choice(Quantizer, onnx_quantizer=ONNX_REMEDY)] = (
        "TFlite_converter"
    )
    quantization_type: Annotated[QuantizationType, choice(QuantizationType)] = "PTQ"
    input_type: Annotated[TensorType, choice(TensorType)] = Field(
        "uint8", alias="quantization_input_type"
    )
    output_type: Annotated[TensorType, choice(TensorType)] = Field(
        "float", alias="quantization_output_type"
    )
    granularity: Annotated[Granularity, choice(Granularity)] = "per_channel"
    optimize: Annotated[bool, fixed(False, OPTIMIZE_REMEDY)] = False
    export_dir: Annotated[ExportFolder, choice(ExportFolder)] = "quantized_models"
    target_opset: Whole = 17
    max_images: Count | None = 100


class EvaluationSection(Section):
    """``evaluation``: how accuracy is measured.

    Attributes:
        gen_npy_input: Taken for compatibility.
        gen_npy_output: Taken for compatibility.
        npy_in_name: Taken for compatibility.
        npy_out_name: Taken for compatibility.
        target: Where the model runs.
        profile: Kept for running on a board.
        input_type: Kept for running on a board.
        output_type: Kept for running on a board.
        input_chpos: Kept for running on a board.
        output_chpos: Kept for running on a board.
        iou_thresholds: IoUs at which AP is computed; by default
            ``postprocessing.IoU_eval_thresh``, or 0.4.
        score_threshold: Detections below it do not count for AP.
        max_detections: Most detections per image that count for AP.
        engine: LiteRT with its fast kernels, or with its reference kernels.
    """

    gen_npy_input: Annotated[bool, fixed(False, NPY_REMEDY)] = False
    gen_npy_output: Annotated[bool, fixed(False, NPY_REMEDY)] = False
    npy_in_name: Text = "unknown_npy_in_name"
    npy_out_name: Text = "unknown_npy_out_name"
    target: Board = "host"
    profile: Text | None = None
    input_type: Text | None = None
    output_type: Text | None = None
    input_chpos: Text | None = None
    output_chpos: Text | None = None
    iou_thresholds: Annotated[
        tuple[Threshold, ...], BeforeValidator(to_list_or_single), Field(min_length=1)
    ] = (0.4,)
    score_threshold: Share = 0.001
    max_detections: Count = 100
    engine: Annotated[Engine, choice(Engine)] = "litert"


class PredictionSection(Section):
    """``prediction``: what to look at.

    Attributes:
        test_files_path: Image, folder, video file, or camera.
        seed: Taken for compatibility.
        target: Where the model runs.
        profile: Kept for running on a board.
        input_type: Kept for running on a board.
        output_type: Kept for running on a board.
        input_chpos: Kept for running on a board.
        output_chpos: Kept for running on a board.
        score_threshold: Detections below it are not shown; by default
            ``postprocessing.confidence_thresh``, or 0.5.
        engine: LiteRT with its fast kernels, or with its reference kernels.
    """

    test_files_path: Text | None = None
    seed: Whole | None = None
    target: Board = "host"
    profile: Text | None = None
    input_type: Text | None = None
    output_type: Text | None = None
    input_chpos: Text | None = None
    output_chpos: Text | None = None
    score_threshold: Share = 0.5
    engine: Annotated[Engine, choice(Engine)] = "litert"
