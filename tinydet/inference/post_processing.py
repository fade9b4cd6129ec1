"""``TFLite_Detection_PostProcess``: box code, selection and options, as LiteRT's operator does it.

Files of the TF Object Detection API and of Edge Impulse end in this operator: from box codes,
class scores and constant anchors to at most a handful of boxes.

Reference:
    tensorflow/lite/kernels/detection_postprocess.cc. Liu et al., 2016, "SSD: Single Shot MultiBox
    Detector", section 2.2, for the box code.
"""

from dataclasses import dataclass

import numpy as np

from tinydet.boxes import Detections, FloatArray, IntArray, suppress_non_maxima
from tinydet.config.detector_spec import PostprocessSpec

OPERATOR = "TFLite_Detection_PostProcess"
DEFAULT_PER_CLASS = 100  # of the operator, where the file says nothing


@dataclass(frozen=True, eq=False)
class PostProcessing:
    """What the operator of one file is told.

    Attributes:
        anchors: ``[NA, 4]``: centre y, centre x, height, width, fractions of the input.
        scales: Of the box code, ``(y, x, h, w)``; what the network says is divided by them.
        num_classes: Without the background.
        each_class: Whether each class is suppressed by itself ("regular"). If not, a box has its
            best classes only, and suppresses boxes of all classes.
        classes_per_box: Best classes of one box that are kept; where not ``each_class``.
        boxes_per_class: Most boxes of one class; where ``each_class``.
        postprocess: Thresholds.
    """

    anchors: FloatArray
    scales: FloatArray
    num_classes: int
    each_class: bool
    classes_per_box: int
    boxes_per_class: int
    postprocess: PostprocessSpec

    def decode(self, box_codes: FloatArray) -> FloatArray:
        """Boxes ``[B, NA, 4]`` ``(x_min, y_min, x_max, y_max)`` of box codes; not clipped."""
        codes = box_codes / self.scales
        centre = codes[..., :2] * self.anchors[:, 2:] + self.anchors[:, :2]
        with np.errstate(over="ignore"):  # a side beyond all numbers is infinite in C++ too
            half = np.float32(0.5) * np.exp(codes[..., 2:]) * self.anchors[:, 2:]
        low, high = (centre - half)[..., ::-1], (centre + half)[..., ::-1]
        boxes: FloatArray = np.concatenate([low, high], axis=-1).astype(np.float32)
        return boxes

    def select(
        self, class_scores: FloatArray, boxes: FloatArray, postprocess: PostprocessSpec
    ) -> Detections:
        """The detections of one image; boxes are compared as they are and not clipped.

        Args:
            class_scores: ``[NA, 1 + num_classes]``, background first.
            boxes: ``[NA, 4]``.
            postprocess: Thresholds, of the file or others.

        Returns:
            Highest score first.
        """
        scores = class_scores[:, 1:]
        chosen = self._each_class if self.each_class else self._across_classes
        anchor_ids, class_ids = chosen(scores, boxes, postprocess)
        found = scores[anchor_ids, class_ids]
        order = np.argsort(-found, kind="stable")
        order = order[found[order] >= postprocess.score_threshold]
        if self.each_class:
            order = order[: postprocess.max_detections]
        return Detections(boxes[anchor_ids[order]], found[order], class_ids[order])

    def _across_classes(
        self, scores: FloatArray, boxes: FloatArray, postprocess: PostprocessSpec
    ) -> tuple[IntArray, IntArray]:
        kept = _suppressed(scores.max(axis=1), boxes, postprocess, postprocess.max_detections)
        best = np.argsort(-scores[kept], axis=1, kind="stable")[:, : self.classes_per_box]
        return np.repeat(kept, best.shape[1]), best.reshape(-1)

    def _each_class(
        self, scores: FloatArray, boxes: FloatArray, postprocess: PostprocessSpec
    ) -> tuple[IntArray, IntArray]:
        most = min(self.boxes_per_class, postprocess.max_detections)
        kept = [_suppressed(of_class, boxes, postprocess, most) for of_class in scores.T]
        class_ids = np.repeat(np.arange(len(kept)), [len(anchors) for anchors in kept])
        return np.concatenate(kept), class_ids


def _suppressed(
    scores: FloatArray, boxes: FloatArray, postprocess: PostprocessSpec, most: int
) -> IntArray:
    """Anchors that are left of one row of scores, highest first."""
    candidates = np.nonzero(scores >= postprocess.score_threshold)[0]
    kept = suppress_non_maxima(
        boxes[candidates], scores[candidates], postprocess.nms_iou_threshold, most
    )
    return candidates[kept]
