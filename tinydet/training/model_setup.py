"""Making a model ready for training steps: seeds, frozen layers, optimizer, kernels."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tinydet.backends import choose_backend
from tinydet.config.frozen_layers import SUPPORTED, parse_frozen_layers
from tinydet.errors import UnsupportedError, near_name
from tinydet.training.batch_norm import use_fused_batch_norm
from tinydet.training.distillation import learn_from_teacher
from tinydet.training.distribution import ProcessGroup
from tinydet.training.losses import DetectionLoss
from tinydet.training.options import TrainingOptions
from tinydet.training.own_kernels import use_fast_depthwise
from tinydet.training.precision import use_precision, with_loss_scale
from tinydet.training.synchronization import share_gradients, synchronize_batch_norm

WHERE = "training.optimizer"


def make_optimizer(name: str, arguments: Mapping[str, Any]) -> keras.optimizers.Optimizer:
    """Any optimizer of Keras.

    Args:
        name: Its class name, in upper or lower case.
        arguments: As its constructor takes them.

    Raises:
        UnsupportedError: No such optimizer, or arguments it does not take.
    """
    known = {
        key: value
        for key, value in vars(keras.optimizers).items()
        if isinstance(value, type)
        and issubclass(value, keras.optimizers.Optimizer)
        and key not in ("Optimizer", "LossScaleOptimizer")  # the base, and a wrapper of another
    }
    found = {key.lower(): key for key in known}.get(name.lower())
    if found is None:
        raise UnsupportedError(
            WHERE, name, ", ".join(sorted(known)), "Correct the name." + near_name(name, known)
        )
    try:
        return known[found](**arguments)
    except (TypeError, ValueError) as error:
        raise UnsupportedError(
            f"{WHERE}.{found}",
            ", ".join(f"{key}={value!r}" for key, value in arguments.items()),
            f"the arguments of keras.optimizers.{found}",
            f"Correct them: {' '.join(str(error).split())}.",
        ) from None


class SeedLayers(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Seeds all that is random at the start of each epoch, from (seed, epoch, place of the layer).

    Keras keeps the state of its random layers neither in weights files nor in model files, and has
    none for some of them.

    Args:
        seed: Of the run, >= 0.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras' signature
        """Set the state of every random layer."""
        self._epoch = epoch
        for place, layer in enumerate(self.model.layers):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                generator.state.assign([self._drawn(epoch, place), 0])

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras' signature
        """Before the first step, set the state of the backend; loaders of batches draw from it."""
        if batch == 0:
            choose_backend().seed(self._drawn(self._epoch))

    def _drawn(self, *place: int) -> int:
        drawn = np.random.SeedSequence([self.seed, *place]).generate_state(1)
        return int(drawn[0]) & 0x7FFFFFFF  # fits the type of the state in every backend


FROZEN_LAYERS = "training.frozen_layers"


def seed_everything(seed: int, deterministic: bool = False) -> None:
    """Make the initial weights, dropout and kernels repeatable; call before building a model.

    Args:
        seed: Of Python, NumPy and the backend.
        deterministic: Use deterministic kernels only. On a CPU training is repeatable without.
    """
    keras.utils.set_random_seed(seed)
    if deterministic:
        choose_backend().be_deterministic()


def prepare(
    model: keras.Model,
    options: TrainingOptions,
    loss: DetectionLoss,
    group: ProcessGroup,
    teacher: "keras.Model | None" = None,
) -> None:
    """Freeze layers, choose kernels, compile, and give the optimizer its variables.

    Args:
        model: Changed in place.
        options: How to train.
        loss: See ``DetectionLoss``.
        group: The processes that train together.
        teacher: Whose outputs are learnt, too.

    Raises:
        UnsupportedError: Frozen layers or optimizer are not known, or nothing is left to learn.
    """
    if options.frozen_layers:
        freeze(model, options.frozen_layers)
    if options.synchronized_batch_norm and group.size > 1:
        synchronize_batch_norm(model, group)
    else:
        use_fused_batch_norm(model)
    use_fast_depthwise(model)
    use_precision(model, options.precision)
    optimizer = make_optimizer(options.optimizer, options.optimizer_arguments)
    optimizer = with_loss_scale(optimizer, options.precision)
    share_gradients(optimizer, group)
    backend = choose_backend()
    model.compile(optimizer=optimizer, loss=loss, jit_compile=backend.compiles_steps)
    if options.accumulate > 1:
        model.train_step = backend.step_in_parts(model, loss, options.accumulate)
    if teacher is not None:
        learn_from_teacher(model, teacher, options.teacher_weight, group.size)
    # Keras makes them at the first step, and skips those in a checkpoint that is loaded before.
    optimizer.build(model.trainable_variables)


def freeze(model: keras.Model, frozen_layers: str) -> None:
    """Let some layers keep their weights.

    Args:
        model: Changed in place.
        frozen_layers: See ``parse_frozen_layers``.

    Raises:
        UnsupportedError: It is not a list of slices, a layer does not exist, or none would learn.
    """
    try:
        parts = parse_frozen_layers(frozen_layers)
    except ValueError as error:
        raise UnsupportedError(FROZEN_LAYERS, str(error), SUPPORTED, "Correct it.") from None
    for part in parts:
        try:
            chosen = model.layers[part]
        except IndexError:
            raise UnsupportedError(
                FROZEN_LAYERS,
                str(part),
                f"indices of {len(model.layers)} layers",
                "Correct the index.",
            ) from None
        for layer in chosen if isinstance(chosen, list) else [chosen]:
            layer.trainable = False
    if not model.trainable_variables:
        raise UnsupportedError(
            FROZEN_LAYERS,
            frozen_layers,
            "at least one trainable layer with weights",
            "The last layers of this network only join its outputs: freeze fewer layers.",
        )
