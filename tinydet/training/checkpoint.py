"""Weights on disk after every epoch, and resuming from them.

One file holds all that an epoch leaves behind: the weights, their running average, the optimizer's
state, and what the callbacks remember. It is renamed into place, so a killed run has the last epoch
whole.
"""

import inspect
import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras

from tinydet.config.files import atomic_path, require_space
from tinydet.errors import ModelFileError, first_line
from tinydet.training.weight_average import WeightAverage, averaged

LAST_WEIGHTS = "last_weights.weights.h5"
BEST_WEIGHTS = "best_weights.weights.h5"
_STATE = "tinydet_training_state"
_REMEDY = "Give the folder of a run that finished at least one epoch, or start a new training."


@dataclass
class TrainingState:
    """What a run knows beside its weights.

    Attributes:
        fingerprint: Of everything that must stay the same when the run is resumed.
        history: Logs of every finished epoch, in order.
        best_value: Of the monitored metric, None before the first epoch.
        best_epoch: Where it was reached, from 0.
        callbacks: Plain attributes of the user's callbacks, by position.
        stopped: A callback ended the training early.
        backend: That of Keras: another one rounds otherwise.
    """

    fingerprint: str
    history: list[dict[str, float]] = field(default_factory=list)
    best_value: float | None = None
    best_epoch: int = -1
    callbacks: list[dict[str, Any]] = field(default_factory=list)
    stopped: bool = False
    backend: str = "tensorflow"  # of runs from before there was a choice

    @property
    def epochs_done(self) -> int:
        """Finished epochs."""
        return len(self.history)


def save_weights(
    model: keras.Model,
    path: Path,
    state: TrainingState | None = None,
    average: WeightAverage | None = None,
) -> None:
    """Write the weights (with the optimizer's, where compiled) and the state, whole or not at all.

    Args:
        model: The model being trained.
        path: ``*.weights.h5``.
        state: What the run knows; None for weights alone.
        average: Of the weights, where there is one.

    Raises:
        OutputError: The file cannot be written.
    """
    import h5py

    require_space(path, _most_bytes(model))
    with atomic_path(path.with_suffix("").with_suffix(".weights.h5")) as temporary:
        # Keras insists on the double suffix.
        weights = temporary.with_name(f"{temporary.stem}.weights.h5")
        try:
            model.save_weights(weights)
            if state is not None:
                with h5py.File(weights, "r+") as file:
                    # Of a data set, not an attribute: those end at 64 KiB.
                    file[_STATE] = json.dumps(asdict(state))
            if average is not None:
                average.save(weights)
            weights.replace(temporary)
        except (OSError, RuntimeError) as error:  # RuntimeError: HDF5 closes on a full disk
            raise OSError(_reason(error)) from error
        finally:
            weights.unlink(missing_ok=True)


def _most_bytes(model: keras.Model) -> int:
    """Upper bound of a weights file: every value in 32 bits, and what HDF5 adds."""
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *(optimizer.variables if optimizer else ())]
    variables += model.weights  # their average
    values: int = sum(math.prod(variable.shape) for variable in variables)
    return 4 * values + len(variables) * 4096


def _reason(error: Exception) -> str:
    """One line; HDF5 tells addresses and times over several."""
    code = getattr(error, "errno", None)
    return os.strerror(code) if code else " ".join(str(error).split())


def load_weights(model: keras.Model, path: Path) -> None:
    """Read what ``save_weights`` wrote into the same model, optimizer included.

    Args:
        model: Compiled, its optimizer built.
        path: ``*.weights.h5``.

    Raises:
        ModelFileError: The file is missing or broken, or belongs to another model.
    """
    try:
        model.load_weights(path)
    except Exception as error:  # whatever a broken file makes Keras and HDF5 raise
        raise ModelFileError(path, f"cannot be loaded ({first_line(error)})", _REMEDY) from None


def start_or_resume(path: Path, fingerprint: str, backend: str) -> TrainingState:
    """What is known of the run so far.

    Args:
        path: Last weights of the run; need not exist.
        fingerprint: Of the run as it is wanted now.
        backend: Of Keras in this process.

    Returns:
        The state to resume from, or a new one where there is none.

    Raises:
        ModelFileError: The file contains no state, or that of a run with other settings or with
            another backend.
    """
    if not path.exists():
        return TrainingState(fingerprint, backend=backend)
    state = load_state(path)
    if state.backend != backend:
        raise ModelFileError(
            path,
            f"belongs to a run with the backend {state.backend}; this process uses {backend}",
            f"Resume with general.backend={state.backend} (KERAS_BACKEND), or train into a new "
            "folder.",
        )
    if state.fingerprint != fingerprint:
        raise ModelFileError(
            path,
            "belongs to a run with different settings or images",
            "Resume with the configuration in that run folder, or train into a new folder.",
        )
    return state


def load_state(path: Path) -> TrainingState:
    """Read what a run knew when it wrote its last weights.

    Raises:
        ModelFileError: The file is missing or broken, or contains no training state.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return TrainingState(**json.loads(file[_STATE][()]))
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        found = f"contains no training state ({first_line(error)})"
        raise ModelFileError(path, found, _REMEDY) from None


def remember(callbacks: Sequence[keras.callbacks.Callback]) -> list[dict[str, Any]]:
    """The plain numbers each callback has come to hold (patience counters, best values).

    Not what it was made with: that comes from the configuration, and Keras turns the sign of
    ``min_delta`` around at the first epoch of every training.
    """
    return [
        {
            name: value
            for name, value in vars(callback).items()
            if isinstance(value, (bool, int, float, str))
            and not name.startswith("_")
            and name not in inspect.signature(type(callback)).parameters
        }
        for callback in callbacks
    ]


class RestoreCallbacks(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Gives callbacks back what they knew; must come after them, for they reset at the start.

    Args:
        callbacks: The user's callbacks, in the order they were remembered in.
        remembered: See ``remember``.
    """

    def __init__(
        self, callbacks: Sequence[keras.callbacks.Callback], remembered: Sequence[dict[str, Any]]
    ) -> None:
        super().__init__()
        self.callbacks = callbacks
        self.remembered = remembered

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras' signature
        """Put the values back."""
        for callback, values in zip(self.callbacks, self.remembered, strict=True):
            vars(callback).update(values)


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Keeps the best and the last weights and the run's metrics up to date on disk.

    Args:
        folder: ``saved_models`` of the run.
        state: Of the run so far; brought up to date here.
        user_callbacks: Whose counters are remembered.
        monitor: Metric that decides which epoch is best.
        mode: ``min`` or ``max``.
        on_saved: Called with the state after each epoch (tables and curves).
        average: Of the weights: what the best weights are, where there is one.
    """

    def __init__(
        self,
        folder: Path,
        state: TrainingState,
        user_callbacks: Sequence[keras.callbacks.Callback],
        *,
        monitor: str,
        mode: str,
        on_saved: Any,
        average: WeightAverage | None = None,
    ) -> None:
        super().__init__()
        self.folder = folder
        self.state = state
        self.user_callbacks = user_callbacks
        self.monitor = monitor
        self.sign = 1 if mode == "max" else -1
        self.on_saved = on_saved
        self.average = average

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save; the last weights come last, because they decide where a killed run is resumed."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        self.state.history.append({"epoch": epoch, **values})
        value = values.get(self.monitor, math.nan)
        best = self.state.best_value
        if best is None or math.isnan(best) or self.sign * value > self.sign * best:
            self.state.best_value, self.state.best_epoch = value, epoch
            with averaged(self.average):
                save_weights(self.model, self.folder / BEST_WEIGHTS)
        self.state.callbacks = remember(self.user_callbacks)
        self.state.stopped = bool(self.model.stop_training)
        self.on_saved(self.state)
        save_weights(self.model, self.folder / LAST_WEIGHTS, self.state, self.average)
