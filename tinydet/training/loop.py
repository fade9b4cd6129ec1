"""Training a detector: from samples to the best and the last model on disk."""

import json
import time
import traceback
from dataclasses import asdict
from functools import partial
from pathlib import Path

import keras

from tinydet.backends import choose_backend
from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec
from tinydet.config.files import atomic_path, make_folder
from tinydet.data.augment import Augmentation
from tinydet.data.dataset import Sample
from tinydet.data.opencv_threads import single_threaded_opencv
from tinydet.inference.decoding import spec_anchors
from tinydet.tracking import log_metrics
from tinydet.training.batch_norm import reestimate_batch_norm
from tinydet.training.batches import TrainingBatches, decoded_images
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
from tinydet.training.distillation import load_teacher
from tinydet.training.distribution import ProcessGroup, current_group
from tinydet.training.fingerprint import fingerprint
from tinydet.training.history import (
    CURVES_FILE,
    METRICS_FILE,
    draw_curves,
    tensorboard_callback,
    write_metrics,
)
from tinydet.training.losses import DetectionLoss
from tinydet.training.memory import Prepare, refuse_batch_size
from tinydet.training.model_setup import SeedLayers, prepare
from tinydet.training.options import RECIPES, TrainingOptions, TrainingResult
from tinydet.training.precision import full_precision
from tinydet.training.progress_bar import ProgressBar
from tinydet.training.synchronization import EpochSynchronization, FirstMeasures, average_batch_norm
from tinydet.training.validation import VALIDATION_METRICS, Validation, ValidationCallback
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
    """Train, or resume a run that was interrupted.

    If ``run_folder`` holds the last weights of a run with the same settings, it is continued after
    its last finished epoch, with the same result as if it had never stopped.

    All processes of the group that this one has joined must call this, with the same arguments
    but for the folder. What the first one has in its folder counts, and its results.

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
        UnsupportedError: Optimizer, callback, or frozen layers are not known, or the teacher is of
            another kind.
        ModelFileError: The run to resume had other settings, or its weights are broken.
        DataError: An image cannot be read.
        OutputError: The folder cannot be written.
        ProcessGroupError: The batch cannot be divided, or the processes do not agree.
    """
    start = time.monotonic()
    group = current_group()
    saved, logs = make_folder(run_folder / SAVED_MODELS), make_folder(run_folder / LOGS)
    mark = fingerprint(model, spec, (training, validation), augmentation, options)
    state = _state_of_group(group, saved / LAST_WEIGHTS, mark)
    first_epoch = state.epochs_done
    anchors = spec_anchors(spec)
    weighing = {**RECIPES[options.recipe].loss, **options.loss}
    loss = DetectionLoss(anchors, **weighing)
    batches = TrainingBatches(
        training,
        augmentation,
        spec.preprocess,
        batch_size=options.batch_size,
        seed=options.seed,
        num_workers=options.num_workers,
        images=decoded_images(options),
        share=group.share_of(options.batch_size, options.accumulate),
    )
    metrics = available_metrics(validation)
    monitor, mode = best_metric(options.callbacks, metrics)
    user_callbacks = make_callbacks(options.callbacks, metrics, options.epochs)
    average = WeightAverage(options.ema_momentum) if options.ema_momentum else None
    bar = ProgressBar(
        first_epoch,
        options.epochs,
        batches.steps_per_epoch,
        options.batch_size,
        visible=group.is_first,
    )
    callbacks: list[keras.callbacks.Callback] = [SeedLayers(options.seed), *user_callbacks, bar]
    if average is not None:
        average.set_model(model)  # a finished run has no training that would do so
        callbacks.insert(0, average)
    if validation:
        measured = Validation(
            validation,
            spec,
            batch_size=options.batch_size,
            iou_threshold=options.iou_threshold,
        )
        latest = state.history[-1] if state.history else {}
        callbacks.insert(
            0,
            ValidationCallback(
                FirstMeasures(measured, VALIDATION_METRICS, group),
                loss,
                options.validation_period,
                latest=latest,
                average=average,
            ),
        )
    callbacks.insert(0, EpochSynchronization(group))
    if first_epoch:
        callbacks.append(RestoreCallbacks(user_callbacks, state.callbacks))
    callbacks.append(tensorboard_callback(logs))

    def on_saved(now: TrainingState) -> None:
        write_metrics(now.history, logs / "metrics" / METRICS_FILE)
        draw_curves(now.history, logs / "metrics" / CURVES_FILE)
        log_metrics(now.history[-1], step=int(now.history[-1]["epoch"]))

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
    shared_loss = DetectionLoss(anchors, **weighing, sum_over=group.total)
    teacher = load_teacher(options.teacher_model, spec) if options.teacher_model else None
    prepared = partial(prepare, loss=shared_loss, group=group, teacher=teacher)
    prepared(model, options)
    if first_epoch and group.is_first:
        load_weights(model, saved / LAST_WEIGHTS)
        if average is not None:
            average.load(saved / LAST_WEIGHTS, model)
        on_saved(state)  # a kill may have come between the table and the weights
    elif not first_epoch:
        _save_model(model, saved / BASE_MODEL)
        spec.save(saved / DETECTOR_FILE)
    group.weights_from_first([*model.variables, *model.optimizer.variables])
    if first_epoch < options.epochs and not state.stopped:
        _fit(model, batches, callbacks, bar, first_epoch, options, prepared)
    with averaged(average):
        _finish(model, batches, options, saved / LAST_MODEL)
    if group.is_first:
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


def _state_of_group(group: ProcessGroup, path: Path, mark: str) -> TrainingState:
    """What the first process knows of the run so far, the same in all of them."""
    group.require_same({"settings or images": mark})
    state = TrainingState(mark)
    if group.is_first:
        state = start_or_resume(path, mark, choose_backend().name)
    return TrainingState(**json.loads(group.text_from_first(json.dumps(asdict(state)))))


def _fit(
    model: keras.Model,
    batches: TrainingBatches,
    callbacks: list[keras.callbacks.Callback],
    bar: ProgressBar,
    first_epoch: int,
    options: TrainingOptions,
    prepared: Prepare,
) -> None:
    try:
        with single_threaded_opencv():
            model.fit(
                batches.epochs(first_epoch, options.epochs),
                steps_per_epoch=batches.steps_per_epoch,
                initial_epoch=first_epoch,
                epochs=options.epochs,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )
    except Exception as error:
        if batches.failure is not None:  # which TensorFlow has wrapped into an error of its own
            raise batches.failure from None
        if choose_backend().is_out_of_memory(error):
            traceback.clear_frames(error.__traceback__)  # they hold what the step had computed
            refuse_batch_size(model, options, batches.batch(0, 0), prepared)
        raise
    finally:
        batches.stop()
        bar.close()


def _finish(
    model: keras.Model, batches: TrainingBatches, options: TrainingOptions, path: Path
) -> None:
    """Measure the statistics of batch normalization again, where wanted, and save."""
    group = current_group()
    group.weights_from_first(model.variables)
    steps = min(options.batch_norm_batches, batches.steps_per_epoch)
    if steps:
        # Of an epoch that was not trained on: pictures as in training, in an order of their own.
        epoch = options.epochs
        reestimate_batch_norm(model, (batches.batch(epoch, step)[0] for step in range(steps)))
        average_batch_norm(model, group)
    _save_model(model, path)


def _save_model(model: keras.Model, path: Path) -> None:
    """Save the network alone: without optimizer and loss, loadable by plain Keras."""
    plain = keras.Model(model.inputs, model.outputs[0], name=model.name)
    with atomic_path(path) as temporary, full_precision(model):
        plain.save(temporary)
