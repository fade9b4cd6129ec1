"""What keeps the processes of a group the same: gradients, metrics, decisions."""

from typing import Any

import keras
import numpy as np

from tinydet.training.distribution.batch_norm import average_batch_norm
from tinydet.training.distribution.process_group import ProcessGroup


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


class EpochAgreement(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
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
            logs["loss"] = float(np.asarray(self.group.total(own))[0])


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
