"""Depthwise convolutions while training, where the backend has a faster way than Keras'."""

from types import MethodType
from typing import Any

import keras

from tinydet.backends import Backend, choose_backend


def use_fast_depthwise(model: keras.Model) -> None:
    """Let the depthwise convolutions of a model use the backend's own, where it has one.

    Only the instances change: the saved model holds plain Keras layers.

    Args:
        model: The model that is about to be trained.
    """
    backend = choose_backend()
    if type(backend).depthwise is Backend.depthwise:
        return
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D) and _is_plain(layer):
            layer.call = MethodType(_fast_call, layer)


def _is_plain(layer: Any) -> bool:
    form = layer.depth_multiplier, layer.dilation_rate, layer.data_format
    return form == (1, (1, 1), "channels_last")


def _fast_call(layer: Any, inputs: Any) -> Any:
    outputs = choose_backend().depthwise(inputs, layer.kernel[..., 0], layer.strides, layer.padding)
    if outputs is None:
        return type(layer).call(layer, inputs)
    if layer.use_bias:
        outputs = outputs + layer.bias
    return outputs if layer.activation is None else layer.activation(outputs)
