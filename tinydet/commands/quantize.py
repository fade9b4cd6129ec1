"""``tinydet quantize``: a float model to an int8 ``.tflite``."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydet.commands.options import Command, Option, choice, output_option
from tinydet.commands.predict import CLASSES
from tinydet.errors import DataError, ModelFileError, UnsupportedError, near_name
from tinydet.notes import tell
from tinydet.pretrained import FLOAT, NAMES, STARTS, model_path
from tinydet.progress import work
from tinydet.result import Result, shown_path

if TYPE_CHECKING:
    from tinydet.config.detector_spec import DetectorSpec
    from tinydet.evaluation import EvaluationResult
    from tinydet.evaluation.comparison import Comparison

COMMAND = Command(
    "quantize",
    "convert a float model to an int8 .tflite file",
    "tinydet.commands.quantize:quantize",
    (
        Option("model", f".keras file, float .tflite file, or one of {STARTS}", required=True),
        Option(
            "--images",
            "calibration images, or a data set; QAT: the labelled training set",
            "path",
            required=True,
        ),
        choice(
            "--type",
            "PTQ only rounds; QAT also trains further with all roundings in place",
            *("PTQ", "QAT"),
            parameter="quantization_type",
        ),
        choice("--granularity", "scales of the weights", "per_channel", "per_tensor"),
        choice("--input-type", "type of the input", "uint8", "int8", "float"),
        choice("--output-type", "type of the outputs", "float", "int8", "uint8"),
        choice(
            "--calibration",
            "ranges of the activations: all values, all but one in 10,000, least squared error",
            *("minmax", "percentile", "mse"),
        ),
        Option(
            "--optimize",
            "clear constant channels, equalize channels, correct biases before rounding",
            "flag",
        ),
        Option("--max-images", "maximum number of calibration images", "count", default=100),
        Option(
            "--stratified",
            "balance the classes of the calibration images (needs labels)",
            "flag",
        ),
        CLASSES,
        Option("--epochs", "epochs of QAT", "count", default_text="3", only=("qat",)),
        Option("--report", "compare float and int8 layer by layer", "flag"),
        Option("--data", "labelled images: evaluate float and int8, write report.html", "path"),
        Option(
            "--max-drop",
            "fail if AP drops by more than this (needs --data)",
            "number",
            metavar="POINTS",
            only=("measured",),
        ),
        output_option("quantized_models"),
    ),
)


@dataclass(frozen=True)
class QuantizeResult(Result):
    """An int8 model, evaluated if labelled images were given.

    Attributes:
        path: The ``.tflite``, with ``detector.json`` and ``quantization.json`` next to it.
        size_bytes: Size of the file.
        float_evaluation: Figures of the float model; None without ``data``.
        int8_evaluation: Figures of the int8 model; None without ``data``.
        comparison: The two side by side; None without ``data``.
        report: Path of ``report.html``; None without ``data``.
    """

    path: Path
    size_bytes: int
    float_evaluation: "EvaluationResult | None" = None
    int8_evaluation: "EvaluationResult | None" = None
    comparison: "Comparison | None" = None
    report: Path | None = None

    def __str__(self) -> str:
        text = f"Wrote {shown_path(self.path)} ({self.size_bytes:,} bytes)"
        if self.comparison is None or self.report is None:
            return text
        from tinydet.evaluation import format_comparison

        return f"{text}\n{format_comparison(self.comparison)}\nReport: {shown_path(self.report)}"

    def __fspath__(self) -> str:
        """The model file: a result can be used as its path."""
        return str(self.path)


@work(
    "quantize",
    ("fold the network", 5),
    ("convert to int8", 4),
    ("check the file", 3),
)
def quantize(
    model: str | Path,
    images: str | Path | Sequence[Path],
    output: str | Path = "quantized_models",
    *,
    quantization_type: str = "PTQ",
    granularity: str = "per_channel",
    input_type: str = "uint8",
    output_type: str = "float",
    calibration: str = "minmax",
    optimize: bool = False,
    max_images: int = 100,
    stratified: bool = False,
    class_names: Sequence[str] | None = None,
    epochs: int | None = None,
    report: bool = False,
    data: str | Path | None = None,
    max_drop: float | None = None,
) -> QuantizeResult:
    """Quantize a float model; with ``data`` also evaluate and compare both.

    Args:
        model: ``.keras`` file with its ``detector.json``, the name of a bundled detector, or a
            float (also dynamic-range) ``.tflite`` detector.
        images: Calibration images: a folder, a data set, or a list of files. To balance classes, a
            labelled data set; for QAT, the training set.
        output: Folder for the int8 model; with ``report`` also ``layers.json``, and with ``data``
            evaluations, comparison, the images that lose most, and ``report.html``.
        quantization_type: ``PTQ`` only rounds, ``QAT`` also trains further with all roundings.
        granularity: Scales of the weights: ``per_channel`` or ``per_tensor``.
        input_type: ``uint8``, ``int8`` or ``float``.
        output_type: ``float``, ``int8`` or ``uint8``.
        calibration: Ranges of the activations: ``minmax``, ``percentile`` or ``mse``.
        optimize: Clear constant channels, equalize channels, correct biases.
        max_images: Maximum number of calibration images, >= 1.
        stratified: Balance the classes of the calibration images.
        class_names: Of a ``.tflite`` without ``detector.json``, in the order of its outputs; then
            the rescaling 1/127.5 * pixel - 1 is assumed.
        epochs: Epochs of QAT; None: 3.
        report: Compare float and int8 layer by layer; always done with ``max_drop``.
        data: Labelled images on which float and int8 are evaluated.
        max_drop: Points of AP that int8 may lose; None allows any. Needs ``data``.

    Raises:
        AccuracyError: int8 loses more than ``max_drop``; the report is still written.
        TinydetError: Whatever else the user can correct.
    """
    from tinydet.pipeline.detector_of import is_described, spec_for
    from tinydet.pipeline.network import require_conversion_tools
    from tinydet.pipeline.quantization import quantize_configured

    contexts = {"qat"} if quantization_type == "QAT" else set()
    contexts |= {"measured"} if data is not None else set()
    path = model_path(model, FLOAT)
    contexts |= set() if is_described(path) else {"undescribed"}
    COMMAND.check(
        contexts,
        quantization_type=quantization_type,
        granularity=granularity,
        input_type=input_type,
        output_type=output_type,
        calibration=calibration,
        class_names=class_names,
        epochs=epochs,
        max_drop=max_drop,
    )
    require_conversion_tools("quantization")
    files = _files(images, stratified or quantization_type == "QAT")
    if not path.is_file():
        remedy = f"Give a .keras file, a float .tflite file, or a bundled detector ({STARTS})."
        hint = near_name(str(model), NAMES)
        raise ModelFileError(path, "there is no such file", remedy + hint)
    spec = spec_for(path, class_names)
    if not is_described(path):
        scale, offset = spec.preprocess.scale, spec.preprocess.offset
        tell(f"{path}: pixels are taken as {scale:.6g} * pixel + {offset:g}; its file says nothing")
    values = {
        "quantization_type": quantization_type,
        "granularity": granularity,
        "quantization_input_type": input_type,
        "quantization_output_type": output_type,
        "calibration_method": calibration,
        "calibration_selection": "stratified" if stratified else "even",
        "optimize": optimize,
        "max_images": max_images,
        "quantization_aware.epochs": epochs or 3,
        "report": report or max_drop is not None,
    }
    config = _config(path, None if files else images, spec, values)
    output = Path(output)
    with tempfile.TemporaryDirectory() as folder:
        folders = output, Path(folder)
        int8_path = quantize_configured(config, path, spec, folders, tell, images=files)
    size_bytes = int8_path.stat().st_size
    if data is None:
        return QuantizeResult(int8_path, size_bytes)
    return _measured(path, int8_path, Path(data), spec, max_drop)


def _files(images: str | Path | Sequence[Path], needs_labels: bool) -> list[Path] | None:
    """The calibration images where they are given as a list of files."""
    if isinstance(images, (str, Path)):
        if not Path(images).exists():
            raise DataError(images, "does not exist", "Give a folder of images.")
        return None
    if needs_labels:
        found, remedy = "a list of files", "Balanced classes and QAT need labels."
        raise UnsupportedError("--images", found, "a labelled data set", remedy)
    if not images:
        raise DataError("--images", "is an empty list", "Give a few hundred images.")
    return [Path(image) for image in images]


def _config(path: Path, images: Any, spec: "DetectorSpec", values: dict[str, Any]) -> Any:
    """The defaults of ``tinydet init`` for the images and the options."""
    from tinydet.config.loader import load_config

    given = {
        "operation_mode": "quantization",
        "general.model_path": path,
        "dataset.training_path": images or ".",
        "dataset.quantization_path": images,
        "dataset.class_names": spec.class_names,
    }
    quantization = {f"quantization.{key}": value for key, value in values.items()}
    return load_config(None, [given, quantization]).config


def _measured(
    path: Path, int8_path: Path, data: Path, spec: "DetectorSpec", max_drop: float | None
) -> QuantizeResult:
    from tinydet.data.dataset import available_splits, load_dataset
    from tinydet.evaluation import evaluate
    from tinydet.inference import load_detector
    from tinydet.pipeline.quantization import LAYER_REPORT_FILE, check_drop, compare_with_float
    from tinydet.report import write_report

    split = "val" if "val" in available_splits(data) else None
    dataset, output = load_dataset(data, spec.class_names, split), int8_path.parent
    scored: list[Any] = []
    float_result, int8_result = (
        evaluate(
            load_detector(each, spec),
            dataset,
            model_path=each,
            data_path=data,
            run_folder=output,
            on_scored=scored.append,
        )
        for each in (path, int8_path)
    )
    comparison = compare_with_float(float_result, int8_result, output, scored)
    report = write_report(output)
    check_drop(float_result, int8_result, max_drop, output / LAYER_REPORT_FILE)
    size_bytes = int8_path.stat().st_size
    return QuantizeResult(int8_path, size_bytes, float_result, int8_result, comparison, report)
