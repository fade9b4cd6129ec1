"""What a run folder says of its model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydet.config.detector_spec import UNNAMED_PROJECT, DetectorSpec
from tinydet.report.accuracy import Accuracy, Evaluation, compare, read_evaluations
from tinydet.report.run_files import RunFiles
from tinydet.report.summary import read_detector

INT8_FOLDER, FLOAT_FOLDER = "quantized_models", "saved_models"
INT8_MODEL, FLOAT_MODEL = "quantized_model.tflite", "best_model.keras"
NETWORK = "SSD MobileNetV2 FPN-lite"
MAX_NAMED = 8


@dataclass(frozen=True)
class ModelFacts:
    """All that the card is made of.

    Attributes:
        folder: Where the model is.
        spec: Its specification.
        quantization: ``quantization.json``; empty where there is none.
        evaluations: Of the run, float first.
        accuracy: Their comparison; None without any.
    """

    folder: Path
    spec: DetectorSpec
    quantization: dict[str, Any]
    evaluations: tuple[Evaluation, ...]
    accuracy: Accuracy | None

    @property
    def is_int8(self) -> bool:
        """The card is of the quantized model."""
        return self.folder.name == INT8_FOLDER

    @property
    def model(self) -> str:
        """Name of the model file."""
        return INT8_MODEL if self.is_int8 else FLOAT_MODEL

    @property
    def classes(self) -> str:
        """Class names, or their number where there are many."""
        names = self.spec.class_names
        return ", ".join(names) if len(names) <= MAX_NAMED else f"{len(names)}-class"

    @property
    def title(self) -> str:
        """As ``"door: person detector, SSD MobileNetV2 FPN-lite 192, alpha 0.35"``."""
        height, width = self.spec.input_size
        alpha = "" if self.spec.alpha is None else f", alpha {self.spec.alpha:g}"
        size = str(width) if width == height else f"{width} x {height}"
        project = self.spec.provenance.get("project", UNNAMED_PROJECT)
        name = "" if project == UNNAMED_PROJECT else f"{project}: "
        return f"{name}{self.classes} detector, {NETWORK} {size}{alpha}"

    @property
    def own_evaluation(self) -> Evaluation | None:
        """The evaluation of the model that the card is of."""
        kind = "int8" if self.is_int8 else "float"
        return None if self.accuracy is None else self.accuracy.of_kind(kind)


def gather_facts(run_folder: Path) -> ModelFacts | None:
    """Read a run folder; None where it contains no model with its specification."""
    files = RunFiles(run_folder)
    spec = read_detector(files)
    for name, model in ((INT8_FOLDER, INT8_MODEL), (FLOAT_FOLDER, FLOAT_MODEL)):
        if spec is not None and (run_folder / name / model).is_file():
            evaluations = tuple(read_evaluations(files))
            return ModelFacts(
                run_folder / name,
                spec,
                files.mapping(f"{INT8_FOLDER}/quantization.json") or {},
                evaluations,
                compare(evaluations, None),
            )
    return None


def last_part(path: str) -> str:
    """Last part of a path: where data lay on somebody's disk is nobody's business.

    >>> last_part("/home/me/data/cats/")
    'cats'
    """
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]
