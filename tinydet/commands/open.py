"""``tinydet open``: the report of a run in the browser."""

from dataclasses import dataclass
from pathlib import Path

from tinydet.commands.options import Command, Option
from tinydet.errors import DataError
from tinydet.result import Result, shown_path

COMMAND = Command(
    "open",
    "open the report of a run in the browser",
    "tinydet.commands.open:open_report",
    (Option("run_folder", "folder of a run, of a benchmark, or a report", "path", required=True),),
)
# As they lie in the folders that commands write; the first that is there is opened.
REPORTS = ("report.html", "run/report.html", "benchmark_report.html", "index.html")
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


@dataclass(frozen=True)
class OpenResult(Result):
    """An opened report.

    Attributes:
        path: The page.
        opened: A browser was asked to show it; False: this machine has none.
    """

    path: Path
    opened: bool

    def __str__(self) -> str:
        note = "" if self.opened else " (found no browser here: open it in any)"
        return f"Report: {shown_path(self.path)}{note}"


def open_report(run_folder: str | Path) -> OpenResult:
    """Open the report of a run in the browser of this machine; where there is none, say its path.

    Args:
        run_folder: Folder of a run, of ``tinydet demo``, ``benchmark`` or ``deploy --target web``;
            or the page itself.

    Raises:
        DataError: It contains no report.
    """
    folder = Path(run_folder)
    pages = [folder] if folder.suffix == ".html" else [folder / name for name in REPORTS]
    page = next((page for page in pages if page.is_file()), None)
    if page is None:
        remedy = "Give the folder of a run, or write its report first: tinydet report FOLDER."
        raise DataError(folder, "contains no report", remedy)
    return OpenResult(page, _show(page.resolve().as_uri()))


def _show(address: str) -> bool:
    """Ask for a browser with windows: one in the terminal would take it over."""
    import os
    import sys
    import webbrowser

    on_windows_or_mac = sys.platform in ("win32", "darwin")
    if not on_windows_or_mac and not any(os.environ.get(name) for name in DISPLAYS):
        return False
    return webbrowser.open(address)
