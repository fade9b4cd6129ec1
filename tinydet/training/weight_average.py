"""The running average of the weights: what is validated and saved instead of the weights."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tinydet.errors import ModelFileError, first_line

WARM_UP_STEPS = 10  # the average forgets the first weights over about as many steps
# Taking the weights in costs some percent of a step; they move little in between.
UPDATE_PERIOD = 4
_AVERAGE, _STEPS = "tinydet_weight_average", "tinydet_weight_average_steps"
_REMEDY = "Give the folder of a run that was trained with ema_momentum, or start a new training."

Values = list[npt.NDArray[np.float32]]


def momentum_at(step: int, momentum: float) -> float:
    """What step number ``step`` (from 0) keeps of the average: ``min(m, (1 + s) / (10 + s))``.

    The beginning of the training does not weigh on the average, however short the training is.

    Reference:
        ``num_updates`` of ``tf.train.ExponentialMovingAverage``.

    >>> momentum_at(0, 0.999), momentum_at(98, 0.9), momentum_at(10**6, 0.999)
    (0.1, 0.9, 0.999)
    """
    return min(momentum, (1 + step) / (WARM_UP_STEPS + step))


class WeightAverage(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Keeps an exponential moving average of everything the network consists of.

    ``average = k * average + (1 - k) * weight`` after every ``UPDATE_PERIOD`` steps, k the product
    of ``momentum_at`` of these steps, beginning with the weights as they are before the first
    step. The moving averages of batch normalization are averaged like the weights, so that they
    stay those of the averaged network.

    Args:
        momentum: Share of the average that a step keeps, in [0, 1).

    Attributes:
        steps: Done so far.

    Reference:
        Polyak and Juditsky, 1992, "Acceleration of Stochastic Approximation by Averaging".
    """

    def __init__(self, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.steps = 0
        self._average: Values | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras' signature
        """Begin with the weights of the network, unless an average has been loaded."""
        if self._average is None:
            self._average = _values(self.model)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras' signature
        """Take the new weights in."""
        self.steps += 1
        if self._average is None or self.steps % UPDATE_PERIOD:
            return
        steps = range(self.steps - UPDATE_PERIOD, self.steps)
        new = np.float32(1 - math.prod(momentum_at(step, self.momentum) for step in steps))
        for average, value in zip(self._average, _values(self.model), strict=True):
            average += new * (value - average)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The network has the averaged weights in this context, and its own again after it."""
        if self._average is None:
            yield
            return
        own = _values(self.model)
        self.model.set_weights(self._average)
        try:
            yield
        finally:
            self.model.set_weights(own)

    def save(self, path: Path) -> None:
        """Add the average to a weights file.

        Args:
            path: HDF5 file that holds the network's own weights.
        """
        import h5py

        with h5py.File(path, "r+") as file:
            for index, average in enumerate(self._average or []):
                file[f"{_AVERAGE}/{index}"] = average
            file[_STEPS] = self.steps

    def load(self, path: Path, model: keras.Model) -> None:
        """Go on with the average that ``save`` left.

        Args:
            path: Weights file.
            model: Whose average it is.

        Raises:
            ModelFileError: The file contains no average of such a network.
        """
        import h5py

        try:
            with h5py.File(path, "r") as file:
                average = [file[f"{_AVERAGE}/{i}"][()] for i in range(len(model.weights))]
                self.steps = int(file[_STEPS][()])
        except (OSError, KeyError, RuntimeError) as error:
            found = f"contains no averaged weights ({first_line(error)})"
            raise ModelFileError(path, found, _REMEDY) from None
        if [a.shape for a in average] != [tuple(v.shape) for v in model.weights]:
            raise ModelFileError(path, "contains averaged weights of another network", _REMEDY)
        self._average = average


def _values(model: keras.Model) -> Values:
    """Copies of the weights, the moving averages of batch normalization included."""
    return [np.array(value, np.float32) for value in model.get_weights()]


def averaged(average: WeightAverage | None) -> AbstractContextManager[None]:
    """``average.applied()`` where there is an average."""
    return average.applied() if average is not None else nullcontext()
