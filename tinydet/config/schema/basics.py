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
BackendName = Literal["auto", "tensorflow", "jax", "torch"]
MixedPrecision = Literal["none", "auto", "bfloat16", "float16"]
Distribution = Literal["auto", "off"]


class GeneralSection(Section):
    """``general``: names, model file, seed, machine.

    Attributes:
        project_name: Title of the report and of the model card; name of the MLflow experiment.
        model_type: The network; there is only one.
        model_path: Model to evaluate, quantize or predict with, or to train further.
        logs_dir: Folder for TensorBoard logs and metrics, in the run folder unless absolute; if it
            is elsewhere, ``logs`` in the run folder is a link to it.
        saved_models_dir: The same for trained models and ``saved_models``.
        deterministic_ops: Use only operators that are deterministic on GPUs, too.
        global_seed: Seed of all random numbers; None chooses one at random.
        device: Where training runs: ``auto`` uses a GPU if there is one, ``gpu`` requires one.
        gpu_memory_limit: Upper limit of GPU memory, GB; None: no limit.
        backend: What Keras computes with: ``tensorflow``, ``jax``, ``torch``; ``auto``
            is ``KERAS_BACKEND`` if set, else the first that is installed (TensorFlow, PyTorch,
            JAX). Quantization always runs on TensorFlow.
        num_threads_tflite: Threads of one TFLite interpreter.
        mixed_precision: 16-bit arithmetic in training: ``bfloat16``, ``float16``, or ``auto`` for
            the type that the GPU is fast at; weights and files stay in 32 bits.
        distribution: ``auto`` trains together with the processes given by ``TF_CONFIG`` or
            ``srun``, ``off`` trains alone.
        processes: Number of processes on this machine that train together, one per GPU;
            ``TF_CONFIG`` and ``srun`` take precedence.
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
    backend: Annotated[BackendName, choice(BackendName)] = "auto"
    num_threads_tflite: Count = 1
    mixed_precision: Annotated[MixedPrecision, choice(MixedPrecision)] = "none"
    distribution: Annotated[Distribution, choice(Distribution)] = "auto"
    processes: Count = 1


class DatasetSection(Section):
    """``dataset``: where the labelled images are.

    Attributes:
        name: Name of the data in ``detector.json`` and the model card.
        class_names: Names in label order, without the background; None takes them from the data
            set.
        training_path: Training set: a folder, ``data.yaml``, COCO json, zip file, ...; or a list of
            them, whose classes are matched by name.
        validation_path: Validation set, likewise; None splits ``training_path``.
        validation_split: Share of the training set that is used for validation.
        test_path: Test set; None evaluates on the validation set.
        quantization_path: Calibration images; None uses ``training_path``.
        quantization_split: Share of the calibration set that is used; None uses all of it.
        seed: Seed of the splits.
        train_images_path: Folder of the images, if they are not next to the labels of
            ``training_path`` (a COCO json, a folder of xml files); None searches near the labels.
        val_images_path: The same for the validation set.
        strict: An image that cannot be read ends the run; otherwise it is left out and reported.
        allow_no_boxes: Train even if no image has a box.
        exclude_unlabeled: Train and validate without the images that have no box; by default they
            are kept as negatives.
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
        score_threshold: YAML ``confidence_thresh``. Score threshold of prediction and pictures.
        nms_iou_threshold: YAML ``NMS_thresh``.
        iou_threshold: YAML ``IoU_eval_thresh``. Smallest IoU at which a detection is a hit.
        max_detections: YAML ``max_detection_boxes``. Maximum number of boxes per image.
        box_voting_iou: YAML ``box_voting``. Each box that is kept becomes the mean, weighted by
            score, of the boxes of its class that overlap it by at least this IoU, usually 0.7;
            None: it stays as it is.
        plot_metrics: Write a precision-recall plot for every class.
    """

    score_threshold: Share = Field(0.5, alias="confidence_thresh")
    nms_iou_threshold: Annotated[Number, Field(gt=0, le=1)] = Field(0.5, alias="NMS_thresh")
    iou_threshold: Annotated[Number, Field(gt=0, le=1)] = Field(0.4, alias="IoU_eval_thresh")
    max_detections: Count = Field(100, alias="max_detection_boxes")
    box_voting_iou: Annotated[Number, Field(gt=0, le=1)] | None = Field(None, alias="box_voting")
    plot_metrics: Flag = False
