"""What the user sees of a training while it runs."""

import sys
import time
from typing import Any

import keras

from tinydet.notes import is_quiet, tell_progress


class ProgressBar(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Shows the whole training as one bar with the time left, and one line per epoch.

    Args:
        first_epoch: Where the run begins (0) or is resumed.
        last_epoch: Where it ends.
        steps_per_epoch: Training steps.
        batch_size: Images per step.
        visible: Show it; else only the logs are filled.
    """

    def __init__(
        self,
        first_epoch: int,
        last_epoch: int,
        steps_per_epoch: int,
        batch_size: int,
        *,
        visible: bool = True,
    ) -> None:
        super().__init__()
        self.visible = visible
        self.first_epoch = first_epoch
        self.last_epoch = last_epoch
        self.steps_per_epoch = steps_per_epoch
        self.batch_size = batch_size
        self._epoch_start = 0.0
        self._seconds = 0.0  # of the steps of an epoch, without validation
        self._learning_rate = 0.0
        self._bar: Any = None
        self._task: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras' signature
        """Open the bar, where there is a terminal."""
        if is_quiet() or not (self.visible and sys.stderr.isatty()):
            return
        from tinydet.progress import make_bar

        self._bar = make_bar()
        self._task = self._bar.add_task(
            "training", total=(self.last_epoch - self.first_epoch) * self.steps_per_epoch
        )
        self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Start the clock of the epoch; note its learning rate before callbacks change it."""
        self._epoch_start = time.monotonic()
        self._learning_rate = float(self.model.optimizer.learning_rate)
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
        logs["lr"] = self._learning_rate
        logs.pop("learning_rate", None)  # some callbacks of Keras put it there, under this name
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
        elif self.visible:
            tell_progress(line)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002
        """Close the bar."""
        self.close()

    def close(self) -> None:
        """Give the terminal back, also after an error."""
        if self._bar:
            self._bar.stop()
            self._bar = None
