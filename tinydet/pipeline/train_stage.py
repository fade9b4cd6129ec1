"""The training stage of a run."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinydet.backends import choose_backend
from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec
from tinydet.config.files import atomic_path
from tinydet.config.schema import UserConfig
from tinydet.data.augment import make_augmentation
from tinydet.data.dataset import Dataset, data_paths
from tinydet.errors import ModelFileError
from tinydet.pipeline import datasets
from tinydet.pipeline.data_check import check_part
from tinydet.pipeline.detector_of import spec_of
from tinydet.pipeline.devices import cluster_of, join_group, use_device
from tinydet.pipeline.network import new_model_and_spec
from tinydet.pipeline.run_folder import Run
from tinydet.pretrained import FLOAT, model_path
from tinydet.versions import package_versions

GIB = 1 << 30


def train_stage(run: Run) -> Path:
    """Check the data, train, and return the best float model."""
    config, section = run.config, run.config.training
    training, validation = datasets.load_training(config.dataset)
    datasets.require_boxes(training, config.dataset)

    from tinydet.training import seed_everything, train
    from tinydet.training.distillation import require_same_kind
    from tinydet.training.distribution import leave, told_of_lost_processes

    general, cluster = config.general, cluster_of(config)
    process = None if cluster is None else cluster.local_index
    use_device(general.device, general.gpu_memory_limit, run.log.say, process=process)
    group = join_group(config, run.log.say)
    seed = _seed(run)
    seed_everything(seed, config.general.deterministic_ops)
    options = _options(config, seed)
    model, spec = _model_and_spec(config, training.class_names, run.log.say)
    if options.teacher_model is not None:
        require_same_kind(options.teacher_model, spec)
    if group.is_first:
        # After the model: weights that cannot be loaded should not cost a look at every image.
        # Several processes must train on the same images: there all must be readable.
        strict = cluster is not None
        training = check_part(run, "train", training, strict=strict)
        validation = check_part(run, "validation", validation, strict=strict)
    spec = spec.model_copy(update={"provenance": _provenance(config, seed, training, validation)})
    run.log.say(
        f"Training {model.name}: {model.count_params():,} parameters, {len(training)} images, "
        f"{_count(section.epochs, 'epoch')} of {options.batch_size} images per step"
    )
    _say_where_it_goes_on(run)
    with told_of_lost_processes(group):
        result = train(
            model,
            spec,
            training.samples,
            validation.samples,
            make_augmentation(config.data_augmentation),
            options,
            run.folder,
        )
    leave()
    run.log.say(
        f"Trained in {result.seconds / 60:.1f} min ({result.images_per_second:.1f} images/s); "
        f"best epoch {result.best_epoch} ({result.monitor} {result.best_value:.4f}): "
        f"{result.best_model}"
    )
    if section.trained_model_path and group.is_first:
        copy_model(result.best_model, Path(section.trained_model_path))
    return result.best_model


def copy_model(model_path: Path, destination: Path) -> None:
    """Copy a model and its ``detector.json``; each file appears whole or not at all."""
    for source, target in (
        (model_path, destination),
        (model_path.with_name(DETECTOR_FILE), destination.with_name(DETECTOR_FILE)),
    ):
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)


def _options(config: UserConfig, seed: int) -> Any:
    from tinydet.training import TrainingOptions
    from tinydet.training.precision import choose_precision

    section, teacher = config.training, config.training.teacher_model
    return TrainingOptions(
        epochs=section.epochs,
        batch_size=section.batch_size,
        accumulate=section.accumulate,
        optimizer=section.optimizer_name,
        optimizer_arguments=section.optimizer_arguments,
        recipe=section.recipe,
        loss=section.loss.given(),
        ema_momentum=section.ema_momentum,
        batch_norm_batches=section.batch_norm_batches,
        teacher_model=None if teacher is None else model_path(teacher, FLOAT).expanduser(),
        teacher_weight=section.teacher_weight or 1.0,
        frozen_layers=section.frozen_layers,
        callbacks=section.callbacks,
        iou_threshold=config.postprocessing.iou_threshold,
        validation_period=section.validation_period,
        seed=seed,
        num_workers=max(1, section.num_workers),
        cache_images=section.cache_images,
        cache_dir=Path(section.cache_dir) if section.cache_dir else None,
        cache_dir_limit_bytes=int(section.cache_dir_limit_gb * GIB),
        largest_image_side=section.largest_image_side,
        precision=choose_precision(config.general.mixed_precision, config.general.device),
        synchronized_batch_norm=section.synchronized_batch_norm,
    )


def _provenance(
    config: UserConfig, seed: int, training: Dataset, validation: Dataset
) -> dict[str, Any]:
    """What ``detector.json`` says of the training."""
    section = config.training
    own: dict[str, str] = {} if section.model is None else {"size": section.model.size}
    if section.teacher_model is not None:
        own["teacher"] = section.teacher_model
    return {
        **own,
        "project": config.general.project_name,
        "data": {
            "name": config.dataset.name,
            "training_path": " + ".join(map(str, data_paths(config.dataset.training_path or ()))),
            "training_images": len(training),
            "validation_images": len(validation),
        },
        "seed": seed,
        "recipe": section.recipe,
        "epochs": section.epochs,
        "backend": choose_backend().name,
        "versions": package_versions(),
    }


def _model_and_spec(
    config: UserConfig, class_names: tuple[str, ...], say: Callable[[str], None]
) -> tuple[Any, DetectorSpec]:
    """A new network, or the one to train further, and what it is for."""
    section = config.training
    if section.model is None:
        return _model_to_train_further(config, class_names)
    return new_model_and_spec(config, class_names, say)


def _model_to_train_further(
    config: UserConfig, class_names: tuple[str, ...]
) -> tuple[Any, DetectorSpec]:
    from tinydet.inference import load_keras_model

    path = Path(str(config.general.model_path))
    spec = spec_of(config, path)
    if spec.class_names != class_names:
        raise ModelFileError(
            path,
            f"finds {', '.join(spec.class_names)}; the training set has {', '.join(class_names)}",
            "Give dataset.class_names of the model, or train a new one (training.model).",
        )
    return load_keras_model(path), spec


def _say_where_it_goes_on(run: Run) -> None:
    """Tell of the epochs that are done already, in a run that is resumed or started twice."""
    from tinydet.training.checkpoint import LAST_WEIGHTS, load_state

    last_weights = run.folder / "saved_models" / LAST_WEIGHTS
    if last_weights.exists():
        done, epochs = load_state(last_weights).epochs_done, run.config.training.epochs
        next_step = f"resuming at epoch {done + 1}" if done < epochs else "nothing left to train"
        run.log.say(f"{_count(done, 'epoch')} of {epochs} done in {run.folder}: {next_step}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _seed(run: Run) -> int:
    """The seed of the configuration; ``modes.run`` has drawn one where it was null."""
    seed = run.config.general.global_seed
    if seed is None:
        raise ValueError("a run has a seed")
    return seed
