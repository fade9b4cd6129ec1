"""A compiled model as a detector that evaluation and prediction can use like any other."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinydet.boxes import Detections, FloatArray
from tinydet.config.detector_spec import DetectorSpec
from tinydet.inference.decoding import decode_batch, matching_anchors
from tinydet.targets.base import CompiledModel, Program


class CompiledDetector:
    """The network in C, decoded in NumPy (``outputs``), or all of it in C (``detect_in_c``).

    Args:
        model: What was compiled.
        program: Where it runs.

    Raises:
        ModelFileError: The anchor recipe does not give as many anchors as the network has.
    """

    def __init__(self, model: CompiledModel, program: Program) -> None:
        self.program = program
        self._model = model
        self._anchors = (
            matching_anchors(model.spec, program.shape.num_anchors, Path(model.where))
            if model.anchors is None
            else model.anchors
        )

    @property
    def spec(self) -> DetectorSpec:
        """Class names, preprocessing, anchors."""
        return self._model.spec

    @property
    def name(self) -> str:
        """File name of the model that was compiled."""
        return Path(self._model.where).name or self._model.name

    def outputs(self, images_u8: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        """See ``tinydet.inference.Detector.outputs``; each image is one run of the C."""
        runs = [self.program.run(image) for image in images_u8]
        shape = self.program.shape
        scores = np.array([raw.scores for raw in runs], np.int8)
        deltas = np.array([raw.deltas for raw in runs], np.int8)
        return (
            self._model.scores.decode(scores.reshape(-1, *shape.scores_shape)),
            decode_batch(
                self._model.deltas.decode(deltas.reshape(-1, *shape.deltas_shape)), self._anchors
            ),
        )

    def detect_in_c(self, image_u8: npt.NDArray[np.uint8]) -> Detections:
        """What the device finds: decoding, thresholds and suppression in C too.

        Equals ``select_detections`` on ``outputs`` with the thresholds that were compiled in.

        Args:
            image_u8: One preprocessed image ``[H, W, 3]`` uint8.

        Returns:
            Detections, boxes as fractions of the network input.
        """
        return self.program.detect(image_u8)
