"""Each stage of a run: takes what it needs out of the configuration and calls the stage."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec, load_detector_spec
from tinydet.config.files import atomic_path
from tinydet.config.schema import UserConfig
from tinydet.data.augment import make_augmentation
from tinydet.data.check import check_dataset
from tinydet.data.dataset import Dataset
from tinydet.errors import MissingToolError
from tinydet.pipeline import datasets
from tinydet.pipeline.log import RunLog
from tinydet.pipeline.provenance import provenance


@dataclass(frozen=True)
class Run:
    """One run: its configuration, its folder and its voice."""

    config: UserConfig
    folder: Path
    log: RunLog


def train_stage(run: Run) -> Path:
    """Check the data, train, and return the best float model."""
    require_training_tools("training")
    config, section = run.config, run.config.training
    training, validation = datasets.load_training(config.dataset)
    for part, dataset in (("training", training), ("validation", validation)):
        _check_part(run, part, dataset)

    from tinydet.model import build_detector
    from tinydet.pipeline.devices import use_device
    from tinydet.training import TrainingOptions, seed_everything, train

    use_device(config.general.device, config.general.gpu_memory_limit, run.log.say)
    seed = _seed(run)
    seed_everything(seed, config.general.deterministic_ops)
    options = TrainingOptions(
        epochs=section.epochs,
        batch_size=section.batch_size,
        optimizer=section.optimizer_name,
        optimizer_arguments=section.optimizer_arguments,
        recipe=section.recipe,
        loss=section.loss.given(),
        frozen_layers=section.frozen_layers,
        callbacks=section.callbacks,
        iou_threshold=config.postprocessing.iou_threshold,
        validation_period=section.validation_period,
        seed=seed,
        num_workers=max(1, section.num_workers),
        cache_images=section.cache_images,
    )
    if section.model is None:
        model, spec = _model_to_train_further(config, training.class_names)
    else:
        from tinydet.training.recipes import RECIPES

        preprocess = config.preprocess_spec()
        spec = DetectorSpec(
            class_names=training.class_names,
            alpha=section.model.alpha,
            preprocess=preprocess,
            anchors=config.anchor_spec(),
            postprocess=config.postprocess_spec(),
        )
        model = build_detector(
            preprocess.height,
            preprocess.width,
            len(training.class_names),
            alpha=section.model.alpha,
            pretrained_weights=section.model.pretrained_weights,
            anchors_per_cell=len(spec.anchors.aspect_ratios) + 1,
            predictor_batch_norm=RECIPES[section.recipe].predictor_batch_norm,
            batch_norm_momentum=section.batch_norm_momentum,
            dropout=section.dropout or 0.0,
        )
    spec = spec.model_copy(update={"provenance": provenance(config, seed, training, validation)})
    run.log.say(
        f"Training {model.name}: {model.count_params():,} parameters, {len(training)} images, "
        f"{section.epochs} epochs of {options.batch_size} images a step"
    )
    result = train(
        model,
        spec,
        training.samples,
        validation.samples,
        make_augmentation(config.data_augmentation),
        options,
        run.folder,
    )
    run.log.say(
        f"Trained in {result.seconds / 60:.1f} min ({result.images_per_second:.0f} images/s); "
        f"best epoch {result.best_epoch} ({result.monitor} {result.best_value:.4f}): "
        f"{result.best_model}"
    )
    if section.trained_model_path:
        copy_model(result.best_model, Path(section.trained_model_path))
    return result.best_model


def quantize_stage(run: Run, model_path: Path) -> Path:
    """Quantize a float model and return the ``.tflite``."""
    require_training_tools("quantization")
    from tinydet.quantization import QuantizationOptions, quantize

    section = run.config.quantization
    images = datasets.calibration_images(run.config.dataset)
    options: dict[str, Any] = {"max_images": section.max_images or len(images)}
    path = quantize(
        model_path,
        images,
        run.folder / section.export_dir,
        spec=spec_of(run.config, model_path),
        options=QuantizationOptions(
            granularity=section.granularity,
            input_type=section.input_type,
            output_type=section.output_type,
            **options,
        ),
    )
    run.log.say(f"Quantized ({section.granularity}, {path.stat().st_size:,} bytes): {path}")
    return path


def evaluate_stage(run: Run, model_path: Path) -> Any:
    """Measure a model on the evaluation set and return the ``EvaluationResult``."""
    from tinydet.evaluation import EvaluationSettings, evaluate, format_result
    from tinydet.inference import load_detector

    config = run.config
    spec = spec_of(config, model_path)
    dataset, data_path = datasets.load_evaluation(config.dataset, spec.class_names)
    _check_part(run, "test", dataset)
    engine = config.evaluation.engine
    detector = load_detector(
        model_path, spec, num_threads=config.general.num_threads_tflite, engine=engine
    )
    result = evaluate(
        detector,
        dataset,
        model_path=model_path,
        data_path=data_path,
        run_folder=run.folder,
        settings=EvaluationSettings(
            postprocess=config.evaluation_postprocess_spec(),
            iou_thresholds=config.evaluation.iou_thresholds,
            engine=engine,
            plot_metrics=config.postprocessing.plot_metrics,
        ),
    )
    run.log.say(format_result(result))
    return result


def compare_stage(run: Run, float_result: Any, int8_result: Any) -> None:
    """Show float against int8."""
    from tinydet.evaluation import compare, format_comparison, save_comparison

    comparison = compare(float_result, int8_result)
    save_comparison(comparison, run.folder)
    run.log.say(format_comparison(comparison))


def predict_stage(run: Run, model_path: Path) -> Any:
    """Detect objects in what ``prediction.test_files_path`` names; the ``PredictionReport``."""
    from tinydet.inference import load_detector
    from tinydet.prediction import predict

    config = run.config
    detector = load_detector(
        model_path, spec_of(config, model_path), engine=config.prediction.engine
    )
    report = predict(
        detector,
        str(config.prediction.test_files_path),
        output=run.folder / "predictions",
        postprocess=config.prediction_postprocess_spec(),
    )
    run.log.say(report.summary())
    return report


def spec_of(config: UserConfig, model_path: Path) -> DetectorSpec:
    """What a model was made for: its ``detector.json``, else the configuration.

    Args:
        config: Preprocessing and class names of a model without ``detector.json``.
        model_path: The model; its input size is read from it.
    """
    beside = model_path.with_name(DETECTOR_FILE)
    if beside.is_file():
        return load_detector_spec(beside)
    from tinydet.inference import read_input_size

    names = config.dataset.class_names
    return DetectorSpec(
        class_names=names or datasets.load_evaluation(config.dataset, None)[0].class_names,
        preprocess=config.preprocess_spec(read_input_size(model_path)),
        anchors=config.anchor_spec(),
        postprocess=config.postprocess_spec(),
    )


def copy_model(model_path: Path, destination: Path) -> None:
    """Copy a model and its ``detector.json``; each file appears whole or not at all."""
    for source, target in (
        (model_path, destination),
        (model_path.with_name(DETECTOR_FILE), destination.with_name(DETECTOR_FILE)),
    ):
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)


def require_training_tools(wish: str) -> None:
    """Say in one line that TensorFlow or Keras is missing.

    Raises:
        MissingToolError: One of them is not installed.
    """
    from importlib.util import find_spec

    for tool in ("tensorflow", "keras"):
        if find_spec(tool) is None:
            raise MissingToolError(wish, tool, "Install it: pip install 'tinydet[train]'.")


def _check_part(run: Run, part: str, dataset: Dataset) -> None:
    """Data check of one part of the data; unreadable images end the run before it began."""
    from tinydet.errors import DataError

    folder = run.folder / "data" / part
    if folder.exists():
        return
    report = check_dataset(dataset, folder)
    if report["unreadable"]:
        listed = "; ".join(f"{e['path']}: {e['fault']}" for e in report["unreadable"][:5])
        raise DataError(
            f"{part} set",
            f"{len(report['unreadable'])} unreadable images ({listed})",
            "Remove or replace them; 'tinydet data check' lists all.",
        )
    run.log.say(
        f"{part.capitalize()} set: {report['images']} images, {report['boxes']} boxes, "
        f"{report['negatives']} images without objects ({dataset.format})"
        + "".join(f"\n  {finding['meaning']}: {finding['count']}" for finding in report["findings"])
    )


def _seed(run: Run) -> int:
    """The seed of the configuration; where it is null, one that is drawn and said."""
    if run.config.general.global_seed is not None:
        return run.config.general.global_seed
    import secrets

    seed = secrets.randbelow(2**31)
    run.log.say(f"Seed drawn: {seed} (general.global_seed={seed} repeats this run)")
    return seed


def _model_to_train_further(
    config: UserConfig, class_names: tuple[str, ...]
) -> tuple[Any, DetectorSpec]:
    from tinydet.errors import ModelFileError
    from tinydet.inference import load_keras_model

    path = Path(str(config.general.model_path))
    spec = spec_of(config, path)
    if spec.class_names != class_names:
        raise ModelFileError(
            path,
            f"finds {', '.join(spec.class_names)}, the training set has {', '.join(class_names)}",
            "Give dataset.class_names of the model, or train a new one (training.model).",
        )
    return load_keras_model(path), spec
