"""A detector in C: a network, and what finds the boxes in its outputs."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

from tinydet.anchors import feature_map_sizes
from tinydet.boxes import FloatArray
from tinydet.compiler.codegen import AnchorTable, DetectorPart, GeneratedModel
from tinydet.compiler.compiled_network import CompiledNetwork
from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec
from tinydet.tensor_code import TensorCode

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
    """

    spec: DetectorSpec
    scores: TensorCode
    deltas: TensorCode
    anchors: FloatArray
    max_candidates: int

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """``(height, width, 3)`` of the image that the network takes."""
        return (*self.spec.input_size, 3)

    @property
    def scores_shape(self) -> tuple[int, int]:
        """``(NA, 1 + num_classes)``, background first."""
        return len(self.anchors), 1 + self.spec.num_classes

    @property
    def deltas_shape(self) -> tuple[int, int]:
        """``(NA, 4)``."""
        return len(self.anchors), 4

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
        anchors = AnchorTable(self.anchors, levels)
        return replace(
            super().model, detector=DetectorPart(self.spec, anchors, self.max_candidates)
        )

    def with_score_threshold(self, score_threshold: float) -> Self:
        """The same detector with another score threshold compiled in, in [0, 1]."""
        postprocess = self.spec.postprocess.model_copy(update={"score_threshold": score_threshold})
        spec = self.spec.model_copy(update={"postprocess": postprocess})
        return replace(self, spec=spec).with_sources()

    def save(self, folder: Path, *, picture: bool = True) -> None:
        """Write the files of the network, and ``detector.json``; see ``CompiledNetwork.save``."""
        super().save(folder, picture=picture)
        self.spec.save(folder / DETECTOR_FILE)
