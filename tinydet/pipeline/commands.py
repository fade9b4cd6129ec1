"""What the commands of the command line do, with paths instead of a configuration file."""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinydet.config.files import write_text_atomically
from tinydet.config.interpolation import escape
from tinydet.config.loader import LoadedConfig, load_config
from tinydet.config.template import render_template
from tinydet.data.dataset import available_splits, load_dataset
from tinydet.errors import DataError, OutputError, UnsupportedError
from tinydet.pipeline.anchor_choice import anchors_for
from tinydet.pipeline.datasets import training_split
from tinydet.pipeline.detector_of import spec_for
from tinydet.pipeline.modes import resume, run
from tinydet.pipeline.train_stage import require_training_tools

INPUT_SIZE = (192, 192)  # of the template
RESULTS = ("config.yaml", "data", "logs", "evaluation", "predictions")


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
    """Train and evaluate on a data set, with the defaults of ``tinydet init``.

    Args:
        data: The data set.
        settings: Key of the configuration -> value; None leaves the default.
        overrides: More ``key=value``, laid over the settings.

    Returns:
        The report.
    """
    require_training_tools("training")
    values = {**_schedule(settings.get("training.epochs")), **settings}
    given = [f"{key}={_yaml(value)}" for key, value in values.items() if value is not None]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "defaults.yaml"
        path.write_text(_template_for(data), encoding="utf-8")
        loaded = load_config(path, ["operation_mode=training", *given, *overrides])
    return run(_with_warnings(loaded).config)


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
    from tinydet.inference import Detector, load_detector
    from tinydet.pipeline.compile_commands import C_ENGINES, compiled_detector
    from tinydet.report import write_report

    outside = [str(iou) for iou in iou_thresholds if not 0 < iou <= 1]
    if outside:
        raise UnsupportedError("--iou", ", ".join(outside), "above 0, up to 1", "Correct it.")
    spec = spec_for(model_path, class_names)
    split = split or ("val" if "val" in available_splits(data) else None)
    detector: Detector
    if engine in C_ENGINES:
        detector = compiled_detector(model_path, spec, engine, output / "compiled")
    else:
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


def report_on(run_folder: Path) -> Path:
    """Write the report of a run folder anew.

    Raises:
        DataError: The folder holds no result of a run.
    """
    from tinydet.report import write_report

    if run_folder.is_dir() and not any((run_folder / result).exists() for result in RESULTS):
        raise DataError(
            run_folder, "holds no result of a run", f"Give a folder with {', '.join(RESULTS)}."
        )
    return write_report(run_folder)


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


def _template_for(data: Path | None) -> str:
    """The defaults, for a data set where one is given."""
    if data is None:
        return render_template()
    dataset = load_dataset(data, split=training_split(data))
    anchors = anchors_for(dataset, *INPUT_SIZE)
    return render_template(str(data), dataset.class_names, anchors=anchors)


def _with_warnings(loaded: LoadedConfig) -> LoadedConfig:
    for warning in loaded.warnings:
        print(f"warning: {warning}", file=sys.stderr)  # noqa: T201 - the edge to the user
    return loaded


def _schedule(epochs: int | None) -> dict[str, int]:
    """The schedule of the defaults, fitted to another number of epochs.

    One that ends early or late costs accuracy: the learning rate must come down at the end.
    """
    if epochs is None:
        return {}
    warmup = min(3, epochs // 10)
    key = "training.callbacks.LRWarmupCosineDecay"
    return {f"{key}.warmup_steps": warmup, f"{key}.decay_steps": max(1, epochs - warmup)}


def _yaml(value: Any) -> str:
    """A value as an override writes it: quoted, with nothing in it taken for a reference."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_yaml(item) for item in value)}]"
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str):
        return json.dumps(escape(value), ensure_ascii=False)
    return str(value)
