"""Going on with a run that was killed."""

from pathlib import Path

from tinydet.config.loader import load_config
from tinydet.errors import DataError
from tinydet.pipeline.modes import CONFIG_FILE, run


def resume(run_folder: Path) -> Path:
    """Continue a killed run in its folder, with the configuration it was started with.

    Training goes on after its last finished epoch; the stages after it run as they would have.

    Args:
        run_folder: Folder of the run.

    Returns:
        The report.

    Raises:
        DataError: The folder holds no run.
    """
    config_file = run_folder / CONFIG_FILE
    if not config_file.is_file():
        raise DataError(
            run_folder, f"holds no {CONFIG_FILE}, so it is no run", "Give the folder of a run."
        )
    return run(load_config(config_file).config, run_folder=run_folder)
