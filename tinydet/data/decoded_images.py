"""Decoded images, kept in memory and on disk, so that no file is decoded in every epoch."""

import hashlib
import os
import shutil
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from tinydet.config.files import atomic_path, make_folder
from tinydet.data.images import ImageArray, read_image
from tinydet.errors import OutputError

MEMORY_SHARE = 4  # a quarter of the free memory may hold decoded images
MOST_MEMORY_BYTES = 3 << 30
FREE_DISK_BYTES = 2 << 30  # stays free for the run's own files and for everybody else
SUFFIX = ".rgb"
_HEADER = struct.Struct("<8sII")  # magic, height, width; then the pixels
_MAGIC = b"tinydet1"
GIB = 1 << 30


class DiskCache:
    """Decoded images in a folder, which several runs and processes may share.

    An entry is named by the file's path, size and time of change and by the largest side, so a
    file that has changed is decoded anew. Entries appear whole or not at all. Nothing is removed
    but by the user: delete the folder.

    Args:
        folder: Made where it does not exist.
        limit_bytes: Entries of the folder altogether; what is there counts.
        say: Told once when no more is kept, and why.

    Raises:
        OutputError: The folder cannot be made or written to.
    """

    def __init__(
        self, folder: Path, limit_bytes: int, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.folder = make_folder(folder)
        self._say = say
        self._lock = threading.Lock()
        self._full = False
        self._room_bytes = limit_bytes - sum(
            entry.stat().st_size
            for shelf in os.scandir(folder)
            if shelf.is_dir()
            for entry in os.scandir(shelf)
        )

    def read(self, path: Path, largest_side: int | None) -> ImageArray | None:
        """An image that is there; None where it is not, or its entry is damaged."""
        try:
            content = self._entry(path, largest_side).read_bytes()
        except OSError:
            return None
        if len(content) < _HEADER.size:
            return None
        magic, height, width = _HEADER.unpack_from(content)
        if magic != _MAGIC or len(content) != _HEADER.size + height * width * 3:
            return None
        pixels = np.frombuffer(content, np.uint8, offset=_HEADER.size)
        return pixels.reshape(height, width, 3)

    def keep(self, path: Path, largest_side: int | None, image: ImageArray) -> None:
        """Add an image while there is room; a full disk ends the keeping, not the training."""
        size_bytes = _HEADER.size + image.nbytes
        with self._lock:
            if self._full:
                return
            if size_bytes > self._room_bytes:
                self._stop("its limit is reached")
                return
            if shutil.disk_usage(self.folder).free - size_bytes < FREE_DISK_BYTES:
                self._stop(f"less than {FREE_DISK_BYTES // GIB} GiB of the disk are free")
                return
            self._room_bytes -= size_bytes
        try:
            with atomic_path(self._entry(path, largest_side)) as temporary:
                temporary.write_bytes(_HEADER.pack(_MAGIC, *image.shape[:2]) + image.tobytes())
        except OutputError as error:
            with self._lock:
                if not self._full:
                    self._stop(str(error))

    def _stop(self, reason: str) -> None:
        self._full = True
        self._say(
            f"training.cache_dir: no more decoded images are kept in {self.folder} ({reason}); "
            "the others are decoded in every epoch"
        )

    def _entry(self, path: Path, largest_side: int | None) -> Path:
        status = path.stat()
        what = f"{os.path.abspath(path)}|{status.st_size}|{status.st_mtime_ns}|{largest_side}"
        name = hashlib.blake2b(what.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
        return self.folder / name[:2] / f"{name}{SUFFIX}"


class DecodedImages:
    """Images by their file: from memory, else from the disk cache, else decoded.

    Safe to use from several threads.

    Args:
        memory_bytes: Of images that may be kept in memory; those that came first stay.
        disk: Where else decoded images are kept; None for nowhere.
        largest_side: Images with a longer side, in pixels, are shrunk to it; None keeps all as
            they are.
    """

    def __init__(
        self,
        memory_bytes: int = 0,
        disk: DiskCache | None = None,
        largest_side: int | None = None,
    ) -> None:
        self.largest_side = largest_side
        self._room_bytes = memory_bytes
        self._disk = disk
        self._images: dict[Path, ImageArray] = {}

    @property
    def is_kept(self) -> bool:
        """Whether images stay here or on disk, for the threads of this process."""
        return self._room_bytes > 0 or self._disk is not None

    def read(self, path: Path) -> ImageArray:
        """The pixels of an image file, see ``read_image``; not to be changed.

        Raises:
            DataError: The file cannot be read or decoded.
        """
        image = self._images.get(path)
        if image is None:
            image = self._from_disk(path)
            if image.nbytes <= self._room_bytes:
                self._room_bytes -= image.nbytes
                self._images[path] = image
        return image

    def _from_disk(self, path: Path) -> ImageArray:
        if self._disk is None:
            return read_image(path, self.largest_side)
        image = self._disk.read(path, self.largest_side)
        if image is None:
            image = read_image(path, self.largest_side)
            self._disk.keep(path, self.largest_side, image)
        return image


def memory_for_images() -> int:
    """Bytes of memory that decoded images may take: a share of what is free, with a limit.

    What a container is allowed counts as well as what the machine has.
    """
    free = [MOST_MEMORY_BYTES * MEMORY_SHARE]
    with suppress(AttributeError, ValueError, OSError):  # not told by every system
        free.append(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    group = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):  # no container, or "max"
        allowed = int((group / "memory.max").read_text())
        free.append(allowed - int((group / "memory.current").read_text()))
    return max(0, min(free) // MEMORY_SHARE)
