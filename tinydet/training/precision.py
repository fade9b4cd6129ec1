"""Mixed precision: 16-bit arithmetic in the training steps, 32-bit weights and files."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from tinydet.backends import choose_backend

POLICIES = {"none": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
# Layers that only arrange values; the first layer before them is the one that computes.
ARRANGING = (keras.layers.Reshape, keras.layers.Concatenate, keras.layers.Activation)


def choose_precision(wanted: str, device: str = "auto") -> str:
    """The precision that ``auto`` means here.

    Args:
        wanted: ``none``, ``bfloat16``, ``float16`` or ``auto``: ``bfloat16`` where the GPU has
            it (compute capability 8.0 on), ``float16`` where it has tensor cores (7.0 on),
            else ``none``.
        device: ``cpu`` where training leaves a GPU alone.

    Returns:
        One of ``POLICIES``.
    """
    if wanted != "auto":
        return wanted
    gpus = [] if device == "cpu" else choose_backend().gpus()
    lowest = min((gpu.capability for gpu in gpus), default=(0, 0))
    return "bfloat16" if lowest >= (8, 0) else "float16" if lowest >= (7, 0) else "none"


def use_precision(model: keras.Model, precision: str) -> None:
    """Let the layers of a model compute in 16 bits.

    Weights, gradients and the statistics of batch normalization stay in 32 bits, and so does what
    computes the outputs: a logit in bfloat16 has three digits. Only the instances change; the
    model is to be saved within ``full_precision``.

    Args:
        model: Changed in place.
        precision: One of ``POLICIES``.

    Reference:
        Micikevicius et al., 2018, "Mixed Precision Training".
    """
    exact = _output_layers(model)
    for layer in model.layers:
        if id(layer) not in exact and precision != "none":
            layer.dtype_policy = POLICIES[precision]


@contextmanager
def full_precision(model: keras.Model) -> Iterator[None]:
    """The model is a plain 32-bit one within this context."""
    before = [(layer, layer.dtype_policy) for layer in model.layers]
    for layer, policy in before:
        if policy.name != POLICIES["none"]:
            layer.dtype_policy = POLICIES["none"]
    try:
        yield
    finally:
        for layer, policy in before:
            if layer.dtype_policy is not policy:
                layer.dtype_policy = policy


def with_loss_scale(
    optimizer: keras.optimizers.Optimizer, precision: str
) -> keras.optimizers.Optimizer:
    """The optimizer with a scaled loss, where small gradients would vanish without (float16)."""
    return keras.optimizers.LossScaleOptimizer(optimizer) if precision == "float16" else optimizer


def _output_layers(model: keras.Model) -> set[int]:
    """Ids of the layers that compute the outputs, and of those that only arrange them."""
    found: set[int] = set()
    tensors: list[Any] = list(model.outputs)
    while tensors:
        layer = tensors.pop()._keras_history.operation
        if id(layer) in found:
            continue
        found.add(id(layer))
        if isinstance(layer, ARRANGING):
            inputs = layer.input
            tensors += inputs if isinstance(inputs, list) else [inputs]
    return found
