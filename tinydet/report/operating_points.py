"""What each score threshold would give, for the slider of the report."""

from typing import Any

from tinydet.report.accuracy import Accuracy

ALL = "all classes"


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
        rows.insert(0, _sum(rows))
    score = accuracy.advised_score
    return {"start": 50 if score is None else round(100 * score), "first": 1, "rows": rows}


def _sum(rows: list[dict[str, Any]]) -> dict[str, Any]:
    summed = {
        key: [sum(each) for each in zip(*(row[key] for row in rows), strict=True)]
        for key in ("hits", "alarms")
    }
    return {"name": ALL, "objects": sum(row["objects"] for row in rows), **summed}
