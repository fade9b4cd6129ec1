"""``tinydet compile``: an int8 model to plain C."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydet.commands.options import Command, Option, choice, output_option
from tinydet.commands.predict import CLASSES, SCORE
from tinydet.pretrained import LISTED
from tinydet.progress import work
from tinydet.result import Result, shown_path

if TYPE_CHECKING:
    from tinydet.compiler import CompiledDetector, CompiledNetwork, CompileOptions
    from tinydet.compiler.memory import InputMode, Objective
    from tinydet.config.detector_spec import DetectorSpec
    from tinydet.deployment.raw_network import ReferenceComparison
    from tinydet.targets import Footprint
    from tinydet.targets.toolchain import Compiler

# Repeated here so that ``tinydet --help`` imports no stage; a test compares the two.
CORES = ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m85")
CORE = "cortex-m7"
# The stages of translating a model, with the seconds that each usually takes, for the bars.
COMPILING = (
    ("simplify the network", 3),
    ("plan the memory", 6),
    ("write the C", 1),
    ("draw the memory", 2),
)
MODEL = Option(
    "model",
    "int8 .tflite file (also a published one), folder of a run, or one of " + LISTED,
    required=True,
)
INPUT_MODE = choice(
    "--input-mode",
    "input image. image: in the arena; caller: in the caller's memory; rows: fed row by row",
    *("image", "caller", "rows"),
)
PLAN_OPTIONS = (
    choice(
        "--optimize",
        "balanced: less memory, almost no slowdown; ram: least memory; speed: fastest, and what "
        "programs for Linux take if nothing is given",
        *("balanced", "ram", "speed"),
        only=("unlimited",),
    ),
    Option(
        "--ram-limit",
        "limit of activation RAM, such as 128K: the fastest C within it",
        "bytes",
        parameter="ram_limit_bytes",
        metavar="SIZE",
    ),
)
MAX_DETECTIONS = Option(
    "--max-detections", "maximum per image", "count", default_text="that of the model"
)
THRESHOLDS = (
    SCORE,
    Option(
        "--nms-iou",
        "IoU threshold of non-maximum suppression",
        "number",
        parameter="nms_iou_threshold",
        default_text="that of the model",
    ),
    Option(
        "--box-voting",
        "IoU from which on candidates vote for where a box lies; 0: off",
        "number",
        parameter="box_voting_iou",
        default_text="that of the model",
    ),
    MAX_DETECTIONS,
)


def compiler_option(*only: str) -> Option:
    """``--compiler``, where it applies."""
    compilers = ("zig", "arm-none-eabi-gcc")
    return Option(
        "--compiler",
        "C compiler for microcontrollers",
        default_text="zig",
        choices=compilers,
        only=only,
    )


# Where a command also takes networks without boxes.
BOX_OPTIONS = tuple(replace(option, only=("boxes",)) for option in THRESHOLDS)
RAW_OUTPUTS = Option(
    "--raw-outputs",
    "any int8 network without boxes: input and outputs as they are",
    "flag",
)
COMMAND = Command(
    "compile",
    "translate an int8 .tflite file to plain C",
    "tinydet.commands.compile:compile",
    (
        MODEL,
        Option("--target", "processor to build for", choices=("host", *CORES), default=CORE),
        output_option("compiled"),
        Option("--name", "prefix of the C names", default="detector"),
        INPUT_MODE,
        *PLAN_OPTIONS,
        RAW_OUTPUTS,
        CLASSES,
        *BOX_OPTIONS,
        compiler_option("cortex-m"),
    ),
)


@dataclass(frozen=True)
class CompileResult(Result):
    """The C of a network, and its resources.

    Attributes:
        folder: Folder with the C files, ``plan.json`` and ``arena.png``.
        name: Prefix of the C names.
        function: What the user calls: ``NAME_detect``, or ``NAME_run`` of a network without boxes.
        files: Names of the C files.
        target: The target that it was built for.
        build_folder: Folder with the program.
        arena_bytes: Activation RAM.
        macs: Multiply-accumulate operations per image.
        footprint: RAM and flash; None for the target ``host``.
        comparison: Of a network without boxes: the program beside LiteRT's reference kernels.
    """

    folder: Path
    name: str
    function: str
    files: tuple[str, ...]
    target: str
    build_folder: Path
    arena_bytes: int
    macs: int
    footprint: "Footprint | None"
    comparison: "ReferenceComparison | None" = None

    def __str__(self) -> str:
        header = f"{self.function} in {self.name}.h"
        made = f"C files: {shown_path(self.folder)} ({len(self.files)} files, {header})"
        if self.comparison is not None:
            made += f"\n{self.comparison}"
        if self.footprint is None:
            return f"{made}\nBuilt for this machine: {shown_path(self.build_folder)}"
        from tinydet.deployment.compiling import footprint_text

        return f"{made}\n{footprint_text(self.footprint)}"


@work("compile", *COMPILING, ("build the program", 6), ("run on an emulated core", 3))
def compile(  # noqa: A001 - the name of the command
    model: str | Path,
    output: str | Path = "compiled",
    *,
    target: str = CORE,
    name: str = "detector",
    input_mode: "InputMode" = "image",
    optimize: "Objective | None" = None,
    ram_limit_bytes: int | None = None,
    raw_outputs: bool = False,
    class_names: Sequence[str] | None = None,
    score_threshold: float | None = None,
    nms_iou_threshold: float | None = None,
    box_voting_iou: float | None = None,
    max_detections: int | None = None,
    compiler: "Compiler | None" = None,
) -> CompileResult:
    """Translate an int8 model to C and build it for a target.

    Args:
        model: The ``.tflite``, the folder of a run, or the name of a bundled detector.
        output: Folder for the C files, ``plan.json``, ``arena.png``, ``detector.json``,
            ``build/<target>`` and, for a microcontroller, ``footprint.json``.
        target: ``host``, or a core, as ``cortex-m7``. For ``cortex-m55`` and ``cortex-m85`` the
            weights are laid out for Helium; that C runs everywhere too.
        name: Prefix of the C names.
        input_mode: Where the image is: ``image`` in the arena, ``caller`` in the caller's memory,
            ``rows`` fed row by row.
        optimize: ``balanced`` (None): less memory, almost no slowdown; ``ram``: least memory;
            ``speed``: fastest, and None for programs for Linux.
        ram_limit_bytes: Limit of activation RAM; gives the fastest C within it, instead of
            ``optimize``.
        raw_outputs: The model is any int8 network, as a classifier or a FOMO grid: its input and
            outputs are left as they are, no boxes are looked for. Gives a self-test in C and
            compares the program with LiteRT's reference kernels.
        class_names: For a model without ``detector.json``: class names in the order of its outputs.
        score_threshold: In [0, 1]; None uses that of the model, as for the next three.
        nms_iou_threshold: In [0, 1].
        box_voting_iou: In (0, 1]; 0 switches box voting off.
        max_detections: Maximum number of detections per image, >= 1.
        compiler: C compiler for microcontrollers: ``zig`` (None) or ``arm-none-eabi-gcc``.

    Raises:
        TinydetError: The model cannot be compiled, or an option does not apply.
    """
    given = dict(locals())
    from tinydet.deployment import compiling
    from tinydet.deployment.benchmark import FOOTPRINT_FILE
    from tinydet.deployment.raw_network import Reference
    from tinydet.targets import CortexMNetwork, measure_footprint

    contexts = set() if target == "host" else {"cortex-m"}
    make, function = (compiled_raw, "run") if raw_outputs else (compiled, "detect")
    network = make(COMMAND, contexts, given)
    folder = Path(output)
    build_folder = folder / "build" / target
    network.save(folder)
    program = compiling.build(network, target, build_folder, compiler or "zig")
    footprint = None
    if isinstance(program, CortexMNetwork):
        footprint = measure_footprint(program)
        compiling.write_record(folder / FOOTPRINT_FILE, network.where, footprint.to_record())
    return CompileResult(
        folder=folder,
        name=network.name,
        function=f"{network.name}_{function}",
        files=tuple(sorted(network.sources)),
        target=target,
        build_folder=build_folder,
        arena_bytes=network.arena_bytes,
        macs=sum(network.macs.values()),
        footprint=footprint,
        comparison=Reference(network).compare(program) if raw_outputs else None,
    )


def described(
    command: Command, contexts: set[str], given: Mapping[str, Any]
) -> "tuple[Path, DetectorSpec]":
    """What every command for boards does first: check its options, then find the model.

    Args:
        command: Whose options are checked.
        contexts: In which the options are used; those of the model are added.
        given: All parameters of the function of the command, by name.

    Returns:
        The file, and what it was trained for, with the thresholds of the user.
    """
    from tinydet.deployment.compiling import int8_model, with_thresholds
    from tinydet.pipeline.detector_of import is_described, spec_for

    path = int8_model(given["model"])
    holding = {"boxes"} if is_described(path) else {"boxes", "undescribed"}
    command.check(contexts | holding, **given)
    return path, with_thresholds(spec_for(path, given["class_names"]), given)


def compiled(command: Command, contexts: set[str], given: Mapping[str, Any]) -> "CompiledDetector":
    """The detector in C, with its options checked; the arguments are those of ``described``."""
    from tinydet.compiler import compile_detector

    path, spec = described(command, contexts | _unlimited(given), given)
    return compile_detector(path, _options(contexts, given), spec=spec)


def compiled_raw(
    command: Command, contexts: set[str], given: Mapping[str, Any]
) -> "CompiledNetwork":
    """The same for a network without boxes, with a self-test."""
    from tinydet.compiler import compile_network
    from tinydet.deployment.compiling import int8_model
    from tinydet.deployment.raw_network import with_self_test

    path = int8_model(given["model"])
    command.check(contexts | _unlimited(given), **given)
    return with_self_test(compile_network(path, _options(contexts, given)))


def _unlimited(given: Mapping[str, Any]) -> set[str]:
    return {"unlimited"} if given["ram_limit_bytes"] is None else set()


def _options(contexts: set[str], given: Mapping[str, Any]) -> "CompileOptions":
    from tinydet.compiler import CompileOptions

    # RAM is no concern there, and steps that are whole can be shared among threads.
    usual: Objective = "speed" if "on-linux" in contexts else "balanced"
    return CompileOptions(
        name=given.get("name", "detector"),
        optimize=given["optimize"] or usual,
        ram_limit_bytes=given["ram_limit_bytes"],
        input_mode=given.get("input_mode", "image"),
        core=_core(given),
    )


def _core(given: Mapping[str, Any]) -> str | None:
    """Processor whose cycles count: that of the board, else the target."""
    from tinydet.deployment.deploy import board_of
    from tinydet.targets import Board

    board = board_of(given["board"]) if given.get("board") else None
    return board.core if isinstance(board, Board) else given.get("target")
