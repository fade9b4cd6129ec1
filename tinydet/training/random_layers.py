"""Layers that draw random numbers, as dropout does, repeat themselves in a run that goes on."""

from typing import Any

import keras
import numpy as np


class SeedLayers(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Starts every random layer anew in each epoch, from (seed, epoch, place of the layer).

    Keras keeps the state of its random layers neither in weights files nor in model files.

    Args:
        seed: Of the run, >= 0.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras' signature
        """Set the state of every random layer."""
        for place, layer in enumerate(self.model.layers):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                drawn = np.random.SeedSequence([self.seed, epoch, place]).generate_state(1)
                # The low 31 bits fit the type of the state in every backend.
                generator.state.assign([int(drawn[0]) & 0x7FFFFFFF, 0])
