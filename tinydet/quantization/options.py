"""What the user can choose about quantization."""

from typing import Literal

from pydantic import Field

from tinydet.config.detector_spec import Spec

Granularity = Literal["per_channel", "per_tensor"]
TensorType = Literal["uint8", "int8", "float"]
CalibrationMethod = Literal["minmax", "percentile", "mse"]


class QuantizationOptions(Spec):
    """How a float detector is written in 8 bits.

    Attributes:
        granularity: ``per_channel`` gives each output channel of a convolution a weight scale of
            its own; ``per_tensor`` one scale per convolution, which costs accuracy.
        input_type: ``uint8`` takes pixels 0..255; ``int8`` pixels - 128; ``float`` rescaled pixels.
        output_type: ``float`` gives one joined output with anchors, ready to decode; ``int8`` and
            ``uint8`` give scores and box deltas as the network computes them.
        calibration_method: How the range of an activation follows from the values it has on the
            calibration images: ``minmax`` covers all of them, ``percentile`` all but one in
            10,000, ``mse`` is the range with the least squared error.
        optimize: Improve the float network before it is rounded, without changing what it computes
            on the calibration images: clear channels that never change, equalize the ranges of
            channels, and afterwards correct the mean of each channel.
        max_images: At most this many calibration images are used, evenly taken from the list. The
            ranges of the activations settle after some hundred.
    """

    granularity: Granularity = "per_channel"
    input_type: TensorType = "uint8"
    output_type: TensorType = "float"
    calibration_method: CalibrationMethod = "minmax"
    optimize: bool = False
    max_images: int = Field(100, ge=1)
