"""Learning from a teacher: a trained detector says at every anchor what the network should say."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec, load_detector_spec
from tinydet.errors import ModelFileError, UnsupportedError
from tinydet.inference.decoding import spec_anchors
from tinydet.inference.keras_detector import check_shapes, load_keras_model
from tinydet.training.box_losses import smooth_l1

KEY = "training.teacher_model"
FLOAT_SUFFIX = ".keras"
SMOOTH_L1_BETA = 1 / 9  # as that of the boxes of ``DetectionLoss``


def require_same_kind(teacher: Path, spec: DetectorSpec) -> None:
    """Refuse a teacher whose outputs do not mean the same, anchor by anchor.

    How images are resized may differ: the teacher sees those of the student.

    Args:
        teacher: ``.keras`` file with its ``detector.json`` beside it.
        spec: Of the student.

    Raises:
        UnsupportedError: Its classes, input size, input values or anchors are others, or it is no
            ``.keras`` file.
        ModelFileError: A file is missing or cannot be read.
    """
    remedy = "Give another teacher, or label the images with it: tinydet data label."
    if teacher.suffix.lower() != FLOAT_SUFFIX:
        raise UnsupportedError(KEY, str(teacher), f"a {FLOAT_SUFFIX} detector", remedy)
    for path in (teacher, teacher.with_name(DETECTOR_FILE)):
        if not path.is_file():
            raise ModelFileError(path, "there is no such file", f"Correct {KEY}.")
    other = load_detector_spec(teacher.with_name(DETECTOR_FILE))
    for what, theirs, ours in (
        ("class_names", ", ".join(other.class_names), ", ".join(spec.class_names)),
        ("input_shape", str(other.input_size), str(spec.input_size)),
        ("rescaling and color_mode", _input_values(other), _input_values(spec)),
        ("anchors", str(other.anchors), str(spec.anchors)),
    ):
        same_anchors = what == "anchors" and np.array_equal(spec_anchors(other), spec_anchors(spec))
        if theirs != ours and not same_anchors:
            raise UnsupportedError(f"{KEY}: {what} of {teacher.name}", theirs, ours, remedy)


def load_teacher(path: Path, spec: DetectorSpec) -> keras.Model:
    """A teacher, frozen.

    Args:
        path: See ``require_same_kind``.
        spec: Of the student.

    Raises:
        UnsupportedError: See ``require_same_kind``.
        ModelFileError: There, or the file contains no such network.
    """
    require_same_kind(path, spec)
    model = load_keras_model(path)
    check_shapes(model, spec, path)
    model.trainable = False
    return model


def learn_from_teacher(
    student: keras.Model, teacher: keras.Model, weight: float, num_processes: int
) -> None:
    """Add the distillation loss to the training steps of a compiled model.

    The teacher sees the same augmented images. It is no part of the student: its weights are
    neither trained nor saved, and validation does not see it.

    Args:
        student: Changed in place.
        teacher: See ``load_teacher``.
        weight: Of the distillation loss beside that of the labels.
        num_processes: That share a batch in equal parts; the loss is the share of this one.
    """
    loss_of_labels = student.compute_loss

    def compute_loss(
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        loss = loss_of_labels(x, y, y_pred, sample_weight, training=training)
        if not training:
            return loss
        taught = ops.stop_gradient(teacher(x, training=False))
        return loss + weight / num_processes * distillation_loss(y_pred, taught)

    student.compute_loss = compute_loss


def distillation_loss(outputs: Any, taught: Any) -> Any:
    """How far the outputs of a student are from those of its teacher.

    With the scores ``t`` of the teacher and ``s`` of the student at an anchor, and ``c``, ``d`` the
    scores that they give to all objects together, an anchor costs ``max(c, d) * sum(t * log(t / s))
    + c * smooth L1 of the box deltas``: what either takes for an object counts, the background that
    both see nearly nothing. The sum over the anchors of an image is divided by the sum of ``c``, at
    least 1. No gradient goes through ``max(c, d)``.

    Args:
        outputs: Of the student, ``[B, NA, 1 + num_classes + 4]``: class logits, background first,
            and box deltas.
        taught: Of the teacher, likewise.

    Returns:
        The mean over the images, a scalar: 0 where all scores and boxes agree, else more.

    Reference:
        Hinton et al., 2015, "Distilling the Knowledge in a Neural Network"; Chen et al., 2017,
        "Learning Efficient Object Detection Models with Knowledge Distillation".
    """
    outputs, taught = ops.cast(outputs, "float32"), ops.cast(taught, "float32")
    student, teacher = (ops.log_softmax(each[..., :-4], axis=-1) for each in (outputs, taught))
    confidence = 1.0 - ops.exp(teacher[..., 0])
    either = ops.maximum(confidence, ops.stop_gradient(1.0 - ops.exp(student[..., 0])))
    divergence = ops.sum(ops.exp(teacher) * (teacher - student), axis=-1)
    boxes = smooth_l1(outputs[..., -4:], taught[..., -4:], SMOOTH_L1_BETA)
    cost = ops.sum(either * divergence + confidence * boxes, axis=1)
    return ops.mean(cost / ops.maximum(ops.sum(confidence, axis=1), 1.0))


def _input_values(spec: DetectorSpec) -> str:
    preprocess = spec.preprocess
    return f"{preprocess.scale:g} * pixel + {preprocess.offset:g}, {preprocess.color_mode}"
