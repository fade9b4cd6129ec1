"""Layers that compute with a kernel of the backend while training, where it has one."""

from collections.abc import Callable
from types import MethodType
from typing import Any

import keras

from tinydet.backends import Backend, choose_backend


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
