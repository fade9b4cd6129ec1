"""What a run says: on standard output and in its log file."""

from pathlib import Path

from tinydet.config.files import REMEDY
from tinydet.errors import OutputError

LOG_FILE = "tinydet.log"


class RunLog:
    """Prints lines and keeps them in the run folder.

    Args:
        folder: The run folder; exists.
        prints: Not only into the file.
    """

    def __init__(self, folder: Path, *, prints: bool = True) -> None:
        self.prints = prints
        self.path = folder / LOG_FILE

    def say(self, text: str = "") -> None:
        """One paragraph to the user and to the log.

        Raises:
            OutputError: The log cannot be written.
        """
        if self.prints:
            print(text, flush=True)  # noqa: T201 - this is the place where a run speaks
        try:
            with self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text + "\n")
        except OSError as error:
            found = f"cannot be written ({error.strerror or error})"
            raise OutputError(self.path, found, REMEDY) from error
