"""Making a model ready for training steps."""

import keras

from tinydet.config.frozen_layers import SUPPORTED, parse_frozen_layers
from tinydet.errors import UnsupportedError
from tinydet.training.distribution import ProcessGroup
from tinydet.training.distribution.agreement import share_gradients
from tinydet.training.distribution.batch_norm import synchronize_batch_norm
from tinydet.training.fused_batch_norm import use_fused_batch_norm
from tinydet.training.optimizer import make_optimizer
from tinydet.training.options import TrainingOptions
from tinydet.training.precision import use_precision, with_loss_scale

FROZEN_LAYERS = "training.frozen_layers"


def seed_everything(seed: int, deterministic: bool = False) -> None:
    """Make the initial weights, dropout and kernels repeatable; call before building a model.

    Args:
        seed: Of Python, NumPy and the backend.
        deterministic: Use deterministic kernels only. On a CPU training is repeatable without.
    """
    keras.utils.set_random_seed(seed)
    if deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def prepare(
    model: keras.Model,
    options: TrainingOptions,
    loss: keras.losses.Loss,
    group: ProcessGroup,
) -> None:
    """Freeze layers, choose kernels, compile, and give the optimizer its variables.

    Args:
        model: Changed in place.
        options: How to train.
        loss: See ``DetectionLoss``.
        group: The processes that train together.

    Raises:
        UnsupportedError: Frozen layers or optimizer are not known, or nothing is left to learn.
    """
    if options.frozen_layers:
        freeze(model, options.frozen_layers)
    if options.synchronized_batch_norm and group.size > 1:
        synchronize_batch_norm(model, group)
    else:
        use_fused_batch_norm(model)
    use_precision(model, options.precision)
    optimizer = make_optimizer(options.optimizer, options.optimizer_arguments)
    optimizer = with_loss_scale(optimizer, options.precision)
    share_gradients(optimizer, group)
    model.compile(optimizer=optimizer, loss=loss, jit_compile=False)
    # Keras makes them at the first step, and skips those in a checkpoint that is loaded before.
    optimizer.build(model.trainable_variables)


def freeze(model: keras.Model, frozen_layers: str) -> None:
    """Let some layers keep their weights.

    Args:
        model: Changed in place.
        frozen_layers: See ``parse_frozen_layers``.

    Raises:
        UnsupportedError: It is no list of slices, a layer does not exist, or none would learn.
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
            "at least one layer with weights that learns",
            "The last layers of this network only join its outputs: freeze fewer layers.",
        )
