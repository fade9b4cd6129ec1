"""The top of the report: what a reader understands in ten seconds."""

from dataclasses import dataclass
from typing import Any

from tinydet.config.detector_spec import DetectorSpec, load_detector_spec
from tinydet.report.accuracy import Accuracy
from tinydet.report.facts import bytes_text, count_text, duration_text, find_number
from tinydet.report.run_files import RunFiles

TFLITE = "quantized_models/quantized_model.tflite"
MOST_NAMED_CLASSES = 4


@dataclass(frozen=True)
class Card:
    """One figure of the summary: what it is, its value, and a line of detail."""

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Summary:
    """Title, one sentence and the cards."""

    title: str
    sentence: str
    cards: tuple[Card, ...]


def read_detector(files: RunFiles) -> DetectorSpec | None:
    """The detector's specification: beside the quantized model, else beside the trained one."""
    for path in ("quantized_models/detector.json", "saved_models/detector.json"):
        spec = files.read(path, load_detector_spec)
        if spec is not None:
            return spec
    return None


def summarize(
    files: RunFiles,
    detector: DetectorSpec | None,
    accuracy: Accuracy | None,
    checks: dict[str, dict[str, Any]],
    metrics: dict[str, list[float]] | None,
) -> Summary:
    """Put the top of the report together from what there is.

    Args:
        files: The run folder.
        detector: Its specification, where there is one.
        accuracy: The comparison of the evaluations, where there are any.
        checks: ``check.json`` by split.
        metrics: Columns of the training table, where there is one.
    """
    cards = [
        *_accuracy_cards(accuracy),
        *_model_cards(files, detector),
        *_data_cards(accuracy, checks),
        *_training_cards(metrics),
    ]
    names = _class_names(detector, accuracy)
    title = f"{_listed(names)} detector" if names else "Detector"
    return Summary(title, _sentence(accuracy), tuple(cards))


def percent(value: float | None) -> str:
    """A percentage with one decimal, or a dash."""
    return "\N{EN DASH}" if value is None else f"{value:.1f}"


def signed(value: float | None) -> str:
    """A difference in points with its sign (a real minus), or a dash.

    >>> signed(-0.04), signed(1.25)
    ('0.0', '+1.2')
    """
    if value is None:
        return "\N{EN DASH}"
    text = f"{value:+.1f}"
    return "0.0" if text in ("-0.0", "+0.0") else text.replace("-", "\N{MINUS SIGN}")


def _class_names(detector: DetectorSpec | None, accuracy: Accuracy | None) -> tuple[str, ...]:
    if detector is not None:
        return detector.class_names
    return accuracy.evaluations[0].result.class_names if accuracy else ()


def _listed(names: tuple[str, ...]) -> str:
    if len(names) > MOST_NAMED_CLASSES:
        return f"{len(names)}-class"
    return ", ".join(names)


def _sentence(accuracy: Accuracy | None) -> str:
    if accuracy is None:
        return "This run contains no evaluation, so nothing can be said about its accuracy."
    row, iou = accuracy.headline, accuracy.headline_iou
    low, high = accuracy.value(row, "float"), accuracy.value(row, "int8")
    if low is not None and high is not None:
        return (
            f"AP at IoU {iou}: {high:.1f} % as int8, {low:.1f} % as float "
            f"({signed(high - low)} points)."
        )
    if low is not None:
        return f"AP at IoU {iou}: {low:.1f} % as float. This run contains no int8 evaluation."
    if high is not None:
        return f"AP at IoU {iou}: {high:.1f} % as int8. This run contains no float evaluation."
    known = [value for value in row.values if value is not None]
    return f"AP at IoU {iou}: {known[0]:.1f} %." if known else f"AP at IoU {iou} is not defined."


def _accuracy_cards(accuracy: Accuracy | None) -> list[Card]:
    if accuracy is None:
        return []
    cards = []
    for kind in ("int8", "float"):
        evaluation = accuracy.of_kind(kind)
        if evaluation is None:
            continue
        others = [
            f"{row.name}: {percent(accuracy.value(row, kind))} %" for row in accuracy.bars[1:]
        ]
        value = percent(accuracy.value(accuracy.headline, kind))
        cards.append(
            Card(
                f"{kind} AP at IoU {accuracy.headline_iou}",
                f"{value} %",
                " \N{MIDDLE DOT} ".join(others),
            )
        )
    return cards


def _model_cards(files: RunFiles, detector: DetectorSpec | None) -> list[Card]:
    cards = []
    if detector is not None:
        height, width = detector.input_size
        alpha = "" if detector.alpha is None else f", alpha {detector.alpha:g}"
        cards.append(
            Card(
                "Network input",
                f"{width} \N{MULTIPLICATION SIGN} {height}",
                f"SSD MobileNetV2 FPN-lite{alpha}",
            )
        )
        cards.append(Card("Classes", str(detector.num_classes), _listed(detector.class_names)))
    size = files.size_bytes(TFLITE)
    if size is not None:
        cards.append(Card("int8 .tflite", bytes_text(size), f"{count_text(size)} bytes"))
    return cards


def _data_cards(accuracy: Accuracy | None, checks: dict[str, dict[str, Any]]) -> list[Card]:
    cards = []
    trained = find_number(checks.get("train"), "images")
    if trained is not None:
        boxes = find_number(checks.get("train"), "boxes")
        detail = "" if boxes is None else f"{count_text(boxes)} labelled objects"
        cards.append(Card("Training images", count_text(trained), detail))
    data = accuracy.evaluations[0].result.data if accuracy else None
    if data is not None and data.images is not None:
        detail = "" if data.boxes is None else f"{count_text(data.boxes)} labelled objects"
        cards.append(Card("Images evaluated", count_text(data.images), detail))
    return cards


def _training_cards(metrics: dict[str, list[float]] | None) -> list[Card]:
    if not metrics:
        return []
    epochs = len(next(iter(metrics.values())))
    known = [seconds for seconds in metrics.get("seconds", []) if seconds >= 0]
    if known:
        return [Card("Training time", duration_text(sum(known)), f"{epochs} epochs")]
    return [Card("Epochs", str(epochs))] if epochs else []
