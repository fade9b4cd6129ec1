"""What every detector can do, whatever kind of model does the work."""

from typing import Literal, Protocol, runtime_checkable

from tinydet.boxes import Detections, FloatArray
from tinydet.config.detector_spec import DetectorSpec, PostprocessSpec
from tinydet.data.resampling import ImageArray

Engine = Literal["litert", "litert-ref"]


class Detector(Protocol):
    """A model that gives scores and boxes for all anchors.

    ``outputs`` may be called from several threads at once.
    """

    @property
    def spec(self) -> DetectorSpec:
        """Class names, preprocessing, anchors."""

    @property
    def name(self) -> str:
        """File name of the model."""

    def outputs(self, images_u8: ImageArray) -> tuple[FloatArray, FloatArray]:
        """Run the network.

        Args:
            images_u8: Preprocessed images ``[B, H, W, 3]`` uint8, size of the network input.

        Returns:
            ``class_scores [B, NA, 1 + num_classes]`` (softmax, background first) and
            ``boxes [B, NA, 4]`` decoded, fractions of the input, not clipped.
        """


@runtime_checkable
class OwnSelection(Protocol):
    """A detector whose file says how its boxes are selected, other than class by class."""

    def select(
        self, class_scores: FloatArray, boxes: FloatArray, postprocess: PostprocessSpec
    ) -> Detections:
        """The detections of one image.

        Args:
            class_scores: ``[NA, 1 + num_classes]``, background first.
            boxes: ``[NA, 4]`` decoded, fractions of the input.
            postprocess: Thresholds.

        Returns:
            Highest score first, fractions of the input, not clipped.
        """
