"""A run: its configuration, its folder and those it is linked to, and what it says."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinydet.config.files import REMEDY, make_folder
from tinydet.config.schema import UserConfig
from tinydet.errors import OutputError, UnsupportedError
from tinydet.notes import is_quiet

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


def link_folders(config: UserConfig, run_folder: Path) -> None:
    """Make ``saved_models``, ``logs`` and ``quantized_models`` links to the places named.

    Everything in a run finds its files by these names; where the configuration names other
    folders, the files lie there. Folders that the operation mode does not fill are left alone.

    Args:
        config: ``general.saved_models_dir``, ``general.logs_dir``, ``quantization.export_dir``.
        run_folder: Folder of the run; exists.

    Raises:
        UnsupportedError: A folder would be inside of the link to it.
        OutputError: A folder cannot be made, or the file system has no links.
    """
    trained = {
        "saved_models": ("general.saved_models_dir", config.general.saved_models_dir),
        "logs": ("general.logs_dir", config.general.logs_dir),
    }
    exported = {"quantized_models": ("quantization.export_dir", config.quantization.export_dir)}
    folders = (trained if config.trains else {}) | (exported if config.quantizes else {})
    for name, (key, wanted) in folders.items():
        link = Path(os.path.abspath(run_folder / name))
        target = Path(os.path.abspath(run_folder / Path(wanted).expanduser()))
        if target == link:
            continue
        if link in target.parents or target in link.parents:
            supported = f"a folder of its own, not below {name}"
            raise UnsupportedError(key, repr(wanted), supported, "Choose another folder.")
        make_folder(target)
        if not link.is_symlink():
            _link(link, target, key, absolute=Path(wanted).expanduser().is_absolute())


def _link(link: Path, target: Path, key: str, *, absolute: bool) -> None:
    try:
        # Relative where it may be, so that the run folder can be moved.
        link.symlink_to(target if absolute else os.path.relpath(target, link.parent))
    except OSError as error:
        found = f"cannot be made a link to {target} ({error.strerror or error})"
        raise OutputError(link, found, f"Leave {key} out.") from error
