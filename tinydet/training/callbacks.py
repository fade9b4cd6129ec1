"""Keras callbacks from the configuration, and the progress bar."""

import inspect
import sys
import time
from collections.abc import Mapping
from typing import Any

import keras

from tinydet.config.schedule_lambda import compile_lambda
from tinydet.errors import UnsupportedError, near_name
from tinydet.training.schedules import SCHEDULES, make_schedule

WHERE = "training.callbacks"
DEFAULT_MONITOR = "val_loss"


def make_callbacks(wanted: Mapping[str, Mapping[str, Any]]) -> list[keras.callbacks.Callback]:
    """The user's callbacks, in the given order.

    Args:
        wanted: Name of a Keras callback or of a schedule (``LRCosineDecay``, ...) -> arguments.
            ``ModelCheckpoint`` is not built: it says what the best weights are (``best_metric``).

    Returns:
        Callbacks for ``model.fit``.

    Raises:
        UnsupportedError: A name is unknown, or the arguments do not fit.
    """
    return [
        _make_callback(name, dict(arguments))
        for name, arguments in wanted.items()
        if name != "ModelCheckpoint"
    ]


def best_metric(wanted: Mapping[str, Mapping[str, Any]], has_validation: bool) -> tuple[str, str]:
    """Which metric decides what the best weights are.

    Args:
        wanted: See ``make_callbacks``.
        has_validation: There is a validation set.

    Returns:
        ``(metric, "min" or "max")``: of ``ModelCheckpoint`` where given, else validation AP; the
        training loss where there is no validation set.
    """
    if not has_validation:
        return "loss", "min"
    arguments = wanted.get("ModelCheckpoint", {})
    monitor = str(arguments.get("monitor", "val_map"))
    mode = str(arguments.get("mode", "auto"))
    return monitor, _mode_of(monitor) if mode == "auto" else mode


def _mode_of(monitor: str) -> str:
    return "min" if monitor.endswith("loss") else "max"


def _make_callback(name: str, arguments: dict[str, Any]) -> keras.callbacks.Callback:
    try:
        if name in SCHEDULES:
            verbose = int(arguments.pop("verbose", 0))
            schedule = make_schedule(name, **arguments)
            schedule(0)  # wrong arguments show here, not in the middle of training
            return keras.callbacks.LearningRateScheduler(lambda epoch: schedule(epoch), verbose)
        factory = getattr(keras.callbacks, name, None)
        if not (inspect.isclass(factory) and issubclass(factory, keras.callbacks.Callback)):
            known = [n for n in dir(keras.callbacks) if n[0].isupper()] + list(SCHEDULES)
            raise UnsupportedError(
                f"{WHERE}.{name}",
                "this callback",
                "the callbacks of Keras and the LR schedules",
                "Correct the name." + near_name(name, known),
            )
        if name == "LearningRateScheduler" and isinstance(arguments.get("schedule"), str):
            arguments["schedule"] = compile_lambda(arguments["schedule"])
        if "monitor" in arguments and arguments.get("mode") in (None, "auto"):
            arguments["mode"] = _mode_of(str(arguments["monitor"]))
        return factory(**arguments)
    except (TypeError, ValueError, ZeroDivisionError, IndexError) as error:
        given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        raise UnsupportedError(
            f"{WHERE}.{name}", given or "no argument", str(error), "Correct the arguments."
        ) from None


class ProgressBar(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Shows the whole training as one bar with the time left, and one line per epoch.

    Args:
        first_epoch: Where the run begins (0) or goes on.
        last_epoch: Where it ends.
        steps_per_epoch: Training steps.
        batch_size: Images per step.
    """

    def __init__(
        self, first_epoch: int, last_epoch: int, steps_per_epoch: int, batch_size: int
    ) -> None:
        super().__init__()
        self.first_epoch = first_epoch
        self.last_epoch = last_epoch
        self.steps_per_epoch = steps_per_epoch
        self.batch_size = batch_size
        self._epoch_start = 0.0
        self._bar: Any = None
        self._task: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras' signature
        """Open the bar, where there is a terminal."""
        if not sys.stderr.isatty():
            return
        from tinydet.progress import make_bar

        self._bar = make_bar()
        self._task = self._bar.add_task(
            "training", total=(self.last_epoch - self.first_epoch) * self.steps_per_epoch
        )
        self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Start the clock of the epoch."""
        self._epoch_start = time.monotonic()
        if self._bar:
            self._bar.update(self._task, description=f"training {epoch + 1}/{self.last_epoch}")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """One step further."""
        if self._bar:
            self._bar.advance(self._task)
        if batch + 1 == self.steps_per_epoch:
            self._seconds = time.monotonic() - self._epoch_start

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """One line with what the epoch brought; time, speed and learning rate into the logs."""
        logs = logs if logs is not None else {}
        logs["seconds"] = time.monotonic() - self._epoch_start
        logs["images_per_second"] = self.steps_per_epoch * self.batch_size / self._seconds
        logs["lr"] = float(self.model.optimizer.learning_rate)
        names = {"loss": "loss", "val_loss": "val loss", "val_map": "val AP"}
        shown = "  ".join(
            f"{label} {logs[name]:.1%}" if name == "val_map" else f"{label} {logs[name]:.3f}"
            for name, label in names.items()
            if name in logs
        )
        line = (
            f"epoch {epoch + 1:3d}/{self.last_epoch}  {shown}  "
            f"{logs['images_per_second']:.0f} images/s"
        )
        if self._bar:
            self._bar.console.print(line, highlight=False)
        else:
            print(line, file=sys.stderr)  # noqa: T201 - the progress of a run without a terminal

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Close the bar."""
        self.close()

    def close(self) -> None:
        """Give the terminal back, also after an error."""
        if self._bar:
            self._bar.stop()
            self._bar = None
