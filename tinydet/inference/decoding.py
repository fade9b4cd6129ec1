"""From the head's output arrays to boxes, for a batch."""

from pathlib import Path

import numpy as np

from tinydet.anchors import decode_boxes, make_anchors
from tinydet.boxes import FloatArray
from tinydet.config.detector_spec import DetectorSpec
from tinydet.errors import ModelFileError


def spec_anchors(spec: DetectorSpec) -> FloatArray:
    """The anchors ``[NA, 4]`` of a specification's recipe."""
    recipe = spec.anchors
    return make_anchors(*spec.input_size, recipe.smallest, recipe.largest, recipe.aspect_ratios)


def matching_anchors(spec: DetectorSpec, num_anchors: int, where: Path) -> FloatArray:
    """The anchors of the recipe for a model that carries none.

    Args:
        spec: Specification of the model.
        num_anchors: Rows the model's outputs have.
        where: Path of the model, for the message.

    Returns:
        ``[NA, 4]``.

    Raises:
        ModelFileError: The model has another number of anchors than the recipe gives.
    """
    anchors = spec_anchors(spec)
    if len(anchors) != num_anchors:
        raise ModelFileError(
            where,
            f"has {num_anchors} anchors, but the anchor recipe gives {len(anchors)} for an input "
            f"of {spec.preprocess.height}x{spec.preprocess.width}",
            "Give the input size and the anchor recipe the model was trained with.",
        )
    return anchors


def decode_batch(box_deltas: FloatArray, anchors: FloatArray) -> FloatArray:
    """Decode the deltas ``[B, NA, 4]`` of a batch with the anchors ``[NA, 4]``; not clipped."""
    if not len(box_deltas):
        return box_deltas
    return np.stack([decode_boxes(deltas, anchors) for deltas in box_deltas])


def softmax(class_logits: FloatArray) -> FloatArray:
    """Softmax over the last axis.

    >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]], np.float32))
    array([[0.5, 0.5],
           [1. , 0. ]], dtype=float32)
    """
    exponents = np.exp(class_logits - class_logits.max(axis=-1, keepdims=True))
    scores: FloatArray = exponents / exponents.sum(axis=-1, keepdims=True)
    return scores
