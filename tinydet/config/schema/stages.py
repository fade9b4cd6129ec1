"""Sections ``quantization``, ``evaluation`` and ``prediction``."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from tinydet.config.schema.values import (
    Count,
    Flag,
    NotNegative,
    Number,
    Positive,
    Section,
    Share,
    Text,
    choice,
    to_list_or_single,
)

Quantizer = Literal["TFlite_converter"]
QuantizationType = Literal["PTQ", "QAT"]
CalibrationMethod = Literal["minmax", "percentile", "mse"]
CalibrationSelection = Literal["even", "stratified"]
TensorType = Literal["int8", "uint8", "float"]
Granularity = Literal["per_channel", "per_tensor"]
Engine = Literal["litert", "litert-ref"]

ONNX_REMEDY = "Use TFlite_converter: models are quantized to .tflite."
Threshold = Annotated[Number, Field(gt=0, lt=1)]


class QuantizationAwareSection(Section):
    """``quantization.quantization_aware``: training with rounding, for ``quantization_type: QAT``.

    It starts from the float model and goes over the training set with the augmentation, the loss
    and the batch size of ``training``.

    Attributes:
        epochs: Passes over the training set.
        learning_rate: Initial learning rate of Adam, relative to the largest weight of each
            channel; it decays to 0 along a cosine.
    """

    epochs: Count = 3
    learning_rate: Positive = 1e-4


class QuantizationSection(Section):
    """``quantization``: the int8 model.

    Attributes:
        quantizer: The TFLite converter.
        quantization_type: PTQ: post-training quantization. QAT: further training of the network
            with all roundings in place (needs the labelled training set).
        input_type: YAML ``quantization_input_type``.
        output_type: YAML ``quantization_output_type``; ``float`` gives one joined output, the
            integer types two raw outputs.
        granularity: Scales of the convolution weights: one per output channel, or a single one.
        calibration_method: How the range of an activation is derived from its values on the
            calibration images: ``minmax`` covers all values, ``percentile`` all but one in 10,000,
            ``mse`` minimises the squared error.
        calibration_selection: ``even`` takes calibration images at even intervals from the list;
            ``stratified`` (needs labels) takes about equally many of each class.
        optimize: Before rounding, clear constant channels and, with ``per_tensor``, equalize the
            ranges of channels; then correct the mean of each channel.
        quantization_aware: Settings of QAT.
        report: Compare float and int8 layer by layer, and show the images that lose most.
        max_drop: Points of AP (at the first evaluated IoU) that int8 may lose against float; a
            larger drop fails the run. None allows any.
        export_dir: Folder of the int8 model, in the run folder unless absolute; if it is elsewhere,
            ``quantized_models`` in the run folder is a link to it.
        max_images: Maximum number of calibration images; None uses the whole calibration set.
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
    calibration_method: Annotated[CalibrationMethod, choice(CalibrationMethod)] = "minmax"
    calibration_selection: Annotated[CalibrationSelection, choice(CalibrationSelection)] = "even"
    optimize: Flag = False
    quantization_aware: QuantizationAwareSection = QuantizationAwareSection()
    report: Flag = False
    max_drop: NotNegative | None = None
    export_dir: Text = "quantized_models"
    max_images: Count | None = 100


class EvaluationSection(Section):
    """``evaluation``: how accuracy is measured.

    Attributes:
        iou_thresholds: IoUs at which AP is computed; by default
            ``postprocessing.IoU_eval_thresh``, or 0.4.
        score_threshold: Minimum score of the detections that count for AP.
        max_detections: Maximum number of detections per image that count for AP.
        engine: LiteRT with its fast kernels or its reference kernels.
    """

    iou_thresholds: Annotated[
        tuple[Threshold, ...], BeforeValidator(to_list_or_single), Field(min_length=1)
    ] = (0.4,)
    score_threshold: Share = 0.001
    max_detections: Count = 100
    engine: Annotated[Engine, choice(Engine)] = "litert"


class PredictionSection(Section):
    """``prediction``: images in which to find objects.

    Attributes:
        test_files_path: Image, folder, video file, or camera.
        score_threshold: Minimum score of the detections that are shown; by default
            ``postprocessing.confidence_thresh``, or 0.5.
        engine: LiteRT with its fast kernels or its reference kernels.
    """

    test_files_path: Text | None = None
    score_threshold: Share = 0.5
    engine: Annotated[Engine, choice(Engine)] = "litert"
