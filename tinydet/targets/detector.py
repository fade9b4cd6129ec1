"""A built program as a detector that evaluation and prediction can use like any other."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray
from tinydet.config.detector_spec import DetectorSpec
from tinydet.inference.decoding import decode_batch
from tinydet.targets.base import Program


class ProgramDetector:
    """The network in C, decoded in NumPy. What the C itself finds is ``program.detect``.

    Args:
        program: The detector in C, where it runs.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._detector = program.detector

    @property
    def spec(self) -> DetectorSpec:
        """Class names, preprocessing, anchors."""
        return self._detector.spec

    @property
    def name(self) -> str:
        """File name of the model that was compiled."""
        return Path(self._detector.where).name or self._detector.name

    def outputs(self, images_u8: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
        """See ``tinydet.inference.Detector.outputs``; each image is one run of the C."""
        compiled = self._detector
        runs = [self.program.run(image) for image in images_u8]
        scores = np.array([raw.scores for raw in runs], np.int8)
        deltas = np.array([raw.deltas for raw in runs], np.int8)
        return (
            compiled.scores.decode(scores.reshape(-1, *compiled.scores_shape)),
            decode_batch(
                compiled.deltas.decode(deltas.reshape(-1, *compiled.deltas_shape)),
                compiled.anchors,
            ),
        )
