"""Class names as names of files."""

from collections.abc import Sequence
from pathlib import Path

MOST_BYTES = 120  # of a name: systems take 255 with all that is put before and after it


def safe_file_name(name: str) -> str:
    """A class name as a file name, the end of a long one left out.

    >>> safe_file_name("traffic light"), safe_file_name("a/b: c"), safe_file_name("..")
    ('traffic light', 'a_b_ c', '__')
    """
    kept = "".join(c if c.isalnum() or c in " -_()+" else "_" for c in name).strip()
    return kept.encode()[:MOST_BYTES].decode(errors="ignore").strip() or "_"


def unique_paths(folder: Path, names: Sequence[str], suffix: str) -> list[Path]:
    """One path for each name; names that would share a file (also ``A`` and ``a``) are numbered."""
    taken: set[str] = set()
    paths = []
    for number, name in enumerate(names):
        file_name = safe_file_name(name)
        while file_name.lower() in taken:
            file_name = f"{file_name}_{number}"
        taken.add(file_name.lower())
        paths.append(folder / f"{file_name}{suffix}")
    return paths
