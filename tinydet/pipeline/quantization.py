"""Quantization of a run: which images calibrate, training with rounding, what a drop means."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tinydet.backends import backend_in_use, choose_backend
from tinydet.config.detector_spec import DetectorSpec
from tinydet.config.schema import UserConfig
from tinydet.data.augment import make_augmentation
from tinydet.data.dataset import Dataset, load_dataset
from tinydet.errors import AccuracyError
from tinydet.pipeline import datasets
from tinydet.pipeline.network import CONVERTER, require_conversion_tools
from tinydet.pipeline.own_process import with_tensorflow
from tinydet.tracking import tracked_apart

AWARE_FOLDER = "quantization_aware"
LAYER_REPORT_FILE = "layers.json"  # as tinydet.quantization.analysis writes it
LAYERS_NAMED = 3
EMA_MOMENTUM = 0.98  # the average of the last 50 steps: roundings make single steps uncertain

UNOPTIMIZED = (
    "per_tensor without quantization.optimize (--optimize): a single channel with large weights "
    "can spoil its whole layer; the bundled person detectors would find almost nothing"
)


def quantize_configured(
    config: UserConfig,
    model_path: Path,
    spec: DetectorSpec | None,
    folders: tuple[Path, Path],
    say: Callable[[str], None],
    images: Sequence[Path] | None = None,
) -> Path:
    """Quantize as the section ``quantization`` says, with TensorFlow.

    Where this process uses another backend of Keras, another process does it.

    Args:
        config: The configuration.
        model_path: Float model.
        spec: What it was trained for; None reads ``detector.json`` beside it.
        folders: Of the int8 model, and of what training with rounding leaves (checkpoints, logs).
        say: Tells the user what is going on.
        images: To calibrate on; None takes those of the configuration.

    Returns:
        The ``.tflite``.

    Raises:
        MissingToolError: TensorFlow is not installed.
    """
    require_conversion_tools("quantization")
    arguments = config, model_path, spec, folders, images
    running = backend_in_use()
    if running is None or running.name == CONVERTER:
        choose_backend(CONVERTER)
        return _quantize(*arguments, say)
    say(f"Quantizing with TensorFlow, in a process of its own (this one uses {running.title})")
    path: Path = with_tensorflow(_quantize, arguments, say)
    return path


def _quantize(
    config: UserConfig,
    model_path: Path,
    spec: DetectorSpec | None,
    folders: tuple[Path, Path],
    images: Sequence[Path] | None,
    say: Callable[[str], None],
) -> Path:
    from tinydet.quantization import QuantizationOptions, quantize

    section = config.quantization
    report = section.report or section.max_drop is not None
    images = images or calibration_images(config)
    options = QuantizationOptions(
        granularity=section.granularity,
        input_type=section.input_type,
        output_type=section.output_type,
        calibration_method=section.calibration_method,
        optimize=section.optimize,
        max_images=section.max_images or len(images),
    )
    if options.granularity == "per_tensor" and not options.optimize:
        say(UNOPTIMIZED)
    is_trained = section.quantization_type == "QAT"
    train = _training(config, folders[1], say) if is_trained else None
    return quantize(
        model_path, images, folders[0], spec=spec, options=options, train=train, report=report
    )


def calibration_images(config: UserConfig) -> list[Path]:
    """The images that calibration chooses from, or has chosen where each class shall be in it.

    Raises:
        DataError: There is no image, or its labels cannot be read.
    """
    section = config.quantization
    if section.calibration_selection == "even":
        return datasets.calibration_images(config.dataset)
    from tinydet.quantization.calibration import stratified

    names, path = config.dataset.class_names, config.dataset.quantization_path
    if path is None:
        labelled = datasets.load_training(config.dataset)[0]
    else:
        labelled = load_dataset(Path(path), names)
    return stratified(
        [sample.path for sample in labelled.samples],
        [sample.class_ids.tolist() for sample in labelled.samples],
        section.max_images or len(labelled),
    )


def _training(
    config: UserConfig, folder: Path, say: Callable[[str], None]
) -> Callable[[Any, DetectorSpec], dict[str, Any]]:
    """What trains a rounded network in place and tells how."""

    def train_rounded(model: Any, spec: DetectorSpec) -> dict[str, Any]:
        from tinydet.pipeline.devices import use_device
        from tinydet.training import TrainingOptions, seed_everything, train

        training, validation = datasets.load_training(config.dataset)
        section, aware = config.training, config.quantization.quantization_aware
        use_device(config.general.device, config.general.gpu_memory_limit, say)
        seed = config.general.global_seed or 0
        seed_everything(seed, config.general.deterministic_ops)
        cosine = {
            "initial_lr": aware.learning_rate,
            "hold_steps": 0,
            "decay_steps": aware.epochs,
            "end_lr": 0.0,
        }
        say(
            f"Quantization-aware training: {len(training)} images, {aware.epochs} epochs, "
            f"learning rate {aware.learning_rate:g}"
        )
        options = TrainingOptions(
            epochs=aware.epochs,
            batch_size=section.batch_size,
            optimizer="Adam",
            optimizer_arguments={
                "learning_rate": aware.learning_rate,
                "global_clipnorm": 10.0,
            },
            recipe=section.recipe,
            loss=section.loss.given(),
            ema_momentum=EMA_MOMENTUM,
            callbacks={"LRCosineDecay": cosine},
            iou_threshold=config.postprocessing.iou_threshold,
            seed=seed,
            num_workers=max(1, section.num_workers),
            cache_images=section.cache_images,
        )
        start, weights = _validation_ap(model, spec, validation, options), model.get_weights()
        with tracked_apart(AWARE_FOLDER):
            result = train(
                model,
                spec,
                training.samples,
                validation.samples,
                make_augmentation(config.data_augmentation),
                options,
                folder,
            )
        facts = {
            "epochs": aware.epochs,
            "learning_rate": aware.learning_rate,
            "training_images": len(training),
            "minutes": round(result.seconds / 60, 2),
            "best_epoch": result.best_epoch,
            result.monitor: result.best_value,
            "val_map_at_the_start": start,
        }
        if start is not None and result.monitor == "val_map" and start > result.best_value:
            model.set_weights(weights)
            say(f"No epoch improved on the start (validation AP {start:.1%}), which is kept")
            facts["best_epoch"] = 0
        return facts

    return train_rounded


def _validation_ap(
    model: Any, spec: DetectorSpec, validation: Dataset, options: Any
) -> float | None:
    """AP of the network as it is, as training measures it; None where there is no object."""
    from tinydet.training.losses import DetectionLoss
    from tinydet.training.validation import Validation

    if all(sample.ignored.all() for sample in validation.samples):
        return None
    measured = Validation(
        validation.samples,
        spec,
        batch_size=options.batch_size,
        iou_threshold=options.iou_threshold,
    )
    return measured.measure(model, DetectionLoss(measured.anchors))["val_map"]


def compare_with_float(
    float_result: Any, int8_result: Any, folder: Path, scored: Sequence[Any] = ()
) -> Any:
    """Line two evaluations up and write ``comparison.json`` and ``comparison.png``.

    Args:
        float_result: ``EvaluationResult`` of the float model.
        int8_result: Of the int8 model.
        folder: Of the run.
        scored: ``ScoredImages`` of both: also draws the images that lose most. Empty: not.

    Returns:
        The ``Comparison``.
    """
    from tinydet.evaluation import compare, save_comparison, save_lost_images

    comparison = compare(float_result, int8_result)
    save_comparison(comparison, folder)
    if scored:
        save_lost_images(scored[0], scored[1], folder)
    return comparison


def check_drop(
    float_result: Any, int8_result: Any, max_drop: float | None, layers_file: Path
) -> None:
    """Fail where int8 is further below float than allowed.

    Args:
        float_result: ``EvaluationResult`` of the float model.
        int8_result: Of the int8 model.
        max_drop: Points of AP at the headline IoU; None allows any drop.
        layers_file: ``layers.json`` of the int8 model; may be missing.

    Raises:
        AccuracyError: Names the drop, the three layers that cost most, and what to try.
    """
    iou = float_result.headline_iou
    before, after = float_result.ap[iou].mean, int8_result.ap[iou].mean
    if max_drop is None or before is None or after is None:
        return
    drop = 100 * (before - after)
    if drop <= max_drop:
        return
    found = (
        f"AP@{iou} falls by {drop:.1f} points, from {100 * before:.1f} to {100 * after:.1f}; "
        f"at most {max_drop:g} are allowed"
    )
    if layers_file.is_file():
        from tinydet.quantization.analysis import costliest, format_layers, load_layer_report

        layers = costliest(load_layer_report(layers_file), LAYERS_NAMED)
        found += f". Layers that cost most: {format_layers(layers)}"
    raise AccuracyError(int8_result.model.path, found, _what_to_try(int8_result.model.path))


def _what_to_try(model_path: str) -> str:
    """Remedies in the order of their price, without those that were taken."""
    import json

    record = Path(model_path).with_name("quantization.json")
    options, trained = {}, False
    if record.is_file():
        content = json.loads(record.read_text(encoding="utf-8"))
        options, trained = content["options"], "quantization_aware_training" in content
    steps = []
    if not options.get("optimize"):
        steps.append("quantization.optimize=True (--optimize)")
    if options.get("granularity") == "per_tensor":
        steps.append("granularity per_channel")
    if options.get("calibration_method", "minmax") == "minmax":
        steps.append("calibration_method percentile")
    if not trained:
        steps.append("quantization_type QAT")
    else:
        steps.append("more epochs of quantization_aware")
    return f"Try {', then '.join(steps)}."
