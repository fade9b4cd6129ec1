"""Depthwise convolutions while training, where the backend has a faster way than Keras'."""

from typing import Any

import keras

from tinydet.backends import choose_backend
from tinydet.training.own_kernels import use_own_kernel

PLAIN = (1, (1, 1), "channels_last")  # depth multiplier, dilation, order of the axes


def use_fast_depthwise(model: keras.Model) -> None:
    """Let the depthwise convolutions of a model use the backend's own, where it has one.

    See ``use_own_kernel``.

    Args:
        model: The model that is about to be trained.
    """
    use_own_kernel(model, "depthwise", keras.layers.DepthwiseConv2D, _fast_call)


def _fast_call(layer: Any, inputs: Any) -> Any:
    outputs = None
    if (layer.depth_multiplier, layer.dilation_rate, layer.data_format) == PLAIN:
        kernel = layer.kernel[..., 0]
        outputs = choose_backend().depthwise(inputs, kernel, layer.strides, layer.padding)
    if outputs is None:
        return type(layer).call(layer, inputs)
    if layer.use_bias:
        outputs = outputs + layer.bias
    return outputs if layer.activation is None else layer.activation(outputs)
