"""Which images each stage works on, by the ``dataset`` section."""

import os
from dataclasses import replace
from pathlib import Path

from tinydet.config.schema import UserConfig
from tinydet.config.schema.basics import DatasetSection
from tinydet.data.dataset import (
    DataPaths,
    Dataset,
    available_splits,
    data_paths,
    join_datasets,
    load_all_classes,
    load_dataset,
    without_images,
)
from tinydet.data.image_files import is_image_name, list_images
from tinydet.data.readers.archives import is_zip, unpack
from tinydet.data.splits import split_by_name
from tinydet.errors import DataError


def used_paths(config: UserConfig) -> dict[str, DataPaths]:
    """What the operation mode reads of the section ``dataset``: key -> path."""
    section = config.dataset
    training = ("training_path", "validation_path", "train_images_path", "val_images_path")
    keys: list[str] = []
    if config.trains or config.evaluates:
        evaluated = ("test_path", "validation_path", "training_path")
        keys += [key for key in evaluated if getattr(section, key) is not None][:1]
    if config.trains:
        keys += training
    if config.quantizes:
        calibrates = section.quantization_path is not None
        keys += ["quantization_path"] if calibrates else training
        keys += training if config.quantization.quantization_type == "QAT" else ()
    return {key: path for key in keys if (path := getattr(section, key)) is not None}


def load_training(section: DatasetSection) -> tuple[Dataset, Dataset]:
    """The training and the validation set.

    Args:
        section: ``training_path`` is set. Without ``validation_path`` the data set's own
            validation part is taken, and where it has none a share chosen by file name.

    Returns:
        ``(training, validation)`` with the same class names.

    Raises:
        DataError: A set cannot be read, or one of the two is empty.
    """
    training, validation = _load_training(section)
    if not section.exclude_unlabeled:
        return training, validation
    return _with_boxes(training), _with_boxes(validation)


def _load_training(section: DatasetSection) -> tuple[Dataset, Dataset]:
    pairs = [_training_pair(path, section) for path in _given(section.training_path)]
    training = join_datasets([training for training, _ in pairs], section.class_names)
    if section.validation_path is not None:
        images = section.val_images_path
        return training, _load_part(section.validation_path, training.class_names, "val", images)
    validation = [validation for _, validation in pairs if validation is not None]
    return training, join_datasets(validation, training.class_names)


def _training_pair(path: Path, section: DatasetSection) -> tuple[Dataset, Dataset | None]:
    """Training and validation images of one data set; the latter None where others are given."""
    names, split = section.class_names, training_split(path)
    training = load_all_classes(path, names, split, section.train_images_path)
    if section.validation_path is not None:
        return training, None
    if "val" in training.splits:
        images = section.val_images_path
        return training, load_all_classes(path, training.class_names, "val", images)
    kept, held_out = split_by_name(training.samples, section.validation_split, section.seed)
    if not kept or not held_out:
        raise DataError(
            path,
            f"{len(training)} images cannot be split into training and validation set",
            "Give dataset.validation_path, or more images.",
        )
    return replace(training, samples=kept), replace(training, samples=held_out)


def training_split(path: Path) -> str | None:
    """The part of a data set to train on, None where it has no parts.

    Raises:
        DataError: It has parts, but none to train on.
    """
    splits = available_splits(path)
    if splits and "train" not in splits:
        found = f"there is nothing to train on, only {' and '.join(splits)}"
        raise DataError(path, found, "Name a train part, or give the path of the images.")
    return "train" if splits else None


def require_boxes(training: Dataset, section: DatasetSection) -> None:
    """Refuse to train on images without objects, unless the user insists.

    Raises:
        DataError: No image has a box that is not ignored, and ``allow_no_boxes`` is not set.
    """
    if section.allow_no_boxes or any((~sample.ignored).any() for sample in training.samples):
        return
    where = " + ".join(map(str, _given(section.training_path)))
    found = f"not one of the {len(training)} training images has a box"
    remedy = "Correct the labels or class_names; 'tinydet data check' shows what is read."
    raise DataError(where, found, f"{remedy} Set dataset.allow_no_boxes to train anyway.")


def load_evaluation(
    section: DatasetSection, class_names: tuple[str, ...] | None
) -> tuple[Dataset, Path]:
    """The set that accuracy is measured on, and its path.

    Args:
        section: In the order of the zoo: test set, validation set, held-out share of the training
            set.
        class_names: Of the detector; None takes those of the section or of the data set.

    Raises:
        DataError: The set cannot be read.
    """
    names = class_names or section.class_names
    for path, split, images in (
        (section.test_path, "test", None),
        (section.validation_path, "val", section.val_images_path),
    ):
        if path is not None:
            return _load_part(path, names, split, images), _folder_of(data_paths(path))
    names_section = section.model_copy(update={"class_names": names})
    return load_training(names_section)[1], _folder_of(_given(section.training_path))


def _folder_of(paths: list[Path]) -> Path:
    """One path as it is, of several the folder that holds them all."""
    return paths[0] if len(paths) == 1 else Path(os.path.commonpath(map(os.path.abspath, paths)))


def calibration_images(section: DatasetSection) -> list[Path]:
    """Images to calibrate the quantization on; labels are not needed.

    Args:
        section: ``quantization_path``, else ``training_path``; ``quantization_split`` is the share
            of them that is used.

    Raises:
        DataError: There is no image.
    """
    if section.quantization_path is not None:
        paths = images_of(Path(section.quantization_path))
    else:
        paths = [sample.path for sample in load_training(section)[0].samples]
    if section.quantization_split is not None and paths:
        count = max(1, round(section.quantization_split * len(paths)))
        # Evenly taken: neighbours in a folder are often frames of one scene.
        paths = [paths[i * len(paths) // count] for i in range(count)]
    if not paths:
        raise DataError(
            section.quantization_path or section.training_path,
            "no image to calibrate the quantization on",
            "Set dataset.quantization_path to a few hundred images from the place of use.",
        )
    return paths


def images_of(path: Path) -> list[Path]:
    """The images of a folder, an image file, or a data set given by its description file.

    Raises:
        DataError: There is no such path, or it cannot be read.
    """
    if path.is_dir():
        return list_images(path)
    if not path.exists():
        raise DataError(path, "does not exist", "Give a folder of images.")
    if is_image_name(path.name):
        return [path]
    if is_zip(path):
        return list_images(unpack(path)[0])
    split = "train" if "train" in available_splits(path) else None
    return [sample.path for sample in load_dataset(path, split=split).samples]


def _with_boxes(dataset: Dataset) -> Dataset:
    """The data set without the images that have no box, which are counted."""
    empty = {sample.path for sample in dataset.samples if not len(sample.boxes)}
    for path in sorted(empty):
        dataset.findings.add("excluded_images", path)
    return without_images(dataset, empty)


def _load_part(
    path: DataPaths, class_names: tuple[str, ...] | None, split: str, images: Path | None
) -> Dataset:
    paths = data_paths(path)
    parts = [split if split in available_splits(one) else None for one in paths]
    if len(paths) == 1:
        return load_dataset(paths[0], class_names, parts[0], images)
    sets = [
        load_all_classes(one, class_names, part, images)
        for one, part in zip(paths, parts, strict=True)
    ]
    return join_datasets(sets, class_names)


def _given(path: DataPaths | None) -> list[Path]:
    if path is None:
        raise DataError(
            "dataset.training_path", "is not set", "Give the folder of the labelled images."
        )
    return data_paths(path)
