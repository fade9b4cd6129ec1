"""Which images each stage works on, by the ``dataset`` section."""

from dataclasses import replace
from pathlib import Path

from tinydet.config.schema import UserConfig
from tinydet.config.schema.basics import DatasetSection
from tinydet.data.dataset import Dataset, available_splits, load_dataset, split_by_name
from tinydet.data.images import is_image_name, list_images
from tinydet.errors import DataError


def used_paths(config: UserConfig) -> dict[str, Path]:
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
    path = _given(section.training_path)
    splits = available_splits(path)
    split = "train" if "train" in splits else None
    training = load_dataset(path, section.class_names, split, section.train_images_path)
    if section.validation_path is not None:
        return training, _load_part(
            section.validation_path, training.class_names, "val", section.val_images_path
        )
    if "val" in splits and "train" in splits:
        return training, load_dataset(path, training.class_names, "val", section.val_images_path)
    kept, held_out = split_by_name(training.samples, section.validation_split, section.seed)
    if not kept or not held_out:
        raise DataError(
            path,
            f"{len(training)} images cannot be split into training and validation set",
            "Give dataset.validation_path, or more images.",
        )
    return replace(training, samples=kept), replace(training, samples=held_out)


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
            return _load_part(path, names, split, images), path
    names_section = section.model_copy(update={"class_names": names})
    return load_training(names_section)[1], _given(section.training_path)


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
    split = "train" if "train" in available_splits(path) else None
    return [sample.path for sample in load_dataset(path, split=split).samples]


def _with_boxes(dataset: Dataset) -> Dataset:
    """The data set without the images that have no box, which are counted."""
    kept = tuple(sample for sample in dataset.samples if len(sample.boxes))
    for sample in dataset.samples:
        if not len(sample.boxes):
            dataset.findings.add("excluded_images", sample.path)
    return replace(dataset, samples=kept)


def _load_part(
    path: Path, class_names: tuple[str, ...] | None, split: str, images: Path | None
) -> Dataset:
    part = split if split in available_splits(path) else None
    return load_dataset(path, class_names, part, images)


def _given(path: str | Path | None) -> Path:
    if path is None:
        raise DataError(
            "dataset.training_path", "is not set", "Give the folder of the labelled images."
        )
    return Path(path)
