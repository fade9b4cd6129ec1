"""Float against int8: the figures of all evaluations of a run, side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tinydet.evaluation.examples import Example
from tinydet.evaluation.result import EvaluationResult, iou_key
from tinydet.report.run_files import RunFiles

COCO_ROWS = (
    ("ap", "COCO AP"),
    ("ap50", "COCO AP at IoU 0.50"),
    ("ap75", "COCO AP at IoU 0.75"),
    ("ar_100", "Recall (AR, 100 boxes)"),
)
SIZE_ROWS = (
    ("ap_small", "small: below 32 \N{MULTIPLICATION SIGN} 32 pixels"),
    ("ap_medium", "medium"),
    ("ap_large", "large: from 96 \N{MULTIPLICATION SIGN} 96 pixels"),
)
# In points of AP. Within one the quantized model counts as equal to the float one; beyond three
# something is wrong with the calibration images or the granularity.
EQUAL_WITHIN, SUSPECT_BEYOND = 1.0, 3.0


@dataclass(frozen=True)
class Evaluation:
    """One evaluated model.

    Attributes:
        stem: Name of its folder below ``evaluation``.
        label: As ``"int8"``; with the file name where two models are of one kind.
        kind: ``"float"``, ``"int8"`` or ``""`` where the file does not say.
        result: Its figures.
    """

    stem: str
    label: str
    kind: str
    result: EvaluationResult


@dataclass(frozen=True)
class Row:
    """One line of a comparison.

    Attributes:
        name: What is measured.
        values: Percent, one per evaluation, None where undefined.
        difference: int8 minus float, points; None where one of them is missing.
    """

    name: str
    values: tuple[float | None, ...]
    difference: float | None


@dataclass(frozen=True)
class ThresholdRow:
    """The score threshold with the best F1 of a class: score 0..1, the rest in percent."""

    name: str
    score: float
    f1: float
    precision: float
    recall: float


@dataclass(frozen=True)
class Accuracy:
    """The accuracy section and the bars of the summary.

    Attributes:
        evaluations: The float model first, then int8, then what else there is.
        headline_iou: IoU of the configuration, as key of the results (``"0.40"``).
        bars: Most telling rows: AP at the headline IoU, at 0.50, and COCO AP.
        by_iou: Mean AP at each IoU.
        by_class: AP of each class at the headline IoU.
        coco: COCO figures.
        by_size: COCO AP of objects by their size in the image file.
        thresholds: Best F1 per class, of ``threshold_label``.
        advised_score: Score threshold to use, 0..1; None where it is not known.
        threshold_label: Which evaluation the thresholds are of.
    """

    evaluations: tuple[Evaluation, ...]
    headline_iou: str
    bars: tuple[Row, ...]
    by_iou: tuple[Row, ...]
    by_class: tuple[Row, ...]
    coco: tuple[Row, ...]
    by_size: tuple[Row, ...]
    thresholds: tuple[ThresholdRow, ...]
    advised_score: float | None
    threshold_label: str

    @property
    def headline(self) -> Row:
        """Mean AP at the IoU of the configuration."""
        return self.bars[0]

    @property
    def verdict(self) -> tuple[str, str] | None:
        """``(class, sentence)`` about int8 against float; None where one is missing."""
        difference = self.headline.difference
        if difference is None:
            return None
        points = f"{abs(difference):.1f} points"
        if abs(difference) <= EQUAL_WITHIN:
            return "good", f"int8 is within {EQUAL_WITHIN:g} point of float"
        if difference > 0:
            return "good", f"int8 is {points} above float"
        if -difference <= SUSPECT_BEYOND:
            return "fair", f"int8 is {points} below float"
        return "poor", f"int8 is {points} below float: look at the calibration images"

    def of_kind(self, kind: str) -> Evaluation | None:
        """The evaluation that stands for float or for int8."""
        return next((e for e in self.evaluations if e.kind == kind), None)

    def value(self, row: Row, kind: str) -> float | None:
        """The value of a row for float or for int8."""
        evaluation = self.of_kind(kind)
        return None if evaluation is None else row.values[self.evaluations.index(evaluation)]


def read_evaluations(files: RunFiles) -> list[Evaluation]:
    """All evaluations of a run folder, float first, then int8; best models before others."""
    found = []
    for stem in files.names("evaluation"):
        if not (files.folder / "evaluation" / stem).is_dir():
            continue
        result = files.record(f"evaluation/{stem}/result.json", EvaluationResult)
        if result is not None:
            found.append((stem, _kind(result), result))
    ranks = {"float": 0, "int8": 1, "": 2}
    found.sort(key=lambda e: (ranks[e[1]], "best" not in e[0], e[0]))
    kinds = [kind for _, kind, _ in found]
    return [
        Evaluation(
            stem,
            kind if kind and kinds.count(kind) == 1 else f"{kind} {stem}".strip(),
            kind,
            result,
        )
        for stem, kind, result in found
    ]


def read_examples(files: RunFiles, evaluation: Evaluation) -> list[Example] | None:
    """The example detections of an evaluation."""
    return files.record(f"evaluation/{evaluation.stem}/examples.json", list[Example])


def compare(evaluations: Sequence[Evaluation], configured_iou: float | None) -> Accuracy | None:
    """Line the evaluations up.

    Args:
        evaluations: As ``read_evaluations`` gives them.
        configured_iou: IoU of the configuration; None takes the first that was evaluated.

    Returns:
        The comparison; None where nothing was evaluated.
    """
    if not evaluations:
        return None
    ious = sorted({iou for e in evaluations for iou in e.result.ap})
    headline_iou = _headline_iou(ious, evaluations, configured_iou)
    names = dict.fromkeys(name for e in evaluations for name in _class_names(e.result))
    judged = next((e for e in reversed(evaluations) if e.kind == "int8"), evaluations[0])
    thresholds = _thresholds(judged.result)
    scores = [row.score for row in thresholds]

    def row(name: str, fractions: Iterable[float | None]) -> Row:
        values = tuple(None if f is None else 100 * f for f in fractions)
        by_kind = {e.kind: v for e, v in reversed(list(zip(evaluations, values, strict=True)))}
        low, high = by_kind.get("float"), by_kind.get("int8")
        difference = None if low is None or high is None else high - low
        return Row(name, values, difference)

    def ap_row(iou: str) -> Row:
        return row(f"AP at IoU {iou}", [e.result.mean_ap(iou) for e in evaluations])

    coco, sizes = (
        [row(t, [e.result.coco_figure(k) for e in evaluations]) for k, t in rows]
        for rows in (COCO_ROWS, SIZE_ROWS)
    )
    return Accuracy(
        evaluations=tuple(evaluations),
        headline_iou=headline_iou,
        bars=tuple(_bars(ap_row(headline_iou), ap_row("0.50"), coco)),
        by_iou=tuple(ap_row(iou) for iou in ious),
        by_class=tuple(
            row(name, [_class_ap(e.result, headline_iou, name) for e in evaluations])
            for name in names
        ),
        coco=tuple(r for r in coco if any(v is not None for v in r.values)),
        by_size=tuple(r for r in sizes if any(v is not None for v in r.values)),
        thresholds=tuple(thresholds),
        advised_score=round(median(scores), 2) if scores else None,
        threshold_label=judged.label,
    )


def operating_points(accuracy: Accuracy | None) -> dict[str, Any] | None:
    """Hits and false alarms at each threshold, as the page's script takes them.

    Args:
        accuracy: Of the run. The int8 model is taken where there is one, as for the thresholds.

    Returns:
        ``start``: first position, in percent; ``first`` and the number of counts: thresholds in
        percent, one apart; ``rows``: name, objects, hits, false alarms. None where the evaluation
        is of an earlier version.
    """
    if accuracy is None:
        return None
    labels = {evaluation.label: evaluation.result for evaluation in accuracy.evaluations}
    counts = labels[accuracy.threshold_label].score_counts
    if not counts:
        return None
    rows = [
        {"name": name, "objects": c.objects, "hits": c.hits, "alarms": c.false_alarms}
        for name, c in counts.items()
    ]
    if len(rows) > 1:
        rows.insert(0, _of_all_classes(rows))
    score = accuracy.advised_score
    return {"start": 50 if score is None else round(100 * score), "first": 1, "rows": rows}


def _kind(result: EvaluationResult) -> str:
    words = result.model.kind.lower().split()
    return next((kind for kind in ("int8", "float") if kind in words), "")


def _bars(headline: Row, ap50: Row, coco: Sequence[Row]) -> list[Row]:
    rows = [headline, *([ap50] if ap50.name != headline.name else []), coco[0]]
    return [rows[0]] + [r for r in rows[1:] if any(v is not None for v in r.values)]


def _headline_iou(
    ious: Sequence[str], evaluations: Sequence[Evaluation], configured: float | None
) -> str:
    listed = evaluations[0].result.settings.get("iou_thresholds")
    candidates = [configured, *(listed if isinstance(listed, list) else [])]
    for candidate in candidates:
        if isinstance(candidate, int | float) and iou_key(candidate) in ious:
            return iou_key(candidate)
    return ious[0] if ious else "0.50"


def _class_names(result: EvaluationResult) -> Iterable[str]:
    return [*result.class_names, *(name for ap in result.ap.values() for name in ap.per_class)]


def _class_ap(result: EvaluationResult, iou: str, name: str) -> float | None:
    return result.ap[iou].per_class.get(name) if iou in result.ap else None


def _thresholds(result: EvaluationResult) -> list[ThresholdRow]:
    rows = []
    for name, best in result.f1_best.items():
        if best is not None:
            percents = (100 * value for value in (best.f1, best.precision, best.recall))
            rows.append(ThresholdRow(name, best.score, *percents))
    return rows


def _of_all_classes(rows: list[dict[str, Any]]) -> dict[str, Any]:
    summed = {
        key: [sum(each) for each in zip(*(row[key] for row in rows), strict=True)]
        for key in ("hits", "alarms")
    }
    return {"name": "all classes", "objects": sum(row["objects"] for row in rows), **summed}
