"""What the commands of the command line do, with paths instead of a configuration file."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinydet.config.detector_spec import (
    DETECTOR_FILE,
    DetectorSpec,
    PreprocessSpec,
    load_detector_spec,
)
from tinydet.config.files import write_text_atomically
from tinydet.config.loader import LoadedConfig, load_config
from tinydet.config.template import render_template
from tinydet.data.dataset import available_splits, load_dataset
from tinydet.data.images import list_images
from tinydet.errors import DataError, ModelFileError, OutputError
from tinydet.pipeline.modes import run
from tinydet.pipeline.resume import resume
from tinydet.pipeline.stages import require_training_tools


def write_template(output: Path, data: Path | None, force: bool) -> Path:
    """Write a commented ``user_config.yaml``, for a data set where one is given.

    Raises:
        OutputError: The file exists and ``force`` is not set, or cannot be written.
        DataError: The data set cannot be read.
    """
    if output.exists() and not force:
        raise OutputError(output, "exists", "Choose another --output, or add --force.")
    write_text_atomically(output, _template_for(data))
    return output


def run_config(path: Path, overrides: Sequence[str]) -> Path:
    """Execute a configuration file; its warnings go to standard error."""
    return run(_with_warnings(load_config(path, overrides)).config)


def run_resumed(run_folder: Path, overrides: Sequence[str]) -> Path:
    """Go on with a killed run.

    Raises:
        DataError: Overrides were given: a resumed run is the run that was started.
    """
    if overrides:
        raise DataError(
            "--resume",
            f"overrides cannot be given with it ({' '.join(overrides)})",
            "A resumed run keeps its configuration; start a new run for another.",
        )
    return resume(run_folder)


def train_on(data: Path, settings: Mapping[str, Any], overrides: Sequence[str]) -> Path:
    """Train, quantize and evaluate on a data set, with the defaults of ``tinydet init``.

    Args:
        data: The data set.
        settings: Key of the configuration -> value; None leaves the default.
        overrides: More ``key=value``, laid over the settings.

    Returns:
        The report.
    """
    require_training_tools("training")
    given = [f"{key}={_yaml(value)}" for key, value in settings.items() if value is not None]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "defaults.yaml"
        path.write_text(_template_for(data), encoding="utf-8")
        loaded = load_config(path, ["operation_mode=training", *given, *overrides])
    return run(_with_warnings(loaded).config)


def quantize_model(
    model_path: Path, images: Path, output: Path, options: Mapping[str, Any]
) -> Path:
    """Quantize a float model on the images of a folder.

    Returns:
        The ``.tflite``.
    """
    require_training_tools("quantization")
    from tinydet.quantization import QuantizationOptions, quantize

    if not images.exists():
        raise DataError(images, "does not exist", "Give a folder of calibration images.")
    paths = list_images(images) if images.is_dir() else [images]
    return quantize(model_path, paths, output, options=QuantizationOptions(**options))


def evaluate_model(
    model_path: Path,
    data: Path,
    output: Path,
    *,
    split: str | None,
    class_names: Sequence[str] | None,
    iou_thresholds: tuple[float, ...],
    engine: Any,
) -> str:
    """Measure a model on a data set, write figures, pictures and the report.

    Returns:
        The figures as text.
    """
    from tinydet.evaluation import EvaluationSettings, evaluate, format_result
    from tinydet.inference import load_detector
    from tinydet.report import write_report

    spec = spec_for(model_path, class_names)
    splits = available_splits(data)
    split = split or ("val" if "val" in splits else None)
    detector = load_detector(model_path, spec, engine=engine)
    result = evaluate(
        detector,
        load_dataset(data, spec.class_names, split),
        model_path=model_path,
        data_path=data,
        run_folder=output,
        settings=EvaluationSettings(iou_thresholds=iou_thresholds, engine=engine),
    )
    return f"{format_result(result)}\nReport: {write_report(output).resolve()}"


def predict_with(
    model_path: Path,
    source: Any,
    output: Path,
    *,
    score_threshold: float | None,
    class_names: Sequence[str] | None,
    max_frames: int | None,
) -> tuple[str, bool]:
    """Find objects in images, a video or a camera.

    Returns:
        The summary as text, and whether every file could be read.
    """
    from tinydet.inference import load_detector
    from tinydet.prediction import predict

    report = predict(
        load_detector(model_path, spec_for(model_path, class_names)),
        source,
        output=output,
        score_threshold=score_threshold,
        max_frames=max_frames,
    )
    return report.summary(), not report.unreadable


def spec_for(model_path: Path, class_names: Sequence[str] | None) -> DetectorSpec:
    """What a model was made for: its ``detector.json``, else the names and default preprocessing.

    Raises:
        ModelFileError: There is neither a ``detector.json`` nor a list of class names.
    """
    beside = model_path.with_name(DETECTOR_FILE)
    if beside.is_file():
        return load_detector_spec(beside)
    from tinydet.inference import read_input_size

    size = read_input_size(model_path)
    if class_names is None:
        raise ModelFileError(
            model_path,
            f"has no {DETECTOR_FILE} beside it, so its classes are not known",
            "Give their names with --classes.",
        )
    return DetectorSpec(
        class_names=tuple(class_names), preprocess=PreprocessSpec(height=size[0], width=size[1])
    )


def _template_for(data: Path | None) -> str:
    if data is None:
        return render_template()
    dataset = load_dataset(data)
    return render_template(training_path=str(data), class_names=dataset.class_names)


def _with_warnings(loaded: LoadedConfig) -> LoadedConfig:
    for warning in loaded.warnings:
        print(f"warning: {warning}", file=sys.stderr)  # noqa: T201 - the edge to the user
    return loaded


def _yaml(value: Any) -> str:
    """A value as an override writes it."""
    if isinstance(value, (Path, list, tuple)):
        return json.dumps(
            [str(v) for v in value] if not isinstance(value, Path) else os.fspath(value)
        )
    return str(value)
