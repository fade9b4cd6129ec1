"""The parts of the evaluation's JSON files that the report shows; unknown fields are let be."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

Fraction = Annotated[float, Field(ge=0, le=1)]
IouText = Annotated[str, Field(pattern=r"^[01]\.\d\d$")]
Box = tuple[float, float, float, float]
ModelKind = Literal["float", "int8"]


class Record(BaseModel):
    """Frozen base that ignores fields it does not know, so that newer files can be shown."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class EvaluatedModel(Record):
    """Which model file was evaluated.

    Attributes:
        name: File name.
        kind: As ``"float keras"`` or ``"int8 tflite"``.
        size_bytes: Size of the file.
    """

    name: str = ""
    kind: str = ""
    size_bytes: int | None = None


class EvaluatedData(Record):
    """What it was evaluated on: path of the set, number of images and boxes."""

    path: str = ""
    images: int | None = None
    boxes: int | None = None
    ignored_boxes: int | None = None


class ApAtIou(Record):
    """Average precision at one IoU, fractions; None for a class without ground truth."""

    mean: Fraction | None = None
    per_class: dict[str, Fraction | None] = {}


class BestF1(Record):
    """The score threshold with the best F1 of a class, and what it gives."""

    score: Fraction | None = None
    f1: Fraction | None = None
    precision: Fraction | None = None
    recall: Fraction | None = None


class EvaluationResult(Record):
    """``evaluation/<model stem>/result.json``.

    Attributes:
        ap: By IoU as text with two decimals, as ``"0.40"``.
        coco: COCO figures by name (``ap``, ``ap50``, ...), fractions.
        f1_best: By class name.
    """

    model: EvaluatedModel = EvaluatedModel()
    data: EvaluatedData = EvaluatedData()
    class_names: tuple[str, ...] = ()
    settings: dict[str, Any] = {}
    ap: dict[IouText, ApAtIou] = {}
    coco: dict[str, Any] = {}
    f1_best: dict[str, BestF1 | None] = {}
    images_per_second: float | None = None
    seconds: float | None = None
    versions: dict[str, Any] = {}

    def mean_ap(self, iou: str) -> float | None:
        """Mean AP over the classes at an IoU given as a key of ``ap``."""
        return self.ap[iou].mean if iou in self.ap else None

    def coco_figure(self, name: str) -> float | None:
        """One COCO figure as a fraction; None where it is absent or undefined (COCO's -1)."""
        value = self.coco.get(name)
        return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None


class TruthRecord(Record):
    """One labelled object of an example image."""

    box: Box
    class_name: str
    ignored: bool = False


class DetectionRecord(Record):
    """One found object of an example image."""

    box: Box
    class_name: str
    score: Fraction
    class_id: int = Field(0, ge=0)


class ExampleRecord(Record):
    """One image of ``examples.json``; ``size`` is ``(height, width)``, pixels."""

    image: str
    size: tuple[int, int] | None = None
    ground_truth: list[TruthRecord] = []
    detections: list[DetectionRecord] = []


class ExampleRecords(RootModel[list[ExampleRecord]]):
    """``evaluation/<model stem>/examples.json``."""
