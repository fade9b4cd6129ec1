"""``TFLite_Detection_PostProcess``: box code, selection and options, as LiteRT's operator does it.

Files of the TF Object Detection API and of Edge Impulse end in this operator: from box codes,
class scores and constant anchors to at most a handful of boxes.

Reference:
    tensorflow/lite/kernels/detection_postprocess.cc. Liu et al., 2016, "SSD: Single Shot MultiBox
    Detector", section 2.2, for the box code.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinydet.boxes import Detections, FloatArray, IntArray, suppress_non_maxima
from tinydet.config.detector_spec import PostprocessSpec
from tinydet.errors import ModelFileError, UnsupportedError

OPERATOR = "TFLite_Detection_PostProcess"
BOX_COLUMNS = 4
NUM_INPUTS = 3  # box codes, scores, anchors
SCALES = ("y_scale", "x_scale", "h_scale", "w_scale")
OPTIONS = (*SCALES, "max_detections", "num_classes", "nms_iou_threshold", "nms_score_threshold")
REMEDY = "Export the model again with the TF Object Detection API's export_tflite_graph."
# What the operator takes where the file says nothing.
DEFAULTS = {
    "use_regular_nms": 0.0,
    "max_classes_per_detection": 1.0,
    "detections_per_class": 100.0,
}
MAX_COUNT = 1_000_000  # far beyond all detectors


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

    def options(self) -> bytes:
        """The operator's options, as they stand in a file."""
        from flatbuffers import flexbuffers

        names = dict(zip(SCALES, (float(scale) for scale in self.scales), strict=True))
        given = names | {
            "max_detections": self.postprocess.max_detections,
            "max_classes_per_detection": self.classes_per_box,
            "detections_per_class": self.boxes_per_class,
            "use_regular_nms": self.each_class,
            "nms_score_threshold": self.postprocess.score_threshold,
            "nms_iou_threshold": self.postprocess.nms_iou_threshold,
            "num_classes": self.num_classes,
        }
        return bytes(flexbuffers.Dumps(given))

    def decode_outputs(
        self, box_codes: FloatArray, class_scores: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """What the network says, in the form of ``Detector.outputs``.

        Args:
            box_codes: ``[B, NA, 4]``.
            class_scores: ``[B, NA, num_classes]``, or one more with the background in front.
        """
        if class_scores.shape[-1] == self.num_classes:
            class_scores = np.pad(class_scores, ((0, 0), (0, 0), (1, 0)))
        return class_scores, self.decode(box_codes)

    def decode(self, box_codes: FloatArray) -> FloatArray:
        """Boxes ``[B, NA, 4]`` ``(x_min, y_min, x_max, y_max)`` of box codes; not clipped."""
        centre, half = (part * self.anchors[:, 2:] for part in self.decoded_codes(box_codes))
        centre += self.anchors[:, :2]
        low, high = (centre - half)[..., ::-1], (centre + half)[..., ::-1]
        boxes: FloatArray = np.concatenate([low, high], axis=-1).astype(np.float32)
        return boxes

    def decoded_codes(self, box_codes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What codes ``[..., 4]`` say in sides of the anchor, ``(y, x)`` each.

        Returns:
            How far the centre lies from that of the anchor, and half of the box's side.
        """
        codes = box_codes / self.scales
        # In double precision, so that it is the same on all machines.
        with np.errstate(over="ignore"):  # a side beyond all numbers is infinite in C++ too
            sides = np.exp(codes[..., 2:].astype(np.float64)).astype(np.float32)
        return codes[..., :2], np.float32(0.5) * sides

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

        Raises:
            UnsupportedError: Box voting is asked for.
        """
        refuse_voting(postprocess, OPERATOR)
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


def refuse_voting(postprocess: PostprocessSpec, where: object) -> None:
    """Box voting is none of the things that a file with this post-processing does.

    Args:
        postprocess: What is asked for.
        where: The file, for messages.

    Raises:
        UnsupportedError: Box voting is asked for.
    """
    if postprocess.box_voting_iou is not None:
        raise UnsupportedError(
            str(where),
            "box voting in a model that says itself how its boxes are selected",
            "box voting in models with scores and box deltas as outputs",
            "Leave out postprocessing.box_voting; with a command, give --box-voting 0.",
        )


def codes_and_scores(
    shapes: Sequence[Sequence[int]], told: PostProcessing, where: object
) -> tuple[int, int]:
    """Which of two outputs holds the box codes, and which the scores.

    Args:
        shapes: Of the outputs; the box codes come first as a rule, but their shapes say so.
        told: What follows.
        where: Path of the file, for messages.

    Raises:
        ModelFileError: They are not ``[1, NA, 4]`` and ``[1, NA, classes]``, in any order.
    """
    rows, classes = len(told.anchors), told.num_classes
    found = [tuple(int(side) for side in shape) for shape in shapes]
    for codes, scores in ((0, 1), (1, 0)):
        fits = len(found) == 2 and found[codes] == (1, rows, BOX_COLUMNS)
        if fits and found[scores] in ((1, rows, classes), (1, rows, classes + 1)):
            return codes, scores
    listed = ", ".join("x".join(map(str, shape)) for shape in found)
    raise ModelFileError(
        where,
        f"states {rows} anchors and {classes} classes, but its network gives {listed}",
        "Export the model again.",
    )


def read_post_processing(
    raw_options: bytes, anchors: FloatArray | None, where: object
) -> PostProcessing:
    """What the operator of a file is told.

    Args:
        raw_options: Its options, a flexbuffer.
        anchors: Its third input; None where it is computed.
        where: Path of the file, for messages.

    Raises:
        ModelFileError: An option is missing, or out of its range.
        UnsupportedError: Its anchors depend on the image.
    """
    options = _options(raw_options, where)
    if anchors is None or anchors.ndim != 2 or anchors.shape[1] != len(SCALES):
        raise UnsupportedError(
            str(where),
            f"a {OPERATOR} with computed anchors",
            "constant anchors [anchors, 4]",
            REMEDY,
        )
    return PostProcessing(
        anchors=anchors,
        scales=np.array([options[name] for name in SCALES], np.float32),
        num_classes=int(options["num_classes"]),
        each_class=bool(options["use_regular_nms"]),
        classes_per_box=int(options["max_classes_per_detection"]),
        boxes_per_class=int(options["detections_per_class"]),
        postprocess=PostprocessSpec(
            score_threshold=float(np.clip(options["nms_score_threshold"], 0, 1)),
            nms_iou_threshold=float(options["nms_iou_threshold"]),
            max_detections=int(options["max_detections"]),
        ),
    )


def _options(raw: bytes, where: object) -> dict[str, float]:
    from flatbuffers import flexbuffers

    try:
        options = {name: float(value) for name, value in flexbuffers.Loads(raw).items()}
    except Exception:  # whatever damaged content makes the generated reader raise
        options = {}
    given = dict.fromkeys(OPTIONS, np.nan) | DEFAULTS | options
    wrong = [name for name in (*OPTIONS, *DEFAULTS) if not np.isfinite(given[name])]
    wrong += [n for n in SCALES if n not in wrong and given[n] <= 0]
    kept = "detections_per_class" if given["use_regular_nms"] else "max_classes_per_detection"
    counts = ("max_detections", "num_classes", kept)
    wrong += [n for n in counts if n not in wrong and not 1 <= given[n] <= MAX_COUNT]
    wrong += [n for n in ("nms_iou_threshold",) if n not in wrong and not 0 < given[n] <= 1]
    if wrong:
        raise ModelFileError(
            where, f"its operator {OPERATOR} lacks or misstates {', '.join(wrong)}", REMEDY
        )
    return given
