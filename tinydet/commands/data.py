"""``tinydet data``: check, generate, label or pack a data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydet.commands.init import DATA_HELP, FileResult
from tinydet.commands.options import Command, Option
from tinydet.commands.predict import CLASSES, loaded, model_contexts
from tinydet.commands.train import NAMES
from tinydet.result import UNREADABLE, Result

if TYPE_CHECKING:
    from tinydet.data.pack import Pack
    from tinydet.inference import Detector
    from tinydet.prediction.labels import TeacherLabels

SPLITS = ("train", "val", "test")
SMALLEST_SIDE, BEST_QUALITY = 32, 95  # of packed images; beyond 95 JPEGs only grow
OBJECT_SCORE, IGNORE_SCORE = 0.5, 0.2  # of a teacher
CHECK = Command(
    "data check",
    "check a data set: counts, pictures, problems",
    "tinydet.commands.data:check_data",
    (
        Option("data", DATA_HELP, "path", required=True),
        Option("--split", "part of the data set", choices=SPLITS, default_text="all"),
        NAMES,
        Option(
            "--output",
            "folder for check.json and pictures",
            "path",
            default_text="no files are written",
        ),
    ),
)
GENERATE = Command(
    "data generate",
    "render a labelled data set",
    "tinydet.commands.data:generate_data",
    (
        Option("output", "folder of the data set", "path", required=True),
        Option("--images", "number of images", "integer", default=600),
        Option("--seed", "seed of the generator", "integer", default=0),
    ),
)

LABEL = Command(
    "data label",
    "label images with the detections of a model",
    "tinydet.commands.data:label_data",
    (
        Option("folder", "folder of images without labels", "path", required=True),
        Option(
            "--model",
            "the teacher: .keras or .tflite file, or a bundled detector",
            required=True,
        ),
        Option("--object-score", "minimum score of an object", "number", default=OBJECT_SCORE),
        Option("--ignore-score", "minimum score of an ignored box", "number", default=IGNORE_SCORE),
        CLASSES,
        Option(
            "--output",
            "COCO file to write",
            "path",
            default_text="annotations/instances_default.json in the folder",
        ),
    ),
)
PACK = Command(
    "data pack",
    "write a data set, its images shrunk, into one small file to train from",
    "tinydet.commands.data:pack_data",
    (
        Option("data", DATA_HELP, "path", required=True),
        Option("output", "zip file to write", "path", required=True),
        Option("--side", "longest side of an image, px", "count", default=256),
        Option("--quality", "quality of the JPEGs, 1 to 95", "count", default=75),
        Option("--split", "part of the data set", choices=SPLITS, default_text="all"),
        NAMES,
    ),
)


@dataclass(frozen=True)
class DataCheck(Result):
    """The contents of a data set.

    Attributes:
        report: See ``tinydet.check_dataset``.
        data: The data set.
    """

    report: dict[str, Any]
    data: Path

    @property
    def exit_status(self) -> int:
        """2 where an image cannot be read, or there is nothing to train on."""
        is_useless = self.report["unreadable"] or not self.report["has_train_part"]
        return UNREADABLE if is_useless else 0

    def to_dict(self) -> dict[str, Any]:
        """The report."""
        return self.report

    def __str__(self) -> str:
        from tinydet.data.check import format_check

        return format_check(self.report, self.data)


def check_data(
    data: str | Path,
    *,
    split: str | None = None,
    class_names: Sequence[str] | None = None,
    output: str | Path | None = None,
) -> DataCheck:
    """Decode all images of a data set and count its contents.

    Args:
        data: Folder, ``data.yaml`` or COCO json.
        split: ``train``, ``val`` or ``test``; None checks all parts.
        class_names: Classes to keep; None keeps all.
        output: Folder for ``check.json`` and pictures; None writes nothing.

    Raises:
        DataError: The data set cannot be read.
        OutputError: ``output`` cannot be written to.
    """
    from tinydet.data.check import check_dataset
    from tinydet.data.dataset import load_dataset

    CHECK.check((), split=split)
    data = Path(data)
    dataset = load_dataset(data, class_names, split)
    return DataCheck(check_dataset(dataset, None if output is None else Path(output)), data)


def generate_data(output: str | Path, *, images: int = 600, seed: int = 0) -> FileResult:
    """Render a labelled data set; see ``tinydet.generate_dataset``.

    Args:
        output: Folder of the data set.
        images: Number of images, >= 1.
        seed: Seed of the generator.

    Returns:
        Where its ``data.yaml`` is.
    """
    from tinydet.data.generate import generate_dataset

    return FileResult(generate_dataset(Path(output), images=images, seed=seed))


def label_data(
    folder: str | Path,
    model: "Detector | str | Path",
    *,
    object_score: float = OBJECT_SCORE,
    ignore_score: float = IGNORE_SCORE,
    class_names: Sequence[str] | None = None,
    output: str | Path | None = None,
) -> "TeacherLabels":
    """Label the images of a folder with the detections of a model.

    Args:
        folder: Images without labels, including those in subfolders.
        model: The teacher: a detector, its file, or the name of a bundled detector.
        object_score: Minimum score of an object.
        ignore_score: Minimum score of a box that is ignored in training; below it is background.
        class_names: For a model file without ``detector.json``: its class names.
        output: COCO file; None writes it into the folder, which thus becomes a data set.

    Raises:
        TinydetError: The model or the images cannot be used, or the file exists.
    """
    from tinydet.prediction.labels import label_images

    LABEL.check(model_contexts(model), class_names=class_names)
    return label_images(
        loaded(model, class_names),
        Path(folder),
        None if output is None else Path(output),
        object_score=object_score,
        ignore_score=ignore_score,
    )


def pack_data(
    data: str | Path,
    output: str | Path,
    *,
    side: int = 256,
    quality: int = 75,
    split: str | None = None,
    class_names: Sequence[str] | None = None,
) -> "Pack":
    """Write a data set, its images shrunk, into one small zip file to train from.

    Args:
        data: Folder, ``data.yaml`` or COCO json.
        output: The zip file, a COCO data set; it must not exist.
        side: Longest side of an image, pixels; about twice the input side loses nothing.
        quality: Of the JPEGs, 1 to 95.
        split: ``train``, ``val`` or ``test``; None packs all parts.
        class_names: Classes to keep; None keeps all.

    Raises:
        DataError: The data set cannot be read.
        OutputError: The file exists or cannot be written.
        UnsupportedError: Side or quality is out of range, or the file is no ``.zip``.
    """
    from tinydet.data.dataset import load_dataset
    from tinydet.data.pack import pack_dataset
    from tinydet.errors import OutputError, UnsupportedError

    PACK.check((), split=split)
    output = Path(output)
    if output.suffix.lower() != ".zip":
        raise UnsupportedError("OUTPUT", output.name, "a file name that ends with .zip", "Add it.")
    if side < SMALLEST_SIDE or not 1 <= quality <= BEST_QUALITY:
        found = f"--side {side}, --quality {quality}"
        supported = f"a side from {SMALLEST_SIDE} px, a quality of 1 to {BEST_QUALITY}"
        raise UnsupportedError("data pack", found, supported, "Correct them.")
    if output.exists():
        raise OutputError(output, "exists", "Choose another name, or delete it.")
    return pack_dataset(
        load_dataset(Path(data), class_names, split), output, side=side, quality=quality
    )
