"""Image files one by one: can they be decoded, how large are they, which show the same."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tinydet.data.findings import Findings
from tinydet.data.images import decode_mended, has_its_end, read_bytes, read_image_size
from tinydet.data.input_files import read_input
from tinydet.errors import DataError
from tinydet.progress import track

FIRST_TURNED = 5  # EXIF orientations from here on swap height and width


@dataclass(frozen=True)
class ImageCheck:
    """One image file, decoded or only its header read.

    Attributes:
        size: ``(height, width)`` upright, pixels; None where it cannot be decoded.
        fault: Why it cannot be decoded, empty where it can.
        digest: Hash of the pixels; empty where it cannot be decoded, or only its header was read.
        is_mended: A JPEG without its end, read as far as it goes.
    """

    size: tuple[int, int] | None
    fault: str
    digest: str
    is_mended: bool = False


def check_images(paths: Sequence[Path], most_decoded: int | None = None) -> list[ImageCheck]:
    """Check image files on all cores, showing progress.

    Args:
        paths: Image files.
        most_decoded: Of more images only so many are decoded, evenly spread, and those that seem
            to be cut off; of the others the header is read. None decodes all.

    Returns:
        One result per path, in order.
    """
    step = 1.0 if most_decoded is None else max(1.0, len(paths) / max(1, most_decoded))
    decoded = {int(index * step) for index in range(int(len(paths) / step))}

    def check(index: int) -> ImageCheck:
        return check_image(paths[index]) if index in decoded else check_header(paths[index])

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # decoders release the interpreter lock
        checks = pool.map(check, range(len(paths)))
        return list(track(checks, "checking images", len(paths)))


def check_image(path: Path) -> ImageCheck:
    """Decode one image file."""
    try:
        pixels, is_mended = decode_mended(read_bytes(path), path)
    except DataError as error:
        return ImageCheck(None, error.found, "")
    height, width = pixels.shape[:2]
    digest = hashlib.blake2b(f"{height} {width} ".encode(), digest_size=16)
    digest.update(pixels.data)
    return ImageCheck((height, width), "", digest.hexdigest(), is_mended)


def check_header(path: Path) -> ImageCheck:
    """Read the header and the last bytes of one image file; decode it where its end is missing."""
    try:
        (height, width), orientation = read_image_size(path)
        if not has_its_end(path):
            return check_image(path)
    except DataError as error:
        return ImageCheck(None, error.found, "")
    is_turned = orientation >= FIRST_TURNED
    return ImageCheck((width, height) if is_turned else (height, width), "", "")


def find_shared(
    images: Iterable[Path],
    others: Mapping[str, Iterable[Path]],
    digests: Mapping[Path, str],
    findings: Findings,
) -> None:
    """Count the images of a part that another part has, too: the file itself or its pixels.

    Images that were not decoded are compared by the bytes of their files.

    Args:
        images: Of the part.
        others: Name of another part to its images.
        digests: Image file to the hash of its pixels; images not decoded are not in it.
        findings: Counts ``shared_images``.
    """
    images = list(images)
    for name, theirs in others.items():
        known: dict[str, Path] = {}
        undecoded: dict[int, list[Path]] = {}
        for path in theirs:
            known.setdefault(os.path.realpath(path), path)
            if digests.get(path):
                known.setdefault(digests[path], path)
            undecoded.setdefault(_size_bytes(path), []).append(path)
        for image in images:
            twin = known.get(os.path.realpath(image)) or known.get(digests.get(image) or "\0")
            if twin is None and not digests.get(image):
                twin = _same_bytes(image, undecoded.get(_size_bytes(image), ()))
            if twin is None and digests.get(image):
                rest = [p for p in undecoded.get(_size_bytes(image), ()) if not digests.get(p)]
                twin = _same_bytes(image, rest)
            if twin is not None:
                same = "" if twin == image else f" = {twin}"
                findings.add("shared_images", f"{image}{same} (in {name})")


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _same_bytes(image: Path, candidates: Iterable[Path]) -> Path | None:
    candidates = list(candidates)
    if not candidates:
        return None
    try:
        content = read_input(image)
        return next((path for path in candidates if read_input(path) == content), None)
    except DataError:
        return None
