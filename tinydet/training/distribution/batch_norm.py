"""Batch normalization where a batch lies in several processes."""

from types import MethodType
from typing import Any

import keras
import numpy as np

from tinydet.training.distribution.process_group import ProcessGroup


def synchronize_batch_norm(model: keras.Model, group: ProcessGroup) -> None:
    """Let training steps normalise by the statistics of the whole batch, of all processes.

    Only the instances change: the saved model holds plain Keras layers. It costs two sums over
    the processes per layer and step, which is cheap between the GPUs of a machine and dear
    between machines, and matters only where a process has few images (below about 8).

    Args:
        model: The model that is about to be trained.
        group: Whose processes have equal shares of each batch.

    Reference:
        Peng et al., 2018, "MegDet", section 3.2.
    """
    for layer in _batch_norms(model):
        layer.group = group
        layer.call = MethodType(_synchronized_call, layer)


def _synchronized_call(
    layer: Any, inputs: Any, training: bool | None = None, mask: Any = None
) -> Any:
    if not (training and layer.trainable):
        return type(layer).call(layer, inputs, training=training, mask=mask)
    import tensorflow as tf

    values = tf.cast(inputs, "float32")
    axes = list(range(len(inputs.shape) - 1))
    own = tf.concat([tf.reduce_mean(values, axes), tf.reduce_mean(values * values, axes)], 0)
    mean, square = tf.split(layer.group.total(own) / layer.group.size, 2)
    variance = tf.maximum(square - mean * mean, 0.0)
    keep = layer.momentum
    layer.moving_mean.assign(layer.moving_mean * keep + mean * (1 - keep))
    layer.moving_variance.assign(layer.moving_variance * keep + variance * (1 - keep))
    factor = tf.convert_to_tensor(layer.gamma) * tf.math.rsqrt(variance + layer.epsilon)
    outputs = values * factor + (tf.convert_to_tensor(layer.beta) - mean * factor)
    return tf.cast(outputs, inputs.dtype)


def average_batch_norm(model: keras.Model, group: ProcessGroup) -> None:
    """Give every process the mean of the processes' running averages.

    Args:
        model: Changed in place, to the same in every process.
        group: All of it must call this.
    """
    if group.size == 1:
        return
    own = [v for layer in _batch_norms(model) for v in (layer.moving_mean, layer.moving_variance)]
    if not own:
        return
    flat = np.concatenate([np.asarray(v, np.float64) for v in own])
    mean = np.asarray(group.total(flat), np.float64) / group.size
    ends = np.cumsum([v.shape[0] for v in own])[:-1]
    for variable, part in zip(own, np.split(mean, ends), strict=True):
        variable.assign(part.astype(np.float32))


def _batch_norms(model: keras.Model) -> list[Any]:
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
