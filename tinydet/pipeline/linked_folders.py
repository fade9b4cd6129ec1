"""Folders of a run that the configuration wants in another place."""

import os
from pathlib import Path

from tinydet.config.files import make_folder
from tinydet.config.schema import UserConfig
from tinydet.errors import OutputError, UnsupportedError


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
