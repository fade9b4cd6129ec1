"""``tinydet data``: what a data set holds, or one that is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydet.commands.init import DATA_HELP, FileResult
from tinydet.commands.options import Command, Option
from tinydet.commands.train import NAMES_HELP
from tinydet.result import UNREADABLE, Result

SPLITS = ("train", "val", "test")
CHECK = Command(
    "data check",
    "count, draw and list what is wrong",
    "tinydet.commands.data:check_data",
    (
        Option("data", DATA_HELP, "path", required=True),
        Option("--split", "part of the data set", choices=SPLITS, default_text="all"),
        Option(
            "--classes",
            NAMES_HELP,
            "names",
            parameter="class_names",
            metavar="NAMES",
            default_text="all of the data set",
        ),
        Option(
            "--output",
            "folder for check.json and pictures",
            "path",
            default_text="none is written",
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
        Option("--seed", "chooses the set", "integer", default=0),
    ),
)


@dataclass(frozen=True)
class DataCheck(Result):
    """What a data set holds.

    Attributes:
        report: See ``tinydet.check_dataset``.
    """

    report: dict[str, Any]

    @property
    def exit_status(self) -> int:
        """2 where an image cannot be read."""
        return UNREADABLE if self.report["unreadable"] else 0

    def to_dict(self) -> dict[str, Any]:
        """The report."""
        return self.report

    def __str__(self) -> str:
        from tinydet.data.check import format_check

        return format_check(self.report)


def check_data(
    data: str | Path,
    *,
    split: str | None = None,
    class_names: Sequence[str] | None = None,
    output: str | Path | None = None,
) -> DataCheck:
    """Decode all images of a data set and count what it holds.

    Args:
        data: Folder, ``data.yaml`` or COCO json.
        split: ``train``, ``val`` or ``test``; None takes all parts.
        class_names: Only these; None takes all.
        output: Folder for ``check.json`` and pictures; None writes nothing.

    Raises:
        DataError: The data set cannot be read.
        OutputError: ``output`` cannot be written to.
    """
    from tinydet.data.check import check_dataset
    from tinydet.data.dataset import load_dataset

    CHECK.check((), split=split)
    dataset = load_dataset(Path(data), class_names, split)
    return DataCheck(check_dataset(dataset, None if output is None else Path(output)))


def generate_data(output: str | Path, *, images: int = 600, seed: int = 0) -> FileResult:
    """Render a labelled data set; see ``tinydet.generate_dataset``.

    Args:
        output: Folder of the data set.
        images: How many, >= 1.
        seed: Chooses the set.

    Returns:
        Where its ``data.yaml`` is.
    """
    from tinydet.data.generate import generate_dataset

    return FileResult(generate_dataset(Path(output), images=images, seed=seed))
