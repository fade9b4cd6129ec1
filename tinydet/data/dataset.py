"""A labelled data set in any of the usual formats, recognised by itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray, IntArray
from tinydet.data.cleaning import choose_classes, clean_boxes
from tinydet.data.findings import Findings
from tinydet.data.images import list_images
from tinydet.data.readers.annotations import SPLITS, Source
from tinydet.data.readers.coco import FORMAT as COCO_FORMAT
from tinydet.data.readers.coco import CocoSource, find_coco
from tinydet.data.readers.voc import FORMAT as VOC_FORMAT
from tinydet.data.readers.voc import VocSource, find_voc
from tinydet.data.readers.yolo_layout import find_label_files, find_yolo_yaml
from tinydet.data.splits import split_by_name
from tinydet.errors import DataError

__all__ = ["Dataset", "Sample", "available_splits", "load_dataset", "split_by_name"]

LOOKED_FOR = (
    "a YOLO data.yaml, images/ with labels/, image files with .txt files of the same name; "
    "a COCO .json with images, annotations and categories, here or in annotations/; "
    "Pascal VOC JPEGImages/ with Annotations/, image files with .xml files of the same name; "
    "image files with .tfs files of the same name"
)


@dataclass(frozen=True)
class Sample:
    """One image and its labelled boxes. The arrays are read-only.

    Attributes:
        path: Image file; exists, not yet decoded.
        boxes: ``[N, 4]`` float32 ``(x_min, y_min, x_max, y_max)``, fractions of the EXIF-upright
            image, in [0, 1], area > 0. N may be 0: an image without objects.
        class_ids: ``[N]`` int64, index into the class names of the data set.
        ignored: ``[N]`` bool, crowd or difficult: neither hit nor miss, neither positive nor
            negative.
    """

    path: Path
    boxes: FloatArray
    class_ids: IntArray
    ignored: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Dataset:
    """Labelled images.

    Attributes:
        class_names: Names in index order, without the background.
        samples: The images, in order of the file list.
        format: Label format: ``YOLO``, ``COCO``, ``Pascal VOC`` or ``TFS``.
        findings: What was dropped or mended while reading.
    """

    class_names: tuple[str, ...]
    samples: tuple[Sample, ...]
    format: str
    findings: Findings

    def __len__(self) -> int:
        return len(self.samples)


def load_dataset(
    path: Path,
    class_names: Sequence[str] | None = None,
    split: str | None = None,
    image_folder: Path | None = None,
) -> Dataset:
    """Read the labels of a data set; no image is decoded.

    Args:
        path: Folder of a data set (YOLO, COCO, Pascal VOC, or image files with their label
            files), image folder of a YOLO or VOC tree, a ``data.yaml``, or a COCO ``.json``.
        class_names: Classes to use, in this order; boxes of others are dropped and counted. None
            takes all classes of the data set. Where labels are numbers without names anywhere,
            the names of 0, 1, 2, ...
        split: ``train``, ``val`` or ``test``; None takes all there is. Where the data set has no
            parts (see ``available_splits``) all is taken.
        image_folder: Where the images are, for COCO and Pascal VOC labels that lie elsewhere; None
            searches near the labels.

    Returns:
        The data set. Images without a box of the chosen classes stay, as negatives.

    Raises:
        DataError: Nothing is there, the format is not recognised, the part does not exist, a
            class name is unknown, or labels are faulty (all faults at once).
    """
    path = Path(path)
    source = _recognise(path) if image_folder is None else _with_images(path, image_folder)
    if split is not None and split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}, got {split!r}")
    if split and source.splits and split not in source.splits:
        raise DataError(
            path,
            f"the data set has no part {split!r}",
            f"It has: {', '.join(source.splits)}. Give the path of the images you mean.",
        )
    annotations = source.read(split if source.splits else None, class_names)
    if image_folder is not None and source.format not in (COCO_FORMAT, VOC_FORMAT):
        annotations.findings.add("unused_image_folders", image_folder)
    if not annotations.paths:
        raise DataError(path, f"no image found ({source.format})", "Correct the path.")
    names, new_ids = choose_classes(annotations, class_names, path)
    image_index, boxes, class_ids, ignored = clean_boxes(annotations, new_ids)
    seen = np.bincount(class_ids, minlength=len(names))
    for name, count in zip(names, seen, strict=True):
        if not count:
            annotations.findings.add("absent_classes", name)
    for column in (boxes, class_ids, ignored):
        column.flags.writeable = False  # samples are shared by all epochs and threads
    ends = np.searchsorted(image_index, np.arange(len(annotations.paths)), side="right")
    starts = np.concatenate([[0], ends[:-1]])
    samples = tuple(
        Sample(image, boxes[start:end], class_ids[start:end], ignored[start:end])
        for image, start, end in zip(annotations.paths, starts, ends, strict=True)
    )
    return Dataset(names, samples, annotations.format, annotations.findings)


def available_splits(path: Path) -> tuple[str, ...]:
    """Which of ``train``, ``val`` and ``test`` a data set has by itself; empty where none.

    Raises:
        DataError: As ``load_dataset``, where the format is not recognised.
    """
    return _recognise(Path(path)).splits


def _with_images(path: Path, image_folder: Path) -> Source:
    """Labels with their images in another folder; YOLO and TFS labels have them beside."""
    if path.is_dir() and next(path.glob("*.xml"), None) is not None:
        return VocSource(path, image_folder, path, {})
    source = _recognise(path)
    if isinstance(source, VocSource):
        return replace(source, images=image_folder)
    return replace(source, image_folder=image_folder) if isinstance(source, CocoSource) else source


def _recognise(path: Path) -> Source:
    if not path.exists():
        raise DataError(path, "does not exist", "Correct the path of the data set.")
    finders: tuple[Callable[[Path], Source | None], ...] = (
        find_yolo_yaml,
        find_coco,
        find_voc,
        find_label_files,
    )
    for find in finders:
        source = find(path)
        if source is not None:
            return source
    if path.is_dir() and not list_images(path):
        raise DataError(path, "has no image and no data set description", f"Give {LOOKED_FOR}.")
    raise DataError(
        path, "no labels of a known format found", f"Looked for {LOOKED_FOR}. None is there."
    )
