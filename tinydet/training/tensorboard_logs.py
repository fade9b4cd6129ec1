"""The metrics of every epoch for TensorBoard, with or without TensorFlow."""

from pathlib import Path
from typing import Any

import keras


def tensorboard_callback(folder: Path) -> keras.callbacks.Callback:
    """Writes the logs of every epoch.

    Keras' own callback writes through TensorFlow, which is not there with another backend.

    Args:
        folder: Gets ``train/events...``.
    """
    if keras.backend.backend() == "tensorflow":
        return keras.callbacks.TensorBoard(str(folder), write_graph=False)
    return EpochScalars(folder)


class EpochScalars(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """One scalar per metric and epoch, named as Keras names them.

    Args:
        folder: Gets ``train`` and ``validation``.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write; a file for each epoch, so that none stays open."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        for part, prefix in (("train", ""), ("validation", "val_")):
            values = [
                Summary.Value(tag=f"epoch_{name.removeprefix('val_')}", simple_value=float(value))
                for name, value in (logs or {}).items()
                if name.startswith("val_") == bool(prefix)
            ]
            if values:
                writer = EventFileWriter(str(self.folder / part))
                writer.add_event(Event(step=epoch, summary=Summary(value=values)))
                writer.close()
