"""What to say where a batch does not fit into the memory of the device."""

from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

import keras

from tinydet.backends import choose_backend
from tinydet.errors import UnsupportedError
from tinydet.training.batches import Batch
from tinydet.training.options import TrainingOptions

Prepare = Callable[[keras.Model, TrainingOptions], None]


def refuse_batch_size(
    model: keras.Model, options: TrainingOptions, batch: Batch, prepare: Prepare
) -> NoReturn:
    """Say which batch size would fit, found by trying halves of it on a copy of the network.

    Args:
        model: Whose step has run out of memory; it is not used any further.
        options: Of the training.
        batch: What did not fit.
        prepare: Makes a model ready for training steps.

    Raises:
        UnsupportedError: Always.
    """
    tried = len(batch[0]) // options.accumulate
    size = tried // 2
    while size and not _fits(model, options, (batch[0][:size], batch[1][:size]), prepare):
        size //= 2
    height, width = batch[0].shape[1:3]
    found = f"{tried} images of {height} x {width} at a time"
    if not size:
        remedy = "Choose a smaller input or alpha, or general.device=cpu."
        raise UnsupportedError("the memory of the device", found, "not even one", remedy)
    parts = next(n for n in range(2, len(batch[0]) + 1) if len(batch[0]) / n <= size)
    while len(batch[0]) % parts:
        parts += 1
    raise UnsupportedError(
        "the memory of the device",
        found,
        f"{size} at a time",
        f"Set training.accumulate={parts}, which takes the batch in {parts} parts and keeps the "
        f"training as it is but for the statistics of batch normalization, or batch_size={size}.",
    )


def _fits(model: keras.Model, options: TrainingOptions, batch: Batch, prepare: Prepare) -> bool:
    # Without its loss, which Keras cannot copy.
    copy = keras.models.clone_model(keras.Model(model.inputs[0], model.outputs[0]))
    prepare(copy, replace(options, batch_size=len(batch[0]), accumulate=1, frozen_layers=None))
    try:
        copy.train_on_batch(*batch)
    except Exception as error:
        if choose_backend().is_out_of_memory(error):
            return False
        raise
    return True
