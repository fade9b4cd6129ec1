"""``tinydet footprint``: RAM, flash and the boards that fit, of a model or before training."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydet.commands.compile import (
    COMPILING,
    CORE,
    CORES,
    INPUT_MODE,
    MAX_DETECTIONS,
    MODEL,
    PLAN_OPTIONS,
    RAW_OUTPUTS,
    compiled,
    compiled_raw,
    compiler_option,
)
from tinydet.commands.options import Command, Option
from tinydet.commands.train import INPUT, SIZE
from tinydet.progress import work
from tinydet.result import Result

if TYPE_CHECKING:
    from tinydet.compiler.memory import InputMode, Objective
    from tinydet.targets import Footprint
    from tinydet.targets.toolchain import Compiler

COMMAND = Command(
    "footprint",
    "show RAM, flash and suitable boards, of a model or before training",
    "tinydet.commands.footprint:footprint",
    (
        replace(MODEL, required=False, default_text="a network before training"),
        Option("--target", "emulated core", choices=CORES, default=CORE),
        Option(
            "--config",
            "before training: user_config.yaml",
            "path",
            metavar="FILE",
            only=("untrained",),
        ),
        Option(
            "--alpha",
            "before training: 0.35 to 1.0",
            "number",
            default_text="0.35",
            only=("untrained",),
        ),
        replace(SIZE, help="before training: of the network", only=("untrained",)),
        replace(INPUT, help="before training: px, or HEIGHTxWIDTH", only=("untrained",)),
        Option(
            "--classes",
            "before training: number of classes",
            "count",
            parameter="num_classes",
            metavar="COUNT",
            default_text="those of the configuration, else 1",
            only=("untrained",),
        ),
        INPUT_MODE,
        *PLAN_OPTIONS,
        replace(RAW_OUTPUTS, only=("counted",)),
        Option(
            "--class-names",
            "class names of a model without detector.json, separated by commas",
            "names",
            metavar="NAMES",
            only=("undescribed",),
        ),
        replace(MAX_DETECTIONS, only=("boxes",)),
        compiler_option(),
    ),
)


@dataclass(frozen=True)
class FootprintResult(Result):
    """Memory of a network, and where it fits.

    Attributes:
        footprint: RAM and flash, item by item.
        untrained: Whether it is that of random weights; training can only make channels constant.
    """

    footprint: "Footprint"
    untrained: bool

    def __str__(self) -> str:
        from tinydet.deployment.compiling import footprint_text

        text = footprint_text(self.footprint)
        if self.untrained:
            text += (
                "\nWith random weights; training can only save memory, by making channels constant."
            )
        return text

    def to_dict(self) -> dict[str, Any]:
        """The items, and board -> whether it fits."""
        from tinydet.targets import fit, load_boards

        fits = {board.name: fit(board, self.footprint).fits for board in load_boards()}
        return {**self.footprint.to_record(), "untrained": self.untrained, "fits": fits}


@work(
    "footprint",
    ("make the network", 25),
    *COMPILING[:-1],
    ("build the program", 6),
    ("run on an emulated core", 3),
)
def footprint(
    model: str | Path | None = None,
    *,
    target: str = CORE,
    config: str | Path | None = None,
    alpha: float | None = None,
    size: str | None = None,
    input_size: tuple[int, int] | None = None,
    num_classes: int | None = None,
    input_mode: "InputMode" = "image",
    optimize: "Objective | None" = None,
    ram_limit_bytes: int | None = None,
    raw_outputs: bool = False,
    class_names: Sequence[str] | None = None,
    max_detections: int | None = None,
    compiler: "Compiler | None" = None,
) -> FootprintResult:
    """Measure RAM and flash of an int8 model, or of a network that is not trained yet.

    Args:
        model: See ``tinydet.compile``; None: before training.
        target: A core, as ``cortex-m7``.
        config: Before training: configuration of the network; None uses the defaults of ``tinydet
            init``.
        alpha: Before training: width of the backbone.
        size: Before training: ``standard`` or ``small``.
        input_size: Before training: ``(height, width)``, pixels.
        num_classes: Before training; None uses the classes of the configuration, else one.
        input_mode: This option and the following: see ``tinydet.compile``.
        optimize: See there.
        ram_limit_bytes: See there.
        raw_outputs: See there.
        class_names: See there.
        max_detections: See there.
        compiler: See there.

    Raises:
        ConfigError: There is no such network.
        TinydetError: The model cannot be compiled, an option does not apply, or TensorFlow is
            needed and not installed.
    """
    given = dict(locals())
    from tinydet.deployment.compiling import footprint_of

    # Windows does not delete the library of a hook while it is loaded.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        untrained = model is None
        contexts = {"untrained"} if untrained else {"counted"}
        if model is None:
            unlimited = {"unlimited"} if ram_limit_bytes is None else set()
            COMMAND.check({"boxes"} | contexts | unlimited, **given)
            built = _untrained(config, alpha, size, input_size, num_classes, folder)
            given = {**given, "model": built}
        make = compiled_raw if raw_outputs else compiled
        network = make(COMMAND, contexts, given)
        measured = footprint_of(network, target, folder / "build", compiler or "zig")
    return FootprintResult(measured, untrained)


def _untrained(
    config: str | Path | None,
    alpha: float | None,
    size: str | None,
    input_size: tuple[int, int] | None,
    num_classes: int | None,
    folder: Path,
) -> Path:
    """The int8 file of the network with random weights, in a folder."""
    from tinydet.commands.run import checked
    from tinydet.pipeline.network import CONVERTER, require_training_tools, untrained_int8

    require_training_tools("a footprint before training", CONVERTER)
    values = {
        "training.model.alpha": alpha,
        "training.model.size": size,
        "training.model.input_shape": input_size and (*input_size, 3),
    }
    given = {key: value for key, value in values.items() if value is not None}
    loaded = checked(config, [given])
    names = loaded.dataset.class_names or ("class 0",)
    if num_classes is not None:
        names = tuple(f"class {index}" for index in range(num_classes))
    return untrained_int8(loaded, names, folder)
