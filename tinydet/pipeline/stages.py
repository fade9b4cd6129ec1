"""The stages after training: each takes what it needs out of the configuration."""

from pathlib import Path
from typing import Any

from tinydet.deployment.compiling import QUANTIZED_MODEL
from tinydet.pipeline import datasets
from tinydet.pipeline.data_check import check_part
from tinydet.pipeline.detector_of import spec_of
from tinydet.pipeline.quantization import (
    AWARE_FOLDER,
    LAYER_REPORT_FILE,
    check_drop,
    compare_with_float,
    quantize_configured,
)
from tinydet.pipeline.run_folder import Run
from tinydet.tracking import log_metrics


def quantize_stage(run: Run, model_path: Path) -> Path:
    """Quantize a float model and return the ``.tflite``."""
    section = run.config.quantization
    path = quantize_configured(
        run.config,
        model_path,
        spec_of(run.config, model_path),
        (run.folder / QUANTIZED_MODEL.parent, run.folder / AWARE_FOLDER),
        run.log.say,
    )
    run.log.say(
        f"Quantized ({section.quantization_type}, {section.granularity}, "
        f"{path.stat().st_size:,} bytes): {path}"
    )
    return path


def evaluate_stage(run: Run, model_path: Path) -> Any:
    """Measure a model on the evaluation set and return the ``EvaluationResult``."""
    from tinydet.evaluation import EvaluationSettings, evaluate, format_result
    from tinydet.inference import load_detector

    config = run.config
    engine = config.evaluation.engine
    detector = load_detector(
        model_path,
        spec_of(config, model_path),
        num_threads=config.general.num_threads_tflite,
        engine=engine,
    )
    dataset, data_path = datasets.load_evaluation(config.dataset, detector.spec.class_names)
    dataset = check_part(run, "test", dataset)
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
        on_scored=run.scored.append,
    )
    run.log.say(f"\n{format_result(result)}")
    mean = result.ap[result.headline_iou].mean
    kind = "quantized" if result.model.kind.startswith("int8") else "float"
    log_metrics({} if mean is None else {f"{kind}_model_mAP": 100 * mean})
    return result


def compare_stage(run: Run, float_result: Any, int8_result: Any) -> None:
    """Show float against int8, and the images that lose most where a report is wanted.

    Raises:
        AccuracyError: The drop is larger than ``quantization.max_drop``.
    """
    from tinydet.evaluation import format_comparison

    section = run.config.quantization
    scored = run.scored[-2:] if section.report else ()
    comparison = compare_with_float(float_result, int8_result, run.folder, scored)
    run.log.say(f"\n{format_comparison(comparison)}")
    layers = run.folder / QUANTIZED_MODEL.parent / LAYER_REPORT_FILE
    check_drop(float_result, int8_result, section.max_drop, layers)


def predict_stage(run: Run, model_path: Path) -> Any:
    """Detect objects in what ``prediction.test_files_path`` names; the ``PredictResult``."""
    from tinydet.inference import load_detector
    from tinydet.prediction import predict

    config = run.config
    detector = load_detector(
        model_path,
        spec_of(config, model_path),
        num_threads=config.general.num_threads_tflite,
        engine=config.prediction.engine,
    )
    report = predict(
        detector,
        str(config.prediction.test_files_path),
        output=run.folder / "predictions",
        postprocess=config.prediction_postprocess_spec(),
    )
    run.log.say(report.summary())
    return report
