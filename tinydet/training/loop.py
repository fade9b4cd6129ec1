"""Training a detector: from samples to the best and the last model on disk."""

import time
from pathlib import Path

import keras

from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec
from tinydet.config.files import atomic_path, make_folder
from tinydet.data.augment import Augmentation
from tinydet.data.dataset import Sample
from tinydet.data.opencv_threads import single_threaded_opencv
from tinydet.inference.decoding import spec_anchors
from tinydet.training.batch_norm_statistics import reestimate_batch_norm
from tinydet.training.batches import TrainingBatches
from tinydet.training.callbacks import available_metrics, best_metric, make_callbacks
from tinydet.training.checkpoint import (
    BEST_WEIGHTS,
    LAST_WEIGHTS,
    Checkpoint,
    RestoreCallbacks,
    TrainingState,
    load_weights,
    start_or_resume,
)
from tinydet.training.curves import CURVES_FILE, METRICS_FILE, draw_curves, write_metrics
from tinydet.training.fingerprint import fingerprint
from tinydet.training.losses import DetectionLoss
from tinydet.training.options import TrainingOptions, TrainingResult
from tinydet.training.preparation import prepare
from tinydet.training.progress_bar import ProgressBar
from tinydet.training.random_layers import SeedLayers
from tinydet.training.recipes import RECIPES
from tinydet.training.validation import Validation, ValidationCallback
from tinydet.training.weight_average import WeightAverage, averaged

SAVED_MODELS, LOGS = "saved_models", "logs"
BASE_MODEL, BEST_MODEL, LAST_MODEL = "base_model.keras", "best_model.keras", "last_model.keras"


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
        model: From ``build_detector``, or a trained one. Frozen layers stay frozen, and its
            weights are those of the best epoch afterwards.
        spec: Of the model; saved beside it.
        training: At least one sample.
        validation: May be empty: then the best epoch is that of the lowest training loss. Where
            it has no object to find, that of the lowest validation loss.
        augmentation: Of the training images.
        options: How.
        run_folder: Gets ``saved_models`` and ``logs``.

    Returns:
        Paths and figures.

    Raises:
        UnsupportedError: Optimizer, callback, or frozen layers are not known.
        ModelFileError: The run to resume had other settings, or its weights are broken.
        DataError: An image cannot be read.
        OutputError: The folder cannot be written.
    """
    start = time.monotonic()
    saved, logs = make_folder(run_folder / SAVED_MODELS), make_folder(run_folder / LOGS)
    state = start_or_resume(
        saved / LAST_WEIGHTS,
        fingerprint(model, spec, (training, validation), augmentation, options),
    )
    first_epoch = state.epochs_done
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
    metrics = available_metrics(validation)
    monitor, mode = best_metric(options.callbacks, metrics)
    user_callbacks = make_callbacks(options.callbacks, metrics, options.epochs)
    average = WeightAverage(options.ema_momentum) if options.ema_momentum else None
    bar = ProgressBar(first_epoch, options.epochs, batches.steps_per_epoch, options.batch_size)
    callbacks: list[keras.callbacks.Callback] = [SeedLayers(options.seed), *user_callbacks, bar]
    if average is not None:
        average.set_model(model)  # a finished run has no training that would do so
        callbacks.insert(0, average)
    if validation:
        measured = Validation(
            validation,
            spec.preprocess,
            anchors,
            spec.num_classes,
            batch_size=options.batch_size,
            iou_threshold=options.iou_threshold,
        )
        latest = state.history[-1] if state.history else {}
        callbacks.insert(
            0,
            ValidationCallback(
                measured, loss, options.validation_period, latest=latest, average=average
            ),
        )
    if first_epoch:
        callbacks.append(RestoreCallbacks(user_callbacks, state.callbacks))
    callbacks.append(keras.callbacks.TensorBoard(str(logs), write_graph=False))

    def on_saved(now: TrainingState) -> None:
        write_metrics(now.history, logs / "metrics" / METRICS_FILE)
        draw_curves(now.history, logs / "metrics" / CURVES_FILE)

    callbacks.append(
        Checkpoint(
            saved,
            state,
            user_callbacks,
            monitor=monitor,
            mode=mode,
            on_saved=on_saved,
            average=average,
        )
    )
    prepare(model, options, loss)
    if first_epoch:
        load_weights(model, saved / LAST_WEIGHTS)
        if average is not None:
            average.load(saved / LAST_WEIGHTS, model)
        on_saved(state)  # a kill may have come between the table and the weights
    else:
        _save_model(model, saved / BASE_MODEL)
        spec.save(saved / DETECTOR_FILE)
    if first_epoch < options.epochs and not state.stopped:
        _fit(model, batches, callbacks, bar, first_epoch, options.epochs)
    with averaged(average):
        _finish(model, batches, options, saved / LAST_MODEL)
    load_weights(model, saved / BEST_WEIGHTS)
    _finish(model, batches, options, saved / BEST_MODEL)
    speeds = [row["images_per_second"] for row in state.history[first_epoch:]]
    return TrainingResult(
        saved / BEST_MODEL,
        saved / LAST_MODEL,
        state.best_epoch + 1,
        state.best_value if state.best_value is not None else float("nan"),
        monitor,
        time.monotonic() - start,
        sum(speeds) / max(1, len(speeds)),
    )


def _fit(
    model: keras.Model,
    batches: TrainingBatches,
    callbacks: list[keras.callbacks.Callback],
    bar: ProgressBar,
    first_epoch: int,
    last_epoch: int,
) -> None:
    try:
        with single_threaded_opencv():
            model.fit(
                batches.epochs(first_epoch, last_epoch),
                steps_per_epoch=batches.steps_per_epoch,
                initial_epoch=first_epoch,
                epochs=last_epoch,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )
    except Exception:
        if batches.failure is not None:  # which TensorFlow has wrapped into an error of its own
            raise batches.failure from None
        raise
    finally:
        batches.stop()
        bar.close()


def _finish(
    model: keras.Model, batches: TrainingBatches, options: TrainingOptions, path: Path
) -> None:
    """Measure the statistics of batch normalization anew, where wanted, and save."""
    steps = min(options.batch_norm_batches, batches.steps_per_epoch)
    if steps:
        # Of an epoch that was not trained on: pictures as in training, in an order of their own.
        epoch = options.epochs
        reestimate_batch_norm(model, (batches.batch(epoch, step)[0] for step in range(steps)))
    _save_model(model, path)


def _save_model(model: keras.Model, path: Path) -> None:
    """Save the network alone: without optimizer and loss, loadable by plain Keras."""
    plain = keras.Model(model.inputs, model.outputs[0], name=model.name)
    with atomic_path(path) as temporary:
        plain.save(temporary)
