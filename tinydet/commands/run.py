"""``tinydet run``: a whole configuration, or an interrupted run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.commands.options import Command, Option
from tinydet.errors import DataError
from tinydet.notes import tell

if TYPE_CHECKING:
    from tinydet.config.loader import LoadedConfig
    from tinydet.config.overrides import Change
    from tinydet.config.schema import UserConfig
    from tinydet.pipeline import RunResult

COMMAND = Command(
    "run",
    "execute the operation_mode of a configuration",
    "tinydet.commands.run:run",
    (
        Option("--config", "user_config.yaml", "path", metavar="FILE", group="source"),
        Option(
            "--resume",
            "resume an interrupted run",
            "path",
            parameter="resumed",
            metavar="RUN_FOLDER",
            group="source",
        ),
        Option("--strict", "end where an image cannot be read, instead of leaving it out", "flag"),
    ),
    overrides=True,
)


def run(
    config: "UserConfig | str | Path | None" = None,
    overrides: "Sequence[Change]" = (),
    *,
    run_folder: str | Path | None = None,
    resumed: str | Path | None = None,
    strict: bool = False,
) -> "RunResult":
    """Execute the ``operation_mode`` of a configuration and write the report.

    Args:
        config: The YAML file, or the result of ``load_config``.
        overrides: Changes to the file: ``key.sub=value`` strings, or mappings of such keys to
            values.
        run_folder: Folder of the results; None uses ``hydra.run.dir``.
        resumed: Folder of an interrupted run to resume, instead of a configuration.
        strict: As ``dataset.strict``: an image that cannot be read ends the run.

    Returns:
        Models, figures and report.

    Raises:
        TinydetError: Whatever the user can correct. What cannot work at all (a missing file) is
            found before the folder is made.
        KeyboardInterrupt: Ctrl-C; its text says how to resume.
    """
    from tinydet.config.schema import UserConfig
    from tinydet.pipeline import execute, resume

    if strict:
        overrides = ["dataset.strict=true", *overrides]
    if resumed is not None:
        if overrides or config is not None or run_folder is not None:
            words = " ".join(map(str, overrides)) or str(config or run_folder)
            raise DataError(
                "--resume",
                f"cannot be combined with changes ({words})",
                "A resumed run keeps its configuration; start a new run for another.",
            )
        return resume(resumed)
    folder = None if run_folder is None else Path(run_folder)
    if isinstance(config, UserConfig):
        if overrides:
            raise DataError(
                "overrides",
                "cannot override a loaded configuration",
                "Give them to load_config.",
            )
        return execute(config, run_folder=folder)
    if config is None:
        raise DataError("--config", "is not given", "Name a configuration file.")
    return execute(checked(Path(config), overrides), run_folder=folder)


def checked(path: str | Path | None, overrides: "Sequence[Change]") -> "UserConfig":
    """A configuration; its warnings go to standard error."""
    from tinydet.config.loader import load_config

    loaded: LoadedConfig = load_config(path, overrides)
    for warning in loaded.warnings:
        tell(f"warning: {warning}")
    return loaded.config
