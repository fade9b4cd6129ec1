"""Training a detector: from samples to the best and the last model on disk."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras

from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec
from tinydet.config.files import atomic_path, make_folder
from tinydet.config.frozen_layers import parse_frozen_layers
from tinydet.data.augment import Augmentation
from tinydet.data.dataset import Sample
from tinydet.errors import ModelFileError, UnsupportedError, near_name
from tinydet.inference.decoding import spec_anchors
from tinydet.training.batches import TrainingBatches
from tinydet.training.callbacks import ProgressBar, best_metric, make_callbacks
from tinydet.training.checkpoint import (
    BEST_WEIGHTS,
    LAST_WEIGHTS,
    Checkpoint,
    RestoreCallbacks,
    TrainingState,
    load_state,
)
from tinydet.training.curves import CURVES_FILE, METRICS_FILE, draw_curves, write_metrics
from tinydet.training.fused_batch_norm import use_fused_batch_norm
from tinydet.training.losses import DetectionLoss
from tinydet.training.recipes import RECIPES
from tinydet.training.validation import Validation, ValidationCallback

SAVED_MODELS, LOGS = "saved_models", "logs"
BASE_MODEL, BEST_MODEL, LAST_MODEL = "base_model.keras", "best_model.keras", "last_model.keras"


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Attributes:
        epochs: Passes over the training set.
        batch_size: Images per step.
        optimizer: Name of any Keras optimizer.
        optimizer_arguments: Its arguments.
        recipe: Name of the matching and loss, see ``RECIPES``.
        loss: What differs from the recipe, arguments of ``DetectionLoss``.
        frozen_layers: Which layers do not learn, as ``"(0:-1)"``; None freezes none.
        callbacks: Keras callbacks and schedules by name, with arguments.
        iou_threshold: Of the validation AP.
        validation_period: Validate every so many epochs.
        seed: Of everything random.
        deterministic: Also use deterministic kernels where that costs speed (GPU).
        num_workers: Threads that prepare batches.
        cache_images: Keep decoded images in memory while there is room.
    """

    epochs: int
    batch_size: int = 32
    optimizer: str = "Adam"
    optimizer_arguments: Mapping[str, Any] = field(default_factory=dict)
    recipe: str = "tinydet"
    loss: Mapping[str, float] = field(default_factory=dict)
    frozen_layers: str | None = None
    callbacks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    iou_threshold: float = 0.4
    validation_period: int = 1
    seed: int = 123
    deterministic: bool = False
    num_workers: int = 2
    cache_images: bool = True


@dataclass(frozen=True)
class TrainingResult:
    """What training left behind.

    Attributes:
        best_model: Float model of the best epoch.
        last_model: Float model of the last epoch.
        best_epoch: From 1.
        best_value: Of the metric that decides which is best.
        monitor: That metric.
        seconds: Time of this run, without what went before a resume.
        images_per_second: Training throughput, data included, over this run.
    """

    best_model: Path
    last_model: Path
    best_epoch: int
    best_value: float
    monitor: str
    seconds: float
    images_per_second: float


def train(
    model: keras.Model,
    spec: DetectorSpec,
    training: tuple[Sample, ...],
    validation: tuple[Sample, ...],
    augmentation: Augmentation,
    options: TrainingOptions,
    run_folder: Path,
) -> TrainingResult:
    """Train, or go on where a killed run stopped.

    If ``run_folder`` holds the last weights of a run with the same settings, it is continued after
    its last finished epoch, with the same result as if it had never stopped.

    Args:
        model: From ``build_detector``, or a trained one.
        spec: Of the model; saved beside it.
        training: At least one sample.
        validation: May be empty: then the best epoch is that of the lowest training loss.
        augmentation: Of the training images.
        options: How.
        run_folder: Gets ``saved_models`` and ``logs``.

    Returns:
        Paths and figures.

    Raises:
        UnsupportedError: Optimizer, callback, or frozen layers are not known.
        ModelFileError: The run to resume had other settings.
        OutputError: The folder cannot be written.
    """
    start = time.monotonic()
    saved, logs = make_folder(run_folder / SAVED_MODELS), make_folder(run_folder / LOGS)
    wanted = options.callbacks
    monitor, mode = best_metric(wanted, bool(validation))
    state = _start_or_resume(saved / LAST_WEIGHTS, model, spec, training, options)

    anchors = spec_anchors(spec)
    loss = DetectionLoss(anchors, **{**RECIPES[options.recipe].loss, **options.loss})
    batches = TrainingBatches(
        training,
        augmentation,
        spec.preprocess,
        batch_size=options.batch_size,
        seed=options.seed,
        num_workers=options.num_workers,
        cache_images=options.cache_images,
    )
    user_callbacks = make_callbacks(wanted)
    bar = ProgressBar(
        state.epochs_done, options.epochs, batches.steps_per_epoch, options.batch_size
    )
    callbacks: list[keras.callbacks.Callback] = []
    if validation:
        measured = Validation(
            validation,
            spec.preprocess,
            anchors,
            spec.num_classes,
            batch_size=options.batch_size,
            iou_threshold=options.iou_threshold,
        )
        callbacks.append(ValidationCallback(measured, loss, options.validation_period))
    callbacks += [*user_callbacks, bar]
    if state.epochs_done:
        callbacks.append(RestoreCallbacks(user_callbacks, state.callbacks))
    callbacks.append(keras.callbacks.TensorBoard(str(logs), write_graph=False))

    def on_saved(now: TrainingState) -> None:
        write_metrics(now.history, logs / "metrics" / METRICS_FILE)
        draw_curves(now.history, logs / "metrics" / CURVES_FILE)

    callbacks.append(
        Checkpoint(saved, state, user_callbacks, monitor=monitor, mode=mode, on_saved=on_saved)
    )
    _prepare(model, options, loss)
    if state.epochs_done:
        model.load_weights(saved / LAST_WEIGHTS)
    else:
        _save_model(model, saved / BASE_MODEL)
        spec.save(saved / DETECTOR_FILE)
    if state.epochs_done < options.epochs and not state.stopped:
        try:
            model.fit(
                batches.epochs(state.epochs_done, options.epochs),
                steps_per_epoch=batches.steps_per_epoch,
                initial_epoch=state.epochs_done,
                epochs=options.epochs,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )
        finally:
            bar.close()
    _save_model(model, saved / LAST_MODEL)
    model.load_weights(saved / BEST_WEIGHTS)
    _save_model(model, saved / BEST_MODEL)
    speeds = [row["images_per_second"] for row in state.history]
    return TrainingResult(
        saved / BEST_MODEL,
        saved / LAST_MODEL,
        state.best_epoch + 1,
        state.best_value if state.best_value is not None else float("nan"),
        monitor,
        time.monotonic() - start,
        sum(speeds) / max(1, len(speeds)),
    )


def seed_everything(seed: int, deterministic: bool = False) -> None:
    """Make the initial weights, dropout and kernels repeatable; call before building a model.

    Args:
        seed: Of Python, NumPy and the backend.
        deterministic: Use deterministic kernels only.
    """
    keras.utils.set_random_seed(seed)
    if deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _start_or_resume(
    last_weights: Path,
    model: keras.Model,
    spec: DetectorSpec,
    training: tuple[Sample, ...],
    options: TrainingOptions,
) -> TrainingState:
    fingerprint = _fingerprint(model, spec, training, options)
    if not last_weights.exists():
        return TrainingState(fingerprint)
    state = load_state(last_weights)
    if state.fingerprint != fingerprint:
        raise ModelFileError(
            last_weights,
            "belongs to a run with other settings or other training images",
            "Resume with the configuration in that run folder, or train into a new folder.",
        )
    return state


def _fingerprint(
    model: keras.Model,
    spec: DetectorSpec,
    training: tuple[Sample, ...],
    options: TrainingOptions,
) -> str:
    """Hash of what decides the course of a run; threads and caches do not."""
    settings = asdict(options)
    for name in ("num_workers", "cache_images"):
        del settings[name]
    digest = hashlib.sha256(
        json.dumps(
            [settings, spec.model_dump(mode="json", exclude={"provenance"}), model.count_params()],
            sort_keys=True,
            default=str,
        ).encode()
    )
    for sample in training:
        digest.update(sample.path.name.encode("utf-8", "surrogateescape"))
        digest.update(sample.boxes.tobytes() + sample.class_ids.tobytes())
    return digest.hexdigest()


def _prepare(model: keras.Model, options: TrainingOptions, loss: keras.losses.Loss) -> None:
    """Freeze, choose kernels, and compile."""
    if options.frozen_layers:
        for part in parse_frozen_layers(options.frozen_layers):
            try:
                chosen = model.layers[part]
            except IndexError:
                raise UnsupportedError(
                    "training.frozen_layers",
                    str(part),
                    f"indices of {len(model.layers)} layers",
                    "Correct the index.",
                ) from None
            for layer in chosen if isinstance(chosen, list) else [chosen]:
                layer.trainable = False
    use_fused_batch_norm(model)
    model.compile(optimizer=make_optimizer(options), loss=loss, jit_compile=False)


def make_optimizer(options: TrainingOptions) -> keras.optimizers.Optimizer:
    """The Keras optimizer that the options name.

    Raises:
        UnsupportedError: No such optimizer, or arguments it does not take.
    """
    known = {
        name: value
        for name, value in vars(keras.optimizers).items()
        if isinstance(value, type) and issubclass(value, keras.optimizers.Optimizer)
    }
    by_lower = {name.lower(): name for name in known}
    name = by_lower.get(options.optimizer.lower())
    if name is None:
        raise UnsupportedError(
            "training.optimizer",
            options.optimizer,
            ", ".join(sorted(set(known) - {"Optimizer"})),
            "Correct the name." + near_name(options.optimizer, known),
        )
    try:
        return known[name](**options.optimizer_arguments)
    except (TypeError, ValueError) as error:
        raise UnsupportedError(
            f"training.optimizer.{name}",
            ", ".join(f"{k}={v!r}" for k, v in options.optimizer_arguments.items()),
            f"the arguments of keras.optimizers.{name}",
            f"Correct them: {error}.",
        ) from None


def _save_model(model: keras.Model, path: Path) -> None:
    """Save the network alone: without optimizer and loss, loadable by plain Keras."""
    plain = keras.Model(model.inputs, model.outputs[0], name=model.name)
    with atomic_path(path) as temporary:
        plain.save(temporary)
