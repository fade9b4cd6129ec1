"""``tinydet report``: the report of a run folder, written again."""

from dataclasses import dataclass
from pathlib import Path

from tinydet.commands.options import Command, Option
from tinydet.errors import DataError
from tinydet.result import Result, shown_path

COMMAND = Command(
    "report",
    "write the report.html of a run folder again",
    "tinydet.commands.report:report",
    (Option("run_folder", "folder of a run", "path", required=True),),
)
RESULTS = ("config.yaml", "data", "logs", "evaluation", "predictions")


@dataclass(frozen=True)
class ReportResult(Result):
    """A report.

    Attributes:
        path: ``report.html``.
    """

    path: Path

    def __str__(self) -> str:
        return f"Report: {shown_path(self.path)}"


def report(run_folder: str | Path) -> ReportResult:
    """Write the report of a run folder again.

    Args:
        run_folder: Folder of a run, or of ``tinydet evaluate`` or ``quantize``.

    Raises:
        DataError: The folder contains no result of a run.
    """
    from tinydet.report import write_report

    folder = Path(run_folder)
    if folder.is_dir() and not any((folder / result).exists() for result in RESULTS):
        remedy = f"Give a folder with {', '.join(RESULTS)}."
        raise DataError(folder, "contains no result of a run", remedy)
    return ReportResult(write_report(folder))
