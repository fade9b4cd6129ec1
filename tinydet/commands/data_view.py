"""``tinydet data view``: look through a data set in the browser and mend its labels."""

from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.commands.data import SPLITS
from tinydet.commands.init import DATA_HELP
from tinydet.commands.options import Command, Option
from tinydet.commands.predict import loaded
from tinydet.notes import tell

if TYPE_CHECKING:
    from tinydet.inference import Detector
    from tinydet.workbench import ViewResult

COMMAND = Command(
    "data view",
    "look through a data set in the browser, mend its labels",
    "tinydet.commands.data_view:view_data",
    (
        Option("data", DATA_HELP, "path", required=True),
        Option(
            "--model",
            "model whose detections are compared with the labels: a file or a bundled detector",
            default_text="none",
        ),
        Option("--split", "part of the data set", choices=SPLITS, default_text="all"),
        Option("--port", "TCP port of this machine", "count", default_text="a free one"),
        Option("--no-browser", "print the address only", "flag"),
    ),
)


def view_data(
    data: str | Path,
    *,
    model: "Detector | str | Path | None" = None,
    split: str | None = None,
    port: int | None = None,
    no_browser: bool = False,
) -> "ViewResult":
    """Serve a page for looking through a data set and mending its labels, until it is closed.

    The page can be reached from this machine only. Its address goes to standard error.

    Args:
        data: Folder, ``data.yaml`` or COCO json.
        model: A detector, its file, or the name of a bundled detector; its classes are matched
            with those of the data set by name.
        split: ``train``, ``val`` or ``test``; None shows all parts.
        port: TCP port; None takes a free one.
        no_browser: Do not open the page.

    Returns:
        What was changed and marked.

    Raises:
        TinydetError: The data set or the model cannot be read, or they share no class.
    """
    import webbrowser

    from tinydet.data.dataset import load_dataset
    from tinydet.workbench import view

    COMMAND.check((), split=split)
    detector = None if model is None else loaded(model)
    dataset = load_dataset(Path(data), split=split)

    def on_ready(address: str, note: str) -> None:
        if note:
            tell(f"note: {note}")
        tell(f"{address}  (Ctrl-C ends the session)")
        if not no_browser:
            webbrowser.open(address)

    return view(Path(data), dataset, detector, port=port or 0, on_ready=on_ready)
