"""The steps of a rounded network as Keras layers, to be trained."""

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras import ops

from tinydet.boxes import FloatArray
from tinydet.quantization.folded_network import (
    CONV,
    OUTPUT_CHANNEL_AXIS,
    Layer,
    Range,
    along,
    channel_maxima,
)
from tinydet.quantization.options import Granularity
from tinydet.quantization.simulation.fake_quantization import (
    round_activation,
    round_kernel,
    round_mixed,
    round_pixels,
)
from tinydet.quantization.simulation.operators import convolve, rearrange

PACKAGE = "tinydet"
# How fast ranges learn beside weights: a step of the optimizer changes an end by its learning rate
# times this, relative to itself.
RANGE_RATE = 10.0
OPTION_NAMES = (
    "strideH",
    "strideW",
    "dilationHFactor",
    "dilationWFactor",
    "padding",
    "axis",
    "alignCorners",
    "halfPixelCenters",
)


def describe(layer: Layer) -> dict[str, Any]:
    """A step as JSON."""
    options = {
        name: getattr(layer.options, name) for name in OPTION_NAMES if hasattr(layer.options, name)
    }
    return {"kind": layer.kind, "activation": layer.activation, "options": options}


def _described(name: str, step: dict[str, Any]) -> Layer:
    options = SimpleNamespace(**step["options"])
    return Layer(step["kind"], name, (), 0, None, None, step["activation"], options)


@keras.saving.register_keras_serializable(PACKAGE)
class RoundedConvolution(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """A convolution with folded batch norm whose weights are rounded.

    What is learnt is relative to the weights it starts with: folded weights differ in size from
    channel to channel by orders of magnitude, and an optimizer that normalizes its steps would
    change the small ones too fast and the large ones not at all. The activation is left to the
    rounding of the output, whose range ends where relu and relu6 cut.

    Args:
        step: See ``describe``.
        granularity: Of the weight scales.
        kernel_shape: As in the file.
    """

    def __init__(
        self,
        step: dict[str, Any],
        granularity: Granularity,
        kernel_shape: tuple[int, ...],
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self.step, self.granularity, self.kernel_shape = step, granularity, tuple(kernel_shape)
        self._layer = _described(self.name, step)
        channels = self.kernel_shape[OUTPUT_CHANNEL_AXIS[self._layer.kind]]

        def values(name: str, shape: tuple[int, ...], learns: bool) -> Any:
            return self.add_weight(name=name, shape=shape, initializer="zeros", trainable=learns)

        self.relative_kernel = values("relative_kernel", self.kernel_shape, True)
        self.relative_bias = values("relative_bias", (channels,), True)
        self.channel_size = values("channel_size", (channels,), False)
        self.bias_size = values("bias_size", (), False)

    def start_from(self, kernel: FloatArray, bias: FloatArray, bias_size: float) -> None:
        """Take over weights.

        Args:
            kernel: As in the file.
            bias: One value per output channel.
            bias_size: What counts as large for a bias, as the largest output.
        """
        axis = OUTPUT_CHANNEL_AXIS[self._layer.kind]
        sizes = channel_maxima(kernel, axis)
        sizes = np.where(sizes > 0, sizes, sizes.max() if sizes.any() else 1.0).astype(np.float32)
        self.channel_size.assign(sizes)
        self.relative_kernel.assign(kernel / along(sizes, axis, kernel.ndim))
        self.bias_size.assign(bias_size)
        self.relative_bias.assign(bias / bias_size)

    def learnt(self) -> tuple[FloatArray, FloatArray]:
        """Kernel and bias as they are now, not rounded."""
        kernel, bias = self._weights_now()
        return ops.convert_to_numpy(kernel), ops.convert_to_numpy(bias)

    def call(self, inputs: Any) -> Any:
        """``[B, rows, columns, C]`` to ``[B, rows, columns, O]``."""
        kernel, bias = self._weights_now()
        return convolve(
            self._layer, inputs, round_kernel(self._layer, kernel, self.granularity), bias
        )

    def get_config(self) -> dict[str, Any]:
        """What ``__init__`` takes."""
        own = {
            "step": self.step,
            "granularity": self.granularity,
            "kernel_shape": self.kernel_shape,
        }
        return {**super().get_config(), **own}

    def _weights_now(self) -> tuple[Any, Any]:
        axis = 0 if self._layer.kind == CONV else 3
        shape = [-1 if i == axis else 1 for i in range(4)]
        size = ops.reshape(ops.convert_to_tensor(self.channel_size), shape)
        return self.relative_kernel * size, self.relative_bias * self.bias_size


@keras.saving.register_keras_serializable(PACKAGE)
class Rearrangement(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """A step without weights.

    Args:
        step: See ``describe``.
        step_shape: Of the output for a batch of one, ``[1, ...]``.
    """

    def __init__(self, step: dict[str, Any], step_shape: tuple[int, ...], **arguments: Any) -> None:
        super().__init__(**arguments)
        self.step, self.step_shape = step, tuple(step_shape)
        self._layer = _described(self.name, step)

    def call(self, inputs: Any) -> Any:
        """One input, or a list of several."""
        several = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        return rearrange(self._layer, several, self.step_shape)

    def get_config(self) -> dict[str, Any]:
        """What ``__init__`` takes."""
        return {**super().get_config(), "step": self.step, "step_shape": self.step_shape}


@keras.saving.register_keras_serializable(PACKAGE)
class RoundedPixels(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """The values of the pixels' codes.

    Args:
        low: Of a black pixel.
        high: Of a white pixel.
    """

    def __init__(self, low: float, high: float, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.low, self.high = low, high

    def call(self, inputs: Any) -> Any:
        """Rescaled pixels ``[B, H, W, 3]``."""
        return round_pixels(inputs, self.low, self.high)

    def get_config(self) -> dict[str, Any]:
        """What ``__init__`` takes."""
        return {**super().get_config(), "low": self.low, "high": self.high}


@keras.saving.register_keras_serializable(PACKAGE)
class RoundedActivation(keras.layers.Layer):  # type: ignore[misc]  # keras ships no types
    """Rounds to 256 values between two ends that are learnt.

    Args:
        low: Lowest value to start with, <= 0. An end at 0 stays there.
        high: Highest value to start with.
        highest: That the range may grow to: 6 behind relu6.
    """

    def __init__(self, low: float, high: float, highest: float | None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.low, self.high, self.highest = low, high, highest

        def growth(name: str) -> Any:
            return self.add_weight(name=name, shape=(), initializer="zeros")

        self.growth_low, self.growth_high = growth("growth_low"), growth("growth_high")

    def ends(self) -> tuple[Any, Any]:
        """Lowest and highest value now, as tensors."""
        low = self.low * ops.exp(RANGE_RATE * self.growth_low)
        high = self.high * ops.exp(RANGE_RATE * self.growth_high)
        return low, high if self.highest is None else ops.minimum(high, self.highest)

    def learnt(self) -> Range:
        """Lowest and highest value now."""
        low, high = self.ends()
        return float(low), float(high)

    def call(self, inputs: Any, mixed: bool = False) -> Any:
        """Any shape; ``mixed`` for values that lie between codes, see ``round_mixed``."""
        return (round_mixed if mixed else round_activation)(inputs, *self.ends())

    def get_config(self) -> dict[str, Any]:
        """What ``__init__`` takes."""
        own = {"low": self.low, "high": self.high, "highest": self.highest}
        return {**super().get_config(), **own}
