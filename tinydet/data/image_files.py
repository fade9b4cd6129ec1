"""Finding image files: by their suffix, what cannot be decoded and what is no picture counted."""

import os
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tinydet.data.findings import Findings
from tinydet.data.input_files import unreadable
from tinydet.errors import DataError

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".dib"),
    *(".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".avif"),
)
HEIC_SUFFIXES = (".heic", ".heif", ".hif")
# Pictures that nothing here decodes.
FOREIGN_SUFFIXES = (
    *(".jxl", ".tga", ".svg", ".exr", ".hdr", ".psd", ".dcm", ".raw", ".dng", ".cr2", ".cr3"),
    *(".nef", ".arw", ".orf", ".rw2", ".raf"),
)
# What tinydet itself writes: never a picture to train on. A folder with one of these files is the
# output of `predict` or of a run, and passed over where it lies in an image folder.
OUTPUT_MARKS = {"predictions.jsonl", "tinydet.log"}
CHECK_FILE = "check.json"
# Where file servers and systems keep thumbnails and what was deleted: as good as hidden.
SYSTEM_FOLDERS = ("@eadir", "#recycle", "$recycle.bin", "__macosx")
CHECK_PICTURES = {"class_histogram.png", "box_sizes.png", "samples.png"}


@cache
def decodes_heic() -> bool:
    """Whether the optional decoder of HEIC pictures is installed."""
    return find_spec("pillow_heif") is not None


def image_suffixes() -> tuple[str, ...]:
    """The suffixes of image files that can be decoded here, in lower case."""
    return IMAGE_SUFFIXES + HEIC_SUFFIXES if decodes_heic() else IMAGE_SUFFIXES


def is_image_name(name: str) -> bool:
    """Whether a file name has an image suffix, in any case, and is not hidden.

    >>> is_image_name("a.JPG"), is_image_name("._a.jpg"), is_image_name("a.txt")
    (True, False, False)
    """
    return name.lower().endswith(image_suffixes()) and not name.startswith(".")


def list_images(folder: Path, findings: Findings | None = None) -> list[Path]:
    """All image files in a folder and the folders below it, by their suffix.

    Links to folders are followed (each folder once). Hidden files and folders (a leading dot, or
    a system's own) are not images: file managers, servers and editors leave their thumbnails
    there. Nor are pictures that tinydet wrote.

    Args:
        folder: Where to look.
        findings: Counts pictures that cannot be decoded here and those that tinydet wrote.

    Returns:
        Paths that begin with ``folder``, sorted by their text.

    Raises:
        DataError: The folder does not exist or cannot be read.
    """
    if not os.path.isdir(folder):
        raise DataError(folder, "is not a folder", "Correct the path.")
    findings = Findings() if findings is None else findings
    found = [path for path in _files(str(folder), findings) if is_image_name(path.name)]
    return sorted(found, key=str)


def _files(root: str, findings: Findings) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise unreadable(error.filename, error, "Correct the path.")

    seen: set[str] = set()
    undecodable: dict[str, list[str]] = {}
    foreign = FOREIGN_SUFFIXES if decodes_heic() else FOREIGN_SUFFIXES + HEIC_SUFFIXES
    for parent, folders, names in os.walk(root, followlinks=True, onerror=refuse):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        if parent != root and not OUTPUT_MARKS.isdisjoint(names):
            findings.add("own_pictures", parent, sum(is_image_name(name) for name in names))
            folders.clear()
            continue
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name.lower() not in SYSTEM_FOLDERS
        ]
        own = CHECK_PICTURES if CHECK_FILE in names else set()
        for name in names:
            path = os.path.join(parent, name)
            if name in own:
                findings.add("own_pictures", path)
            elif name.lower().endswith(foreign) and not name.startswith("."):
                undecodable.setdefault(os.path.splitext(name)[1].lower(), []).append(path)
            else:
                yield Path(path)
    for suffix, paths in sorted(undecodable.items()):
        what = f"{len(paths)} {suffix}, such as {paths[0]}"
        findings.add("undecodable_pictures", what, len(paths))
