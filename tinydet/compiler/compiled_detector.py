"""A detector in C: a network, and what finds the boxes in its outputs."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tinydet.anchors import feature_map_sizes
from tinydet.boxes import FloatArray
from tinydet.compiler.codegen import AnchorTable, DetectorPart, GeneratedModel
from tinydet.compiler.compiled_network import CompiledNetwork
from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec
from tinydet.inference.decoding import decode_batch
from tinydet.inference.post_processing import PostProcessing
from tinydet.tensor_code import AnyArray, TensorCode

DETECTION_BYTES = 24  # of td_detection


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CompiledDetector(CompiledNetwork):
    """What ``compile_detector`` makes of a model file.

    Attributes:
        spec: Class names, preprocessing, and the thresholds that are compiled in.
        scores: Code of the class scores ``[NA, 1 + num_classes]`` that the network leaves.
        deltas: Code of the box deltas ``[NA, 4]`` that it leaves.
        anchors: ``[NA, 4]`` float32 corners that the C decodes with.
        max_candidates: Boxes that suppression looks at in one pass; only its time depends on it.
        post_processing: What the file's own operator is told that finds the boxes; its anchors are
            ``anchors``, its box code is that of ``deltas``. None for all other detectors.
    """

    spec: DetectorSpec
    scores: TensorCode
    deltas: TensorCode
    anchors: FloatArray
    max_candidates: int
    post_processing: PostProcessing | None = None

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """``(height, width, 3)`` of the image that the network takes."""
        return (*self.spec.input_size, 3)

    def decode(self, scores: AnyArray, deltas: AnyArray) -> tuple[FloatArray, FloatArray]:
        """What the codes that the network leaves for some images stand for.

        Args:
            scores: ``[B, NA, NC]``.
            deltas: ``[B, NA, 4]``.

        Returns:
            Class scores ``[B, NA, 1 + num_classes]``, background first, and boxes ``[B, NA, 4]``,
            not clipped.
        """
        class_scores, box_deltas = self.scores.decode(scores), self.deltas.decode(deltas)
        if self.post_processing is None:
            return class_scores, decode_batch(box_deltas, self.anchors)
        return self.post_processing.decode_outputs(box_deltas, class_scores)

    @property
    def max_detections(self) -> int:
        """Most detections of one image."""
        return self.spec.postprocess.max_detections

    @property
    def detections_bytes(self) -> int:
        """Of the caller's array for what is found."""
        return self.max_detections * DETECTION_BYTES

    @cached_property
    def model(self) -> GeneratedModel:
        """The network and the boxes as the C files are written from them."""
        levels = tuple(feature_map_sizes(*self.spec.input_size))
        part = DetectorPart(
            spec=self.spec,
            anchors=AnchorTable(self.anchors, levels),
            max_candidates=self.max_candidates,
            post_processing=self.post_processing,
        )
        return replace(super().model, detector=part)

    def with_score_threshold(self, score_threshold: float) -> "CompiledDetector":
        """The same detector with another score threshold compiled in, in [0, 1]."""
        postprocess = self.spec.postprocess.model_copy(update={"score_threshold": score_threshold})
        spec = self.spec.model_copy(update={"postprocess": postprocess})
        return replace(self, spec=spec).with_sources()

    def save(self, folder: Path, *, picture: bool = True) -> None:
        """Write the files of the network, and ``detector.json``; see ``CompiledNetwork.save``."""
        super().save(folder, picture=picture)
        self.spec.save(folder / DETECTOR_FILE)
