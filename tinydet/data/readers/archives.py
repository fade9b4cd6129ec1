"""Zip files of data sets: unpacked once, safely, into the user's cache."""

import hashlib
import os
import re
import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from tinydet.config.files import make_folder
from tinydet.data.input_files import open_input
from tinydet.errors import DataError, OutputError
from tinydet.progress import track

GIB = 1 << 30
FREE_BYTES = 2 * GIB  # of the disk stay free
MOST_FILES = 2_000_000
# Pictures and labels do not shrink to a hundredth: beyond both limits it is made to fill the disk.
MOST_RATIO, HARMLESS_BYTES = 100, GIB
CHUNK_BYTES = 1 << 20
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")
REMEDY = "Unpack it yourself and give the folder."
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError),
)


def is_zip(path: Path) -> bool:
    """Whether a path is a zip file, by its first bytes."""
    if not path.is_file():
        return False
    with open_input(path) as stream:
        return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def unpack(path: Path) -> tuple[Path, list[str]]:
    """Unpack a zip file into the cache, unless it is there already.

    The cache is ``tinydet/archives`` in ``$XDG_CACHE_HOME`` (``~/.cache``). A file that was
    changed is unpacked anew. Hidden files and what macOS adds are left out.

    Args:
        path: The zip file.

    Returns:
        ``(folder, archives inside)``: the latter are not unpacked.

    Raises:
        DataError: It is damaged, has a password, would write outside of its folder, or unpacks to
            more than such a file can hold.
        OutputError: The cache cannot be written.
    """
    status = path.stat()
    key = f"{os.path.abspath(path)}|{status.st_size}|{status.st_mtime_ns}"
    digest = hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    label = re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem)[:40]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinydet/archives"
    folder = cache / f"{label}-{digest}"
    try:
        with open_input(path) as stream, zipfile.ZipFile(stream) as archive:
            entries = _entries(path, archive, status.st_size)
            if not folder.is_dir():
                make_folder(cache)
                _refuse_if_too_large(path, cache, entries)
                _extract(archive, entries, folder)
    except DAMAGED as error:
        raise DataError(path, f"is not a readable zip file ({error})", REMEDY) from None
    return folder, [name for name, _ in entries if name.lower().endswith(ARCHIVES)]


Entries = Sequence[tuple[str, zipfile.ZipInfo]]


def _entries(path: Path, archive: zipfile.ZipFile, size_bytes: int) -> Entries:
    """Name and entry of each file, all of them inside of the folder, each name once."""
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.replace("\\", "/")
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or ":" in name[:2]:
            raise DataError(path, f"has a file that leaves its folder ({name})", REMEDY)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise DataError(path, f"has a link ({name})", REMEDY)
        if info.flag_bits & 1:
            raise DataError(path, "has a password", REMEDY)
        if not name:
            raise DataError(path, "has a file without a name", REMEDY)
        if info.is_dir() or any(part.startswith((".", "__MACOSX")) for part in parts):
            continue
        if name in entries:
            raise DataError(path, f"has two files with the name {name}", REMEDY)
        entries[name] = info
    total_bytes = sum(info.file_size for info in entries.values())
    is_bomb = total_bytes > max(HARMLESS_BYTES, MOST_RATIO * size_bytes)
    if is_bomb or len(entries) > MOST_FILES:
        found = f"would unpack to {total_bytes / GIB:.1f} GiB in {len(entries)} files"
        raise DataError(
            path, f"{found}, more than the pictures in such a zip file can have", REMEDY
        )
    return list(entries.items())


def _refuse_if_too_large(path: Path, cache: Path, entries: Entries) -> None:
    total_bytes = sum(info.file_size for _, info in entries)
    if shutil.disk_usage(cache).free < total_bytes + FREE_BYTES:
        found = f"needs {total_bytes / GIB:.1f} GiB to unpack {path.name}, more than is free"
        remedy = "Free some space, or set XDG_CACHE_HOME to another disk."
        raise OutputError(cache, found, remedy)


def _extract(archive: zipfile.ZipFile, entries: Entries, folder: Path) -> None:
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        for name, info in track(entries, "unpacking"):
            target = temporary / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy, CHUNK_BYTES)
        temporary.mkdir(parents=True, exist_ok=True)
        if not folder.is_dir():  # else another process was faster
            temporary.rename(folder)
    except OSError as error:
        found = f"cannot be unpacked to ({error.strerror or error})"
        remedy = "Free some space, or set XDG_CACHE_HOME to another folder."
        raise OutputError(folder, found, remedy) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
