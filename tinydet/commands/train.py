"""``tinydet train``: a data set to a float model, with the defaults of ``tinydet init``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydet.commands.init import DATA_HELP
from tinydet.commands.options import Command, Option
from tinydet.commands.run import checked
from tinydet.pretrained import ALPHA, STARTS

if TYPE_CHECKING:
    from tinydet.config.overrides import Change
    from tinydet.pipeline import RunResult

# Repeated here so that ``tinydet --help`` loads no schema; a test compares the two.
SIZES = ("standard", "small")
NAMES = Option(
    "--classes",
    "class names, separated by commas",
    "names",
    parameter="class_names",
    metavar="NAMES",
    default_text="all in the data set",
)
INPUT = Option(
    "--input",
    "side in px, or HEIGHTxWIDTH",
    "size",
    parameter="input_size",
    metavar="SIZE",
    default_text="192",
)
SIZE = Option(
    "--size",
    "standard, or small: for 512 KB of flash",
    choices=SIZES,
    default_text="standard",
)
COMMAND = Command(
    "train",
    "train a float model on a folder of labelled images",
    "tinydet.commands.train:train",
    (
        Option("data", DATA_HELP, "path", required=True),
        Option("--validation", "validation data set", "path", metavar="DATA"),
        NAMES,
        INPUT,
        Option("--alpha", "width of the backbone", "number", default_text="0.35"),
        SIZE,
        Option("--epochs", "passes over the data set", "count", default_text="100"),
        Option("--batch-size", "images per step", "count", default_text="32"),
        Option(
            "--pretrained",
            f"a trained detector ({STARTS}, or a .keras file), imagenet (downloaded once), a "
            "weights file of the backbone, or None",
            metavar="WEIGHTS",
            default_text="person; imagenet for another --alpha",
        ),
        Option(
            "--output",
            "output folder",
            "path",
            metavar="RUN_FOLDER",
            default_text="experiments_outputs/DATE_TIME",
        ),
    ),
    overrides=True,
)


def train(
    data: str | Path,
    output: str | Path | None = None,
    *,
    validation: str | Path | None = None,
    class_names: Sequence[str] | None = None,
    input_size: tuple[int, int] | None = None,
    alpha: float | None = None,
    size: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    pretrained: str | None = None,
    overrides: "Sequence[Change]" = (),
) -> "RunResult":
    """Train a float model on a data set and evaluate it.

    Args:
        data: Folder, ``data.yaml`` or COCO json of the labelled images.
        output: The run folder; None makes a dated folder in ``experiments_outputs``.
        validation: Validation data set; None uses the validation part, or a share of the data.
        class_names: Classes to learn; None uses all classes of the data set.
        input_size: ``(height, width)`` of the network, pixels; None: 192 x 192.
        alpha: Width of the backbone; None: 0.35.
        size: ``standard`` or ``small``, for 512 KB of flash; None: ``standard``.
        epochs: Passes over the data set; None: 100. The learning-rate schedule is fitted to it.
        batch_size: Images per step; None: 32.
        pretrained: A detector by name or file, ``imagenet``, a weights file of the backbone, or
            ``None`` for random weights; None: ``person``, or ``imagenet`` if its ``alpha`` is
            another.
        overrides: Changes to the resulting configuration.

    Returns:
        Model, figures and report.

    Raises:
        TinydetError: Whatever the user can correct.
    """
    shape = None if input_size is None else (*input_size, 3)
    if pretrained is None and alpha not in (None, ALPHA):
        pretrained = "imagenet"
    return train_with(
        Path(data),
        {
            "operation_mode": "training",
            "dataset.validation_path": validation,
            "dataset.class_names": class_names,
            "training.model.input_shape": shape,
            "training.model.alpha": alpha,
            "training.model.size": size,
            "training.epochs": epochs,
            "training.batch_size": batch_size,
            "training.model.pretrained_weights": pretrained,
            "hydra.run.dir": output,
        },
        overrides,
    )


def train_with(
    data: Path, values: Mapping[str, Any], overrides: "Sequence[Change]" = ()
) -> "RunResult":
    """Run the defaults for a data set, with these values laid over; None leaves the default."""
    from tinydet.pipeline import execute
    from tinydet.pipeline.first_config import facts_of, fitted_defaults
    from tinydet.pipeline.network import require_training_tools

    require_training_tools("training")
    class_names, anchors = facts_of(data)
    of_data = {
        "dataset.training_path": data,
        "dataset.class_names": class_names,
        "training.model.anchors": anchors,
    }
    given = {key: value for key, value in values.items() if value is not None}
    schedule = fitted_defaults(given.get("training.epochs"))
    return execute(checked(None, [of_data, schedule, given, *overrides]))
