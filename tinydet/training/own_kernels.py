"""Layers that compute with a kernel of the backend while training, where it has one."""

from collections.abc import Callable
from types import MethodType
from typing import Any

import keras

from tinydet.backends import Backend, choose_backend

PLAIN = (1, (1, 1), "channels_last")  # depth multiplier, dilation, order of the axes


def use_own_kernel(
    model: keras.Model, kernel: str, kind: type[keras.Layer], call: Callable[..., Any]
) -> None:
    """Let every layer of a kind compute with the backend's own kernel.

    Only the instances change: the saved model holds plain Keras layers. With a backend that has no
    such kernel nothing changes.

    Args:
        model: The model that is about to be trained.
        kernel: Name of a method of ``Backend``.
        kind: Of the layers.
        call: What they do instead of their ``call``, given the layer first.
    """
    if getattr(type(choose_backend()), kernel) is getattr(Backend, kernel):
        return
    for layer in model.layers:
        if isinstance(layer, kind):
            layer.call = MethodType(call, layer)


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
