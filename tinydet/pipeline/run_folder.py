"""A run: its configuration, its folder, and what it says."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinydet.config.files import REMEDY
from tinydet.config.schema import UserConfig
from tinydet.errors import OutputError
from tinydet.verbosity import is_quiet

CONFIG_FILE, SUMMARY_FILE, LOG_FILE = "config.yaml", "run.json", "tinydet.log"


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
        if self.prints and not is_quiet():
            print(text, flush=True)  # noqa: T201 - this is the place where a run speaks
        self.note(text)

    def note(self, text: str) -> None:
        """The same, to the log only.

        Raises:
            OutputError: The log cannot be written.
        """
        try:
            with self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text + "\n")
        except OSError as error:
            found = f"cannot be written ({error.strerror or error})"
            raise OutputError(self.path, found, REMEDY) from error


@dataclass(frozen=True)
class Run:
    """What every stage of a run is given.

    Attributes:
        config: What to do.
        folder: Where everything goes.
        log: What the user is told.
        scored: ``ScoredImages`` of every evaluation so far: what was found in which image.
        checked: Part of the data to its images and the hash of their pixels (empty where the image
            was not decoded), of every check so far: no image may be in two parts.
    """

    config: UserConfig
    folder: Path
    log: RunLog
    scored: list[Any] = field(default_factory=list)
    checked: dict[str, dict[Path, str]] = field(default_factory=dict)
