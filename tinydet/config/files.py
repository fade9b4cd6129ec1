"""Writing files so that a half-written one is never taken for whole."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tinydet.errors import OutputError

REMEDY = "Free some space, correct the permissions, or choose another output folder."


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary sibling to write to; it becomes ``path`` when the block ends without error.

    The sibling keeps the suffix of ``path``, for writers that choose the format by it.

    Args:
        path: Final name. Its folder is created.

    Yields:
        Temporary path in the same folder.

    Raises:
        OutputError: The system refused to write (permission, full disk).
    """
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(path, f"cannot be written ({error.strerror or error})", REMEDY) from error
    finally:
        with suppress(OSError):  # never in place of the error that led here
            temporary.unlink(missing_ok=True)


def write_text_atomically(path: Path, text: str) -> None:
    """Write a UTF-8 text file that appears whole or not at all.

    A file name that is no UTF-8 is written with escapes, as JSON has them.
    """
    with atomic_path(path) as temporary:
        # Lines end alike everywhere: the same content gives the same bytes.
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Write a binary file that appears whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def make_folder(path: Path) -> Path:
    """Create a folder (and its parents) and prove that it can be written to.

    Raises:
        OutputError: It cannot be created or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".probe.{secrets.token_hex(4)}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(path, f"cannot be written ({error.strerror or error})", REMEDY) from None
    return path


def require_space(path: Path, size_bytes: int) -> None:
    """Refuse to begin a file that the disk has no room for.

    For writers that do not survive a full disk: HDF5 ends the process.

    Args:
        path: File to be written; its folder exists.
        size_bytes: How large it will be at most.

    Raises:
        OutputError: Less than that is free.
    """
    try:
        free_bytes = shutil.disk_usage(path.parent).free
    except OSError:  # not told by every file system: then the writing shows it
        return
    if free_bytes < size_bytes:
        mib = 1 << 20
        found = f"needs {size_bytes / mib:.1f} MiB, only {free_bytes / mib:.1f} MiB are free"
        raise OutputError(path, found, REMEDY)
