"""Batch normalization while training: one fused kernel, and statistics of the network as it is.

Keras 3 spells batch normalization out in a dozen element-wise operations; on a CPU they take more
than half of this network's training step. The fused kernels of TensorFlow and PyTorch compute the
same in one; XLA, under JAX, fuses the operations by itself.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from tinydet.backends import choose_backend
from tinydet.boxes import FloatArray
from tinydet.training.own_kernels import use_own_kernel


def use_fused_batch_norm(model: keras.Model) -> None:
    """Let every batch normalization of a model use the fused kernel in training steps.

    See ``use_own_kernel``.

    Args:
        model: The model that is about to be trained.
    """
    use_own_kernel(model, "batch_norm", keras.layers.BatchNormalization, _fused_call)


def _fused_call(layer: Any, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
    if not (training and layer.trainable):
        return type(layer).call(layer, inputs, training=training, mask=mask)
    outputs, mean, variance = choose_backend().batch_norm(
        inputs, layer.gamma, layer.beta, layer.epsilon
    )
    keep = layer.momentum
    layer.moving_mean.assign(layer.moving_mean * keep + mean * (1 - keep))
    layer.moving_variance.assign(layer.moving_variance * keep + variance * (1 - keep))
    return outputs


def reestimate_batch_norm(model: keras.Model, batches: Iterable[FloatArray]) -> None:
    """Set the moving means and variances to those of some batches, with the current weights.

    The running averages of training belong to the networks of many steps, which differ from the
    current one.
    Over batches with means ``m_i`` and (biased) variances ``v_i`` the mean becomes ``mean(m_i)``,
    the variance ``mean(v_i + m_i**2) - mean(m_i)**2``: that of all their pixels together. Frozen
    layers keep theirs. Dropout is left out.

    Args:
        model: Changed in place.
        batches: Network inputs ``[B, H, W, 3]``, at least one batch, all of one size.

    Reference:
        Wu and Johnson, 2021, "Rethinking 'Batch' in BatchNorm", section 3.
    """
    norms = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]
    sums = [[np.zeros(layer.moving_mean.shape, np.float64) for _ in range(2)] for layer in norms]
    count = 0
    # A loaded model wants its one input in a list, a built one does not; this one does not.
    network = keras.Model(model.inputs[0], model.outputs[0])
    with _batch_statistics(model, norms):
        for images in batches:
            network(images, training=True)
            count += 1
            for layer, (mean_sum, square_sum) in zip(norms, sums, strict=True):
                mean = ops.convert_to_numpy(layer.moving_mean).astype(np.float64)
                mean_sum += mean
                square_sum += ops.convert_to_numpy(layer.moving_variance) + mean**2
    for layer, (mean_sum, square_sum) in zip(norms, sums, strict=True):
        mean = mean_sum / count
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(np.maximum(square_sum / count - mean**2, 0))


@contextmanager
def _batch_statistics(model: keras.Model, norms: list[Any]) -> Iterator[None]:
    """Moving averages that are those of the last batch alone; nothing is dropped."""
    dropouts = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    before = [(layer, "momentum", layer.momentum) for layer in norms]
    before += [(layer, "rate", layer.rate) for layer in dropouts]
    try:
        for layer, name, _ in before:
            setattr(layer, name, 0.0)
        yield
    finally:
        for layer, name, value in before:
            setattr(layer, name, value)
