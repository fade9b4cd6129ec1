"""A data set in one small file: images shrunk to what training needs, and their labels.

The file is a zip file that holds a COCO data set with its images stored as they are (nothing is
compressed twice), so that every part of tinydet takes it as a data set, and every other tool can
open it.
"""

import io
import json
import os
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from tinydet.config.files import atomic_path
from tinydet.data.dataset import Dataset, Sample
from tinydet.data.images import read_image
from tinydet.errors import DataError
from tinydet.look_ahead import in_order
from tinydet.progress import track
from tinydet.result import Result, shown_path

QUALITY = 75  # of the JPEGs: 10 KB for a photo of 256 pixels
AHEAD = 8  # images in the making, beyond one per thread
MIB = 1 << 20
FOLDER_OF_ALL = "images"  # where the data set has no parts
FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # the same images and labels give the same file


@dataclass(frozen=True)
class Pack(Result):
    """A packed data set.

    Attributes:
        path: The zip file.
        images: Number of images in it, by part (``""`` where the data set has no parts).
        boxes: Number of boxes.
        size_bytes: Size of the file.
        unreadable: Images that could not be read and are left out, each with the reason.
    """

    path: Path
    images: dict[str, int]
    boxes: int
    size_bytes: int
    unreadable: tuple[str, ...]

    def __str__(self) -> str:
        parts = ", ".join(f"{part or 'all'} {count:,}" for part, count in self.images.items())
        lines = [
            f"Wrote {shown_path(self.path)}: {parts} images, {self.boxes:,} boxes, "
            f"{self.size_bytes / MIB:.1f} MiB"
        ]
        lines += [f"left out: {reason}" for reason in self.unreadable]
        return "\n".join(lines)


def pack_dataset(
    dataset: Dataset, output: Path, *, side: int = 256, quality: int = QUALITY
) -> Pack:
    """Write a data set into one file.

    Args:
        dataset: With at least one image.
        output: ``.zip`` file.
        side: Images with a longer side, pixels, are shrunk to it, their proportions kept.
        quality: Of the JPEGs, 1 to 95.

    Returns:
        What is in the file.

    Raises:
        OutputError: It cannot be written.
        DataError: No image can be read.
    """
    part_of = {image: part for part, images in dataset.parts.items() for image in images}
    records: dict[str, dict[str, list[Any]]] = {}
    unreadable: list[str] = []
    with atomic_path(output) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        images = _encoded(dataset.samples, side, quality)
        for sample, (content, size) in track(images, "packing", len(dataset)):
            if isinstance(content, DataError):
                unreadable.append(str(content))
                continue
            part = part_of.get(sample.path, "")
            record = records.setdefault(part, {"images": [], "annotations": []})
            name = f"{len(record['images']):06}.jpg"
            _store(archive, f"{part or FOLDER_OF_ALL}/{name}", content)
            _add(record, sample, name, size)
        if not records:
            raise DataError(output, "would have no image: none can be read", unreadable[0])
        categories = [{"id": i, "name": name} for i, name in enumerate(dataset.class_names)]
        for part, record in records.items():
            text = json.dumps({**record, "categories": categories})
            _store(archive, f"annotations/instances_{part or 'default'}.json", text.encode())
    return Pack(
        output,
        {part: len(record["images"]) for part, record in records.items()},
        sum(len(record["annotations"]) for record in records.values()),
        output.stat().st_size,
        tuple(unreadable),
    )


Encoded = tuple[bytes | DataError, tuple[int, int]]


def _encoded(
    samples: tuple[Sample, ...], side: int, quality: int
) -> Iterator[tuple[Sample, Encoded]]:
    def encode(sample: Sample) -> tuple[Sample, Encoded]:
        try:
            pixels = read_image(sample.path, side)
        except DataError as error:
            return sample, (error, (0, 0))
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=quality, optimize=True)
        return sample, (stream.getvalue(), (pixels.shape[0], pixels.shape[1]))

    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        yield from in_order(pool, encode, samples, threads + AHEAD)


def _store(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    kind = zipfile.ZIP_DEFLATED if name.endswith(".json") else zipfile.ZIP_STORED
    archive.writestr(zipfile.ZipInfo(name, FIXED_TIME), content, kind)


def _add(record: dict[str, list[Any]], sample: Sample, name: str, size: tuple[int, int]) -> None:
    """Enter an image and its boxes as COCO has them."""
    height, width = size
    image_id = len(record["images"]) + 1
    image = {"id": image_id, "file_name": name, "height": height, "width": width}
    record["images"].append({**image, "source": sample.path.name})
    for box, class_id, ignored in zip(
        sample.boxes.tolist(), sample.class_ids.tolist(), sample.ignored.tolist(), strict=True
    ):
        x, y, right, bottom = (edge * (width, height)[i % 2] for i, edge in enumerate(box))
        record["annotations"].append(
            {
                "id": len(record["annotations"]) + 1,
                "image_id": image_id,
                "category_id": class_id,
                "bbox": [x, y, right - x, bottom - y],
                "area": (right - x) * (bottom - y),
                "iscrowd": int(ignored),
            }
        )
