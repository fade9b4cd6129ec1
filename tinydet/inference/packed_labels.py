"""The list of class names that TFLite's metadata pack behind a network, as a zip."""

import io
import zipfile
import zlib
from pathlib import Path

MAX_LABEL_BYTES = 1 << 20
UNREADABLE = (OSError, ValueError, NotImplementedError, RuntimeError, EOFError, zlib.error)


def packed_lines(file: Path | io.BytesIO) -> tuple[str, ...] | None:
    """The lines of the one list, without empty ones; None where there is no list, or several."""
    try:
        with zipfile.ZipFile(file) as packed:
            lists = [e for e in packed.infolist() if e.filename.lower().endswith(".txt")]
            if len(lists) != 1 or lists[0].file_size > MAX_LABEL_BYTES:
                return None
            text = packed.read(lists[0]).decode("utf-8")
    except (*UNREADABLE, zipfile.BadZipFile):
        return None
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def packed_labels(path: Path, num_classes: int) -> tuple[str, ...] | None:
    """Class names of the list.

    Args:
        path: The ``.tflite`` file.
        num_classes: Without the background, which the list may name first.

    Returns:
        None where there is no list of as many different names.
    """
    names = packed_lines(path) or ()
    if len(names) == num_classes + 1:
        names = names[1:]
    return names if len(names) == num_classes == len(set(names)) else None
