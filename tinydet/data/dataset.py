"""A labelled data set, or several, in any of the usual formats, recognised by itself."""

import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray, IntArray
from tinydet.data.cleaning import choose_classes, clean_boxes
from tinydet.data.findings import Findings
from tinydet.data.readers.annotations import Annotations
from tinydet.data.readers.parts import SPLITS
from tinydet.data.readers.recognition import recognise
from tinydet.errors import DataError

DataPaths = Path | str | Sequence[Path | str]
# Findings that say why there is no image.
NOT_FOUND = {
    "missing_images": "listed, but missing",
    "ambiguous_images": "listed under a name that several files have",
    "embedded_images": "only inside their label files (imageData)",
}
REMEDY_FOR_NUMBERS = "Give class_names, or a classes.txt in each."


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
        format: Label format: ``YOLO``, ``COCO``, ``Pascal VOC``, ``TFS``, ``labelme``, ...
        findings: What was dropped or mended while reading.
        parts: Part (``train``, ``val``, ``test``; ``""`` where there are none) to its images.
        splits: All parts that the data set has, also those not read.
        are_numbered: No file names the classes.
        has_open_classes: The label files list no classes, ``class_names`` are those seen.
    """

    class_names: tuple[str, ...]
    samples: tuple[Sample, ...]
    format: str
    findings: Findings
    parts: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    splits: tuple[str, ...] = ()
    are_numbered: bool = False
    has_open_classes: bool = False

    def __len__(self) -> int:
        return len(self.samples)


def data_paths(path: DataPaths) -> list[Path]:
    """One path or several as a list."""
    return [Path(path)] if isinstance(path, str | Path) else [Path(p) for p in path]


def load_dataset(
    path: DataPaths,
    class_names: Sequence[str] | None = None,
    split: str | None = None,
    image_folder: Path | None = None,
) -> Dataset:
    """Read the labels of a data set; no image is decoded.

    Args:
        path: Folder of a data set, an image folder of one, a file that describes one
            (``data.yaml``, COCO ``.json``, ...), or a zip file of it; see docs/data.md. Several
            are joined, their classes by name.
        class_names: Classes to use, in this order; boxes of others are dropped and counted. None
            takes all classes of the data set. Where labels are numbers without names anywhere,
            the names of 0, 1, 2, ...
        split: ``train``, ``val`` or ``test``; None takes all there is. Where the data set has no
            parts (see ``available_splits``) all is taken.
        image_folder: Where the images are, for labels that lie elsewhere; None searches near the
            labels.

    Returns:
        The data set. Images without a box of the chosen classes stay, as negatives.

    Raises:
        DataError: Nothing is there, the format is not recognised, the part does not exist, a
            class name is unknown, or labels are faulty (all faults at once).
    """
    if split is not None and split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}, got {split!r}")
    paths = data_paths(path)
    if len(paths) == 1:
        annotations = _read(paths[0], class_names, split, image_folder)
        return _dataset(annotations, class_names, paths[0])
    sets = [load_all_classes(one, class_names, split, image_folder) for one in paths]
    return join_datasets(sets, class_names)


def load_all_classes(
    path: Path,
    names_of_numbers: Sequence[str] | None = None,
    split: str | None = None,
    image_folder: Path | None = None,
) -> Dataset:
    """One of several data sets that are to be joined, with all of its classes.

    Args:
        path: See ``load_dataset``.
        names_of_numbers: Names of the classes, for labels that are numbers without names anywhere.
        split: See ``load_dataset``.
        image_folder: See ``load_dataset``.
    """
    return _dataset(_read(path, names_of_numbers, split, image_folder), None, path)


def available_splits(path: DataPaths) -> tuple[str, ...]:
    """Which of ``train``, ``val`` and ``test`` a data set has by itself; empty where none.

    Raises:
        DataError: As ``load_dataset``, where the format is not recognised.
    """
    found = {split for one in data_paths(path) for split in recognise(one)[0].splits}
    return tuple(split for split in SPLITS if split in found)


def join_datasets(datasets: Sequence[Dataset], class_names: Sequence[str] | None) -> Dataset:
    """Several data sets as one, their classes brought together by name.

    Args:
        datasets: At least one.
        class_names: Classes to use; None takes all, in the order in which they come.

    Raises:
        DataError: A data set gives its classes by number only and ``class_names`` is missing, or a
            class name is unknown.
    """
    if len(datasets) > 1 and not class_names and any(d.are_numbered for d in datasets):
        found = "a data set numbers its classes without names, so they cannot be matched by name"
        raise DataError(" + ".join(d.format for d in datasets), found, REMEDY_FOR_NUMBERS)
    known = list(dict.fromkeys(name for d in datasets for name in d.class_names))
    are_open = any(d.has_open_classes for d in datasets)
    names, _ = choose_classes(known, class_names, "the data sets", are_open)
    position = {name: index for index, name in enumerate(names)}
    findings = Findings()
    samples: dict[Path, Sample] = {}
    parts: dict[str, list[Path]] = {}
    for dataset in datasets:
        findings.include(dataset.findings)
        new_ids = np.array([position.get(name, -1) for name in dataset.class_names], np.int64)
        for part, images in dataset.parts.items():
            parts.setdefault(part, []).extend(images)
        for sample in dataset.samples:
            if sample.path in samples:
                findings.add("repeated_images", sample.path)
            else:
                samples[sample.path] = _with_classes(sample, new_ids, findings)
    findings.drop("absent_classes")
    formats = " + ".join(dict.fromkeys(d.format for d in datasets))
    numbered = all(d.are_numbered for d in datasets)
    splits = tuple(split for split in SPLITS if any(split in d.splits for d in datasets))
    joined = Dataset(
        names, tuple(samples.values()), formats, findings, parts, splits, numbered, are_open
    )
    _count_classes(joined)
    return joined


def _with_classes(sample: Sample, new_ids: IntArray, findings: Findings) -> Sample:
    class_ids = new_ids[sample.class_ids]
    keep = class_ids >= 0
    if not keep.all():
        findings.add("other_class_boxes", sample.path, int((~keep).sum()))
    columns = sample.boxes[keep], class_ids[keep], sample.ignored[keep]
    for column in columns:
        column.flags.writeable = False
    return Sample(sample.path, *columns)


def _read(
    path: Path, class_names: Sequence[str] | None, split: str | None, image_folder: Path | None
) -> Annotations:
    source, findings = recognise(path, image_folder)
    if split and source.splits and split not in source.splits:
        raise DataError(
            path,
            f"the data set has no part {split!r}",
            f"It has: {', '.join(source.splits)}. Give the path of the images you mean.",
        )
    annotations = source.read(split if source.splits else None, class_names)
    annotations.splits = source.splits
    annotations.findings.include(findings)
    if not annotations.paths:
        examples = annotations.findings.examples
        looked = "".join(
            f"; {what}: {', '.join(examples[kind])}"
            for kind, what in NOT_FOUND.items()
            if kind in examples
        )
        found = f"no image found ({source.format}){looked}"
        raise DataError(path, found, "Correct the path, or put the images there.")
    return annotations


def _dataset(annotations: Annotations, class_names: Sequence[str] | None, where: Path) -> Dataset:
    names, new_ids = choose_classes(
        annotations.class_names, class_names, where, annotations.open_classes
    )
    image_index, boxes, class_ids, ignored = clean_boxes(annotations, new_ids)
    for column in (boxes, class_ids, ignored):
        column.flags.writeable = False  # samples are shared by all epochs and threads
    ends = np.searchsorted(image_index, np.arange(len(annotations.paths)), side="right")
    starts = np.concatenate([[0], ends[:-1]])
    samples = tuple(
        Sample(image, boxes[start:end], class_ids[start:end], ignored[start:end])
        for image, start, end in zip(annotations.paths, starts, ends, strict=True)
    )
    dataset = Dataset(
        names,
        samples,
        annotations.format,
        annotations.findings,
        annotations.parts,
        annotations.splits,
        annotations.are_numbered,
        annotations.open_classes,
    )
    _count_classes(dataset)
    return dataset


def _count_classes(dataset: Dataset) -> None:
    """Count classes without a box, and names that look like one class written in two ways."""
    seen = np.zeros(len(dataset.class_names), np.bool_)
    for sample in dataset.samples:
        seen[sample.class_ids] = True
    for name, is_seen in zip(dataset.class_names, seen, strict=True):
        if not is_seen:
            dataset.findings.add("absent_classes", name)
    keys = Counter(map(_class_key, dataset.class_names))
    for name in dataset.class_names:
        if keys[_class_key(name)] > 1:
            dataset.findings.add("similar_classes", name)


def _class_key(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def without_images(dataset: Dataset, left_out: Collection[Path]) -> Dataset:
    """The data set without some of its images, as those that cannot be read."""
    if not left_out:
        return dataset
    return replace(dataset, samples=tuple(s for s in dataset.samples if s.path not in left_out))
