"""What keeps the processes of a group the same: gradients, statistics, metrics, decisions."""

from types import MethodType
from typing import Any

import keras
import numpy as np
from keras import ops

from tinydet.training.distribution.process_group import ProcessGroup


def synchronize_batch_norm(model: keras.Model, group: ProcessGroup) -> None:
    """Let training steps normalise by the statistics of the whole batch, of all processes.

    Only the instances change: the saved model holds plain Keras layers. It costs two sums over
    the processes per layer and step, which is cheap between the GPUs of a machine and
    expensive between machines, and matters only where a process has few images (below about 8).

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
    values = ops.cast(inputs, "float32")
    axes = list(range(len(inputs.shape) - 1))
    own = ops.concatenate([ops.mean(values, axes), ops.mean(values * values, axes)])
    mean, square = ops.split(layer.group.total(own) / layer.group.size, 2)
    variance = ops.maximum(square - mean * mean, 0.0)
    keep = layer.momentum
    layer.moving_mean.assign(layer.moving_mean * keep + mean * (1 - keep))
    layer.moving_variance.assign(layer.moving_variance * keep + variance * (1 - keep))
    factor = ops.convert_to_tensor(layer.gamma) * ops.rsqrt(variance + layer.epsilon)
    outputs = values * factor + (ops.convert_to_tensor(layer.beta) - mean * factor)
    return ops.cast(outputs, inputs.dtype)


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
    flat = np.concatenate([ops.convert_to_numpy(v).astype(np.float64) for v in own])
    mean = ops.convert_to_numpy(group.total(flat)) / group.size
    ends = np.cumsum([v.shape[0] for v in own])[:-1]
    for variable, part in zip(own, np.split(mean, ends), strict=True):
        variable.assign(part.astype(np.float32))


def _batch_norms(model: keras.Model) -> list[Any]:
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


def share_gradients(optimizer: keras.optimizers.Optimizer, group: ProcessGroup) -> None:
    """Let an optimizer work on the sum of the processes' gradients.

    They are added up before anything is done with them: clipping and the check of loss scaling
    see the gradient of the whole batch, as in a process that is alone.

    Args:
        optimizer: Changed in place; the outermost one, where one wraps another.
        group: Nothing is changed where the process is alone.
    """
    if group.size == 1:
        return
    apply = optimizer.apply

    def apply_to_totals(grads: Any, trainable_variables: Any = None) -> Any:
        return apply(group.totals(list(grads)), trainable_variables)

    optimizer.apply = apply_to_totals


class EpochSynchronization(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """After every epoch all processes have the same logs and running averages.

    Callbacks after it (schedules, early stopping) so come to the same decisions everywhere. Must
    be the first of the callbacks.

    Args:
        group: The processes.
    """

    def __init__(self, group: ProcessGroup) -> None:
        super().__init__()
        self.group = group

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras' signature
        """Add the shares of the loss up, average the statistics of batch normalization."""
        average_batch_norm(self.model, self.group)
        if logs is not None and "loss" in logs:
            own = np.array([logs["loss"]], np.float64)
            logs["loss"] = float(self.group.total(own)[0])


class FirstMeasures:
    """A validation that the first process does, and whose results all of them get.

    Args:
        validation: Has ``measure(model, loss)``.
        names: Of its results, in any order.
        group: The processes.
    """

    def __init__(self, validation: Any, names: tuple[str, ...], group: ProcessGroup) -> None:
        self.validation = validation
        self.names = names
        self.group = group

    def measure(self, model: keras.Model, loss: keras.losses.Loss) -> dict[str, float]:
        """The results, the same in every process."""
        found = np.zeros(len(self.names))
        if self.group.is_first:
            results = self.validation.measure(model, loss)
            found = np.array([results[name] for name in self.names], np.float64)
        return dict(zip(self.names, map(float, self.group.from_first(found)), strict=True))
