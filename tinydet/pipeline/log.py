"""What a run says: on standard output and in its log file."""

from pathlib import Path

LOG_FILE = "tinydet.log"


class RunLog:
    """Prints lines and keeps them in the run folder.

    Args:
        folder: The run folder; exists.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOG_FILE

    def say(self, text: str = "") -> None:
        """One paragraph to the user and to the log."""
        print(text, flush=True)  # noqa: T201 - this is the place where a run speaks
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text + "\n")
