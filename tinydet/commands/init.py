"""``tinydet init``: a configuration to start from."""

from dataclasses import dataclass
from pathlib import Path

from tinydet.commands.options import Command, Option, output_option
from tinydet.result import Result, shown_path

DATA_HELP = "data set: a folder, a YOLO data.yaml, or a COCO json; the format is detected"
COMMAND = Command(
    "init",
    "write a commented user_config.yaml",
    "tinydet.commands.init:init",
    (
        Option("data", f"{DATA_HELP}; its path goes into the file", "path"),
        output_option("user_config.yaml", "file to write"),
        Option("--force", "overwrite an existing file", "flag"),
    ),
)


@dataclass(frozen=True)
class FileResult(Result):
    """A file that a command wrote.

    Attributes:
        path: The file.
    """

    path: Path

    def __str__(self) -> str:
        return f"Wrote {shown_path(self.path)}"


def init(
    data: str | Path | None = None, output: str | Path = "user_config.yaml", *, force: bool = False
) -> FileResult:
    """Write a commented ``user_config.yaml``.

    Args:
        data: The data set to name in it; None leaves the path open.
        output: File to write.
        force: Overwrite an existing file.

    Raises:
        OutputError: The file exists and ``force`` is not set, or it cannot be written.
        DataError: The data set cannot be read.
    """
    from tinydet.config.files import write_text_atomically
    from tinydet.config.template import render_template
    from tinydet.errors import OutputError
    from tinydet.pipeline.first_config import facts_of

    output = Path(output)
    if output.exists() and not force:
        raise OutputError(output, "exists", "Choose another --output, or add --force.")
    if data is None:
        text = render_template()
    else:
        class_names, anchors = facts_of(Path(data))
        text = render_template(str(data), class_names, anchors=anchors)
    write_text_atomically(output, text)
    return FileResult(output)
