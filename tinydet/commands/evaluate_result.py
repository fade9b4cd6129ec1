"""What ``tinydet evaluate`` gives back; apart, as it loads more than a parser needs."""

from dataclasses import dataclass, fields

from tinydet.evaluation import EvaluationResult, format_result
from tinydet.result import Result


@dataclass(frozen=True)
class EvaluateResult(EvaluationResult, Result):
    """All figures of one detector on one data set, and the report.

    Attributes:
        report: Path of ``report.html``; None where nothing was written.
    """

    report: str | None = None

    @classmethod
    def of(cls, result: EvaluationResult, report: str | None) -> "EvaluateResult":
        """The figures with the report."""
        figures = {field.name: getattr(result, field.name) for field in fields(EvaluationResult)}
        return cls(**figures, report=report)

    def __str__(self) -> str:
        return format_result(self) + (f"\nReport: {self.report}" if self.report else "")
