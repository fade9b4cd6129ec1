"""What ``tinydet evaluate`` gives back; apart, as it loads more than a parser needs."""

from dataclasses import dataclass

from tinydet.evaluation import EvaluationResult, format_comparison, format_result
from tinydet.evaluation.comparison import Comparison
from tinydet.result import Result, shown_path


@dataclass(frozen=True)
class EvaluateResult(EvaluationResult, Result):
    """All figures of one detector on one data set, and the report.

    Attributes:
        report: Path of ``report.html``; None where nothing was written.
        other: The figures of a second model.
        comparison: Both side by side, with the interval of the difference.
    """

    report: str | None = None
    other: EvaluationResult | None = None
    comparison: Comparison | None = None

    def __str__(self) -> str:
        parts = [format_result(self)]
        if self.other is not None and self.comparison is not None:
            parts += ["", format_result(self.other), "", format_comparison(self.comparison)]
        return "\n".join([*parts, *([f"Report: {shown_path(self.report)}"] if self.report else [])])
