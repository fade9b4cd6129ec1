"""``tinydet quantize``: with paths instead of a configuration file."""

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec, load_detector_spec
from tinydet.config.interpolation import escape
from tinydet.config.loader import load_config
from tinydet.config.schema import UserConfig
from tinydet.config.template import render_template
from tinydet.data.dataset import available_splits, load_dataset
from tinydet.errors import DataError, ModelFileError, UnsupportedError, near_name
from tinydet.pipeline.quantization import LAYER_REPORT_FILE, check_drop, quantize_configured
from tinydet.pipeline.train_stage import require_training_tools
from tinydet.pretrained import LISTED, NAMES


def quantize_model(
    model_path: Path,
    images: Path,
    output: Path,
    options: Mapping[str, Any],
    *,
    evaluation_data: Path | None,
    max_drop: float | None,
) -> str:
    """Quantize a float model on the images of a folder.

    Args:
        model_path: Float model with its ``detector.json``.
        images: Calibration images; labelled where classes shall be balanced, and the training set
            where the model is trained on with rounding.
        output: Gets the int8 model; with ``report`` also ``layers.json``, and with
            ``evaluation_data`` evaluations, comparison, the images that lose most, and
            ``report.html``.
        options: Of ``quantization`` in a configuration, by their names there.
        evaluation_data: Labelled images on which float and int8 are measured; None measures
            nothing.
        max_drop: Points of AP that int8 may lose; None allows any.

    Returns:
        What was written and measured, as text.

    Raises:
        DataError: There are no images.
        ModelFileError: There is no model.
        AccuracyError: int8 loses more; the report is written all the same.
        UnsupportedError: The options do not go together.
    """
    require_training_tools("quantization")
    if options["max_images"] < 1:
        raise UnsupportedError(
            "--max-images", str(options["max_images"]), "1 or more", "Choose such a number."
        )
    if max_drop is not None and evaluation_data is None:
        raise UnsupportedError(
            "--max-drop", "the option alone", "it together with --data", "Add labelled images."
        )
    if not images.exists():
        raise DataError(images, "does not exist", "Give a folder of images.")
    if not model_path.is_file():
        remedy = f"Give a .keras file, or a detector of the package ({LISTED})."
        hint = near_name(str(model_path), NAMES)
        raise ModelFileError(model_path, "there is no such file", remedy + hint)
    spec = load_detector_spec(model_path.with_name(DETECTOR_FILE))
    with tempfile.TemporaryDirectory() as folder:
        config = _config(model_path, images, spec, options, Path(folder))
        path = quantize_configured(config, model_path, spec, (output, Path(folder)), _say)
    text = f"Wrote {path} ({path.stat().st_size:,} bytes)"
    if evaluation_data is None:
        return text
    return f"{text}\n{_measure(model_path, path, evaluation_data, spec, max_drop)}"


def _config(
    model_path: Path, images: Path, spec: DetectorSpec, options: Mapping[str, Any], folder: Path
) -> UserConfig:
    """The defaults of ``tinydet init`` for the images and the options."""
    template = folder / "defaults.yaml"
    template.write_text(
        render_template(training_path=str(images), class_names=spec.class_names), encoding="utf-8"
    )
    paths = {"general.model_path": model_path, "dataset.quantization_path": images}
    given = [f"{key}={json.dumps(escape(str(path)))}" for key, path in paths.items()]
    given += [f"quantization.{key}={value}" for key, value in options.items()]
    return load_config(template, ["operation_mode=quantization", *given]).config


def _measure(
    model_path: Path, int8_path: Path, data: Path, spec: DetectorSpec, max_drop: float | None
) -> str:
    from tinydet.evaluation import (
        compare,
        evaluate,
        format_comparison,
        save_comparison,
        save_lost_images,
    )
    from tinydet.inference import load_detector
    from tinydet.report import write_report

    split = "val" if "val" in available_splits(data) else None
    dataset, output = load_dataset(data, spec.class_names, split), int8_path.parent
    scored: list[Any] = []
    float_result, int8_result = (
        evaluate(
            load_detector(path, spec),
            dataset,
            model_path=path,
            data_path=data,
            run_folder=output,
            on_scored=scored.append,
        )
        for path in (model_path, int8_path)
    )
    comparison = compare(float_result, int8_result)
    save_comparison(comparison, output)
    save_lost_images(scored[0], scored[1], output)
    report = write_report(output)
    check_drop(float_result, int8_result, max_drop, output / LAYER_REPORT_FILE)
    return f"{format_comparison(comparison)}\nReport: {report.resolve()}"


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - the edge to the user
