"""Sections ``general``, ``dataset``, ``preprocessing`` and ``postprocessing``."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import Field, field_validator

from tinydet.config.detector_spec import UNNAMED_PROJECT, AspectRatio, ColorMode, Interpolation
from tinydet.config.schema.values import (
    Count,
    File,
    Files,
    Flag,
    Number,
    Positive,
    Section,
    Share,
    Text,
    Texts,
    Whole,
    choice,
    reject,
    show,
)

ModelType = Literal["ssd_mobilenet_v2_fpnlite"]
Device = Literal["auto", "cpu", "gpu"]
MixedPrecision = Literal["none", "auto", "bfloat16", "float16"]
Distribution = Literal["auto", "off"]


class GeneralSection(Section):
    """``general``: names, model file, seed, machine.

    Attributes:
        project_name: Title of the report and of the model card, experiment in MLflow.
        model_type: The network; there is one.
        model_path: Model to evaluate, quantize or predict with, or to train further.
        logs_dir: Folder for TensorBoard and metrics, in the run folder unless absolute; where it is
            another one, ``logs`` is a link to it.
        saved_models_dir: The same for trained models, ``saved_models``.
        deterministic_ops: Use TensorFlow's deterministic operators.
        global_seed: Seed of everything random; None draws one.
        device: Where training runs: ``auto`` takes a GPU where there is one, ``gpu`` insists.
        gpu_memory_limit: Upper bound on GPU memory, GB; None is unlimited.
        num_threads_tflite: Threads of one TFLite interpreter.
        mixed_precision: 16-bit arithmetic in training: ``bfloat16``, ``float16``, or ``auto`` for
            what the GPU is fast at; weights and files stay in 32 bits.
        distribution: ``auto`` trains together with the processes that ``TF_CONFIG`` or ``srun``
            tell of, ``off`` alone.
        processes: Processes of this machine that train together, one per GPU; where ``TF_CONFIG``
            or ``srun`` tell of some, those instead.
    """

    project_name: Text = UNNAMED_PROJECT
    model_type: Annotated[ModelType, choice(ModelType)] = "ssd_mobilenet_v2_fpnlite"
    model_path: File | None = None
    logs_dir: Text = "logs"
    saved_models_dir: Text = "saved_models"
    deterministic_ops: Flag = False
    global_seed: Annotated[Whole, Field(ge=0, lt=2**32)] | None = 123
    device: Annotated[Device, choice(Device)] = "auto"
    gpu_memory_limit: Positive | None = None
    num_threads_tflite: Count = 1
    mixed_precision: Annotated[MixedPrecision, choice(MixedPrecision)] = "none"
    distribution: Annotated[Distribution, choice(Distribution)] = "auto"
    processes: Count = 1


class DatasetSection(Section):
    """``dataset``: where the labelled images are.

    Attributes:
        name: What the data is called in ``detector.json`` and the model card.
        class_names: Names in label order, without the background; None where the set tells them.
        training_path: Folder, ``data.yaml``, COCO json, zip file, ...; or a list of them, whose
            classes are joined by name.
        validation_path: The same; None splits ``training_path``.
        validation_split: Share of the training set used for validation, in (0, 1).
        test_path: Evaluation set.
        quantization_path: Calibration images; None takes ``training_path``.
        quantization_split: Share of the calibration set that is used, in (0, 1]; None is all.
        seed: Of the splits.
        train_images_path: Folder of the images, where the labels of ``training_path`` (a COCO json,
            a folder of xml files) lie elsewhere; None searches near the labels.
        val_images_path: The same for validation.
        strict: An image that cannot be read ends the run; else it is left out and told.
        allow_no_boxes: Train also where no image has a box.
        exclude_unlabeled: Train and validate without the images that have no box; by default they
            are kept, as negatives.
    """

    name: Text = "unnamed"
    class_names: Texts | None = None
    training_path: Files | None = None
    validation_path: Files | None = None
    validation_split: Annotated[Number, Field(gt=0, lt=1)] = 0.2
    test_path: File | None = None
    quantization_path: File | None = None
    quantization_split: Annotated[Number, Field(gt=0, le=1)] | None = None
    seed: Annotated[Whole, Field(ge=0)] = 123
    train_images_path: File | None = None
    val_images_path: File | None = None
    strict: Flag = False
    allow_no_boxes: Flag = False
    exclude_unlabeled: Flag = False

    @field_validator("class_names")
    @classmethod
    def unique_names(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Refuse a name that stands twice, or is empty."""
        for name, count in Counter(names).items():
            if not name.strip() or count > 1:
                remedy = "Name each class once, in the order of the label indices."
                raise reject(f"{show(name)}, empty or not unique,", "distinct names", remedy)
        return names


class RescalingSection(Section):
    """``preprocessing.rescaling``: network input = scale * pixel + offset, pixel in 0..255."""

    scale: Positive = 1 / 127.5
    offset: Number = -1.0


class ResizingSection(Section):
    """``preprocessing.resizing``: how an image becomes as large as the network input."""

    interpolation: Annotated[Interpolation, choice(Interpolation)] = "bilinear"
    aspect_ratio: Annotated[AspectRatio, choice(AspectRatio)] = "fit"


class PreprocessingSection(Section):
    """``preprocessing``: from an image file to the network's input.

    A trained model with its ``detector.json`` keeps the one it was trained with.
    """

    rescaling: RescalingSection | None = None
    resizing: ResizingSection = ResizingSection()
    color_mode: Annotated[
        ColorMode, choice(ColorMode, rgba="Use rgb: the network input has three channels.")
    ] = "rgb"


class PostprocessingSection(Section):
    """``postprocessing``: from scores and boxes to detections.

    Attributes:
        score_threshold: YAML ``confidence_thresh``. Cut of prediction and pictures.
        nms_iou_threshold: YAML ``NMS_thresh``.
        iou_threshold: YAML ``IoU_eval_thresh``. IoU from which a detection is a hit.
        max_detections: YAML ``max_detection_boxes``. Most boxes kept per image.
        plot_metrics: Write a precision-recall picture of every class.
    """

    score_threshold: Share = Field(0.5, alias="confidence_thresh")
    nms_iou_threshold: Annotated[Number, Field(gt=0, le=1)] = Field(0.5, alias="NMS_thresh")
    iou_threshold: Annotated[Number, Field(gt=0, le=1)] = Field(0.4, alias="IoU_eval_thresh")
    max_detections: Count = Field(100, alias="max_detection_boxes")
    plot_metrics: Flag = False
