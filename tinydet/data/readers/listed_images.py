"""Finds images by the names in label files, also by names that another machine gave them."""

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote

from tinydet.data.findings import Findings
from tinydet.data.image_files import list_images
from tinydet.data.readers.parts import part_of_folder

UPLOAD_MARK = re.compile(r"[0-9a-f]{8}-")  # Label Studio puts it before the name of an upload


class ListedImages:
    """Finds the files that label files name.

    A name is tried as it stands in each of the folders, that of the last image first. Where there
    is none (an absolute path or a server's address of another machine, backslashes, a folder
    put in front), the file of the data set with the longest common end of the path is taken, if
    it is the only one; counted as moved. A file in a folder of another part (``val`` for
    ``train``) is never taken so.

    Args:
        root: Folder of the data set; searched where a name is not found as it stands.
        findings: Counts what is moved, missing or ambiguous.
    """

    def __init__(self, root: Path, findings: Findings) -> None:
        self._root = root
        self._folders: list[Path] = [root]
        self._findings = findings
        self._by_name: dict[str, list[Path]] | None = None
        self._found: set[str] = set()

    def look_in(self, folders: Iterable[Path]) -> None:
        """From here on names are relative to one of these folders, most likely first."""
        self._folders = [folder for folder in dict.fromkeys(folders) if folder.is_dir()]

    def find(self, name: str, part: str | None = None, below: str = "") -> Path | None:
        """The image file, None where there is none (counted).

        Args:
            name: As the label file writes it.
            part: Of the data set, that the image is listed for.
            below: A folder that the name may leave out.
        """
        path = self._as_it_stands(f"{below}/{name}") if below else None
        if path is None:
            path = self._as_it_stands(name)
        if path is None:
            path = self._by_tail(name, part)
        if path is not None:
            self._found.add(os.path.abspath(path))
        return path

    def _as_it_stands(self, name: str) -> Path | None:
        for text in dict.fromkeys((name, name.replace("\\", "/"))):
            for index, folder in enumerate(self._folders):
                path = os.path.join(folder, text)
                if text and os.path.isfile(path):
                    if text != name:
                        self._findings.add("moved_images", f"{name} -> {path}")
                    if index:
                        self._folders.insert(0, self._folders.pop(index))
                    return Path(os.path.normpath(path))
        return None

    def _by_tail(self, name: str, part: str | None) -> Path | None:
        tail = path_parts(name)
        part = part or next((p for p in map(part_of_folder, tail[:-1]) if p), None)
        candidates: list[tuple[int, Path]] = []
        for wanted in names_of(tail):
            for path in self._index().get(wanted, ()):
                parts = self._parts_of(path)
                if part is None or part in parts or not parts:
                    length = _common_end([*tail[:-1], wanted], path.parts)
                    candidates.append((2 * length + (part in parts), path))
            if candidates:
                break
        best = max((length for length, _ in candidates), default=0)
        found = [path for length, path in candidates if length == best]
        if len(found) == 1:
            self._findings.add("moved_images", f"{name} -> {found[0]}")
            return found[0]
        kind = "ambiguous_images" if found else "missing_images"
        looked_for = dict.fromkeys(("/".join(tail[-2:]), *tail[-1:]))
        where = "" if found else f" (no {' or '.join(looked_for)} below {self._root})"
        self._findings.add(kind, f"{name}{where}" if tail else repr(name))
        return None

    def _parts_of(self, path: Path) -> list[str]:
        folders = path.relative_to(self._root).parts[:-1]
        return [part for part in map(part_of_folder, folders) if part]

    def _index(self) -> dict[str, list[Path]]:
        if self._by_name is None:
            self._by_name = {}
            for path in list_images(self._root, self._findings):
                self._by_name.setdefault(one_spelling(path.name).lower(), []).append(path)
        return self._by_name

    def unlisted(self) -> list[Path]:
        """The images of the data set that no label file has asked for."""
        paths = [path for paths in self._index().values() for path in paths]
        return sorted(path for path in paths if os.path.abspath(path) not in self._found)


def path_parts(name: str) -> list[str]:
    r"""Folders and file name of a path or address of any system.

    >>> path_parts("C:\\data\\a b.jpg"), path_parts("/data/local-files/?d=set/a%20b.jpg")
    (['C:', 'data', 'a b.jpg'], ['set', 'a b.jpg'])
    >>> path_parts("https://host/x/a.jpg?width=3")
    ['https:', 'host', 'x', 'a.jpg']
    """
    if "?d=" in name:
        name = unquote(name.partition("?d=")[2])
    elif "://" in name:
        name = unquote(name.partition("?")[0])
    return [part for part in re.split(r"[\\/]+", name) if part not in ("", ".", "..")]


def one_spelling(name: str) -> str:
    """A name with each accented letter as one character; macOS writes some as two."""
    return unicodedata.normalize("NFC", name)


def names_of(tail: Sequence[str]) -> list[str]:
    """File names to look for, in lower case: as written, then without an upload's mark."""
    if not tail:
        return []
    name = one_spelling(tail[-1]).lower()
    mark = UPLOAD_MARK.match(name)
    return [name, name[mark.end() :]] if mark else [name]


def _common_end(tail: Sequence[str], parts: Sequence[str]) -> int:
    count = 0
    for mine, other in zip(reversed(tail), reversed(parts), strict=False):
        if one_spelling(mine).lower() != one_spelling(other).lower():
            break
        count += 1
    return count
