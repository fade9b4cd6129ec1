"""Sections ``general``, ``dataset``, ``preprocessing`` and ``postprocessing``."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from tinydet.config.detector_spec import AspectRatio, ColorMode, Interpolation
from tinydet.config.schema.values import (
    Count,
    File,
    Files,
    Flag,
    Loose,
    Number,
    Positive,
    Section,
    Share,
    Text,
    Texts,
    Whole,
    choice,
    fixed,
    reject,
    show,
)

ModelType = Literal["ssd_mobilenet_v2_fpnlite"]
LogsFolder = Literal["logs"]
ModelsFolder = Literal["saved_models"]
Device = Literal["auto", "cpu", "gpu"]
MixedPrecision = Literal["none", "auto", "bfloat16", "float16"]
Distribution = Literal["auto", "off"]
DatasetFormat = Literal["tfs", "darknet_yolo", "coco", "pascal_voc"]


class GeneralSection(Section):
    """``general``: names, model file, seed, machine.

    Attributes:
        project_name: Title of the report.
        model_type: The network; there is one.
        model_path: Model to evaluate, quantize or predict with, or to train further.
        logs_dir: Sub-folder of the run for TensorBoard and metrics; the stages find their files
            by these names.
        saved_models_dir: Sub-folder of the run for trained models.
        deterministic_ops: Use TensorFlow's deterministic operators.
        display_figures: Taken for compatibility; figures are written to files.
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

    project_name: Text = "<unnamed>"
    model_type: Annotated[ModelType, choice(ModelType)] = "ssd_mobilenet_v2_fpnlite"
    model_path: File | None = None
    logs_dir: Annotated[LogsFolder, choice(LogsFolder)] = "logs"
    saved_models_dir: Annotated[ModelsFolder, choice(ModelsFolder)] = "saved_models"
    deterministic_ops: Flag = False
    display_figures: Flag = True
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
        name: Label only.
        format: What the user says the labels are; they are recognised by themselves.
        class_names: Names in label order, without the background; None where the set tells them.
        training_path: Folder, ``data.yaml``, COCO json, zip file, ...; or a list of them, whose
            classes are joined by name.
        validation_path: The same; None splits ``training_path``.
        validation_split: Share of the training set used for validation, in (0, 1).
        test_path: Evaluation set.
        quantization_path: Calibration images; None takes ``training_path``.
        quantization_split: Share of the calibration set that is used, in (0, 1]; None is all.
        seed: Of the splits.
        train_images_path: Folder of the images of a COCO json; None searches beside the json.
        val_images_path: The same for validation.
        strict: An image that cannot be read ends the run; else it is left out and told.
        allow_no_boxes: Train also where no image has a box.
        check_image_files: Taken for compatibility; files are always checked.
        download_data: Taken for compatibility; nothing is downloaded.
        exclude_unlabeled: Taken for compatibility; images without boxes are kept as negatives.
        max_detections: Taken for compatibility; an image may have any number of boxes.
    """

    name: Text = "unnamed"
    format: Annotated[DatasetFormat, choice(DatasetFormat)] | None = None
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
    check_image_files: Flag = True
    download_data: Annotated[bool, fixed(False, "Download the data yourself.")] = False
    exclude_unlabeled: Annotated[
        bool, fixed(False, "Remove the key: images without boxes are kept as negatives.")
    ] = False
    max_detections: Count | None = None

    @field_validator("class_names")
    @classmethod
    def unique_names(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Refuse a name that stands twice, or is empty."""
        for name in names or ():
            if not name.strip() or (names or ()).count(name) > 1:
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
    """``preprocessing``: from an image file to the network's input."""

    rescaling: RescalingSection = RescalingSection()
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
        yolo_anchors: Taken for compatibility; not used by this network.
    """

    score_threshold: Share = Field(0.5, alias="confidence_thresh")
    nms_iou_threshold: Annotated[Number, Field(gt=0, le=1)] = Field(0.5, alias="NMS_thresh")
    iou_threshold: Annotated[Number, Field(gt=0, le=1)] = Field(0.4, alias="IoU_eval_thresh")
    max_detections: Count = Field(100, alias="max_detection_boxes")
    plot_metrics: Flag = False
    yolo_anchors: Loose = None
