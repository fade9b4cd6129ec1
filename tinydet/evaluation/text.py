"""Results as text for the terminal."""

import io
from collections.abc import Sequence

from tinydet.evaluation.result import EvaluationResult

MAX_CLASS_ROWS = 100  # a terminal's scroll-back; the rest is in per_class.csv


def percent(fraction: float | None) -> str:
    """A fraction as percent with one decimal; a dash where it is undefined.

    >>> percent(0.2814), percent(None)
    ('28.1', '-')
    """
    return "-" if fraction is None else f"{100 * fraction:.1f}"


def format_result(result: EvaluationResult) -> str:
    """The figures of an evaluation as a small table, in percent.

    Args:
        result: From ``evaluate``.

    Returns:
        Several lines, without colours, no line break at the end.
    """
    model, data, coco = result.model, result.data, result.coco
    size = "" if model.size_bytes is None else f", {model.size_bytes / 1024:.0f} KiB"
    ignored = f" ({data.ignored_boxes} more ignored)" if data.ignored_boxes else ""
    names = result.class_names[:MAX_CLASS_ROWS]
    rows = [_class_row(result, name) for name in names]
    if len(result.class_names) > 1:
        means = [percent(ap.mean) for ap in result.ap.values()]
        rows.append(["mean of classes", *means, percent(coco["ap"]), "", "", "", ""])
    headings = ["class", *(f"AP@{iou}" for iou in result.ap), "COCO AP"]
    headings += ["best F1", "precision", "recall", "at score"]
    lines = [
        f"{model.name} ({model.kind}{size})",
        f"{data.images} images, {data.boxes} objects{ignored}, "
        f"{result.images_per_second:.0f} images/s; AP and F1 in percent",
        format_table(headings, rows),
        f"COCO: AP {percent(coco['ap'])}, AP50 {percent(coco['ap50'])}, "
        f"AP75 {percent(coco['ap75'])}; small {percent(coco['ap_small'])}, "
        f"medium {percent(coco['ap_medium'])}, large {percent(coco['ap_large'])}; "
        f"recall {percent(coco['ar_100'])}",
        *_interval_line(result),
    ]
    if len(names) < len(result.class_names):
        lines.insert(3, f"and {len(result.class_names) - len(names)} more, see per_class.csv")
    return "\n".join(lines)


def _interval_line(result: EvaluationResult) -> list[str]:
    """How much of the AP is the choice of the images; nothing where it is not known."""
    intervals = {iou: ap.interval for iou, ap in result.ap.items()}
    shown = [
        f"AP@{iou} {percent(ends.low)} to {percent(ends.high)}"
        for iou, ends in intervals.items()
        if ends is not None
    ]
    if not shown:
        return []
    return [f"95 % interval for samples of {result.data.images} images: {', '.join(shown)}"]


def format_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain table: the first column left-aligned, the others right-aligned."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    text = io.StringIO()
    # Wide enough for any table: a terminal that is narrower wraps, nothing is cut.
    Console(file=text, width=400, no_color=True, highlight=False, markup=False).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().strip("\n").splitlines())


def _class_row(result: EvaluationResult, name: str) -> list[str]:
    ap = [percent(at_iou.per_class[name]) for at_iou in result.ap.values()]
    best = result.f1_best[name]
    tail = ["-"] * 4
    if best is not None:
        tail = [*map(percent, (best.f1, best.precision, best.recall)), f"{best.score:.2f}"]
    return [name, *ap, percent(result.coco["per_class"][name]), *tail]
