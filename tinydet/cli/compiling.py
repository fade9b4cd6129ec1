"""The commands of the command line that compile: parse, call one function, print; no logic."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.cli.actions import say
from tinydet.cli.argument_types import class_list, count, detector, input_shape, size_bytes
from tinydet.cli.output_option import add_output
from tinydet.pretrained import LISTED

if TYPE_CHECKING:
    from tinydet.cli.parser import Commands
    from tinydet.pipeline.int8_model import CompileOptions

# Repeated here so that ``tinydet --help`` imports no stage; a test compares the two.
TARGETS = ("host", "cortex-m4", "cortex-m7", "cortex-m33")
CORES = TARGETS[1:]
ENGINES = ("c", *CORES)
COMPILERS = ("zig", "arm-none-eabi-gcc")
OBJECTIVES = ("balanced", "ram", "speed")
INPUT_MODES = ("image", "caller", "rows")
CORE_DEFAULT = "(default: cortex-m7)"
MODEL_HELP = f"int8 .tflite file, also a published one, the folder of a run, or one of {LISTED}"
CLASSES_HELP = "names, for a model without detector.json"


def add_compile(commands: "Commands") -> None:
    """``tinydet compile``."""
    parser = commands.add_parser("compile", help="translate an int8 .tflite to plain C")
    parser.add_argument("model", type=detector, help=MODEL_HELP)
    parser.add_argument(
        "--target", choices=TARGETS, default="cortex-m7", help=f"what to build for {CORE_DEFAULT}"
    )
    add_output(parser, "compiled")
    parser.add_argument("--name", default="detector", help="start of the C names")
    add_input_mode(parser)
    add_compile_options(parser)
    parser.set_defaults(command=_compile, parser=parser)


def _compile(parsed: argparse.Namespace) -> None:
    from tinydet.pipeline.compile_commands import compile_to_c

    say(
        compile_to_c(
            parsed.model, parsed.output, target=parsed.target, options=compile_options(parsed)
        )
    )


def add_footprint(commands: "Commands") -> None:
    """``tinydet footprint``."""
    parser = commands.add_parser(
        "footprint", help="RAM, flash, boards that fit: of a model, or before training"
    )
    parser.add_argument("model", type=detector, nargs="?", help=f"{MODEL_HELP} (default: none yet)")
    parser.add_argument(
        "--target", choices=CORES, default="cortex-m7", help=f"emulated core {CORE_DEFAULT}"
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="before training: user_config.yaml"
    )
    parser.add_argument("--alpha", type=float, help="before training: 0.35 to 1.0 (default: 0.35)")
    parser.add_argument(
        "--input",
        type=input_shape,
        metavar="SIZE",
        help="before training: px, or HEIGHTxWIDTH (default: 192)",
    )
    parser.add_argument(
        "--classes",
        type=count,
        dest="num_classes",
        metavar="COUNT",
        help="before training: how many (default: those of the configuration, else 1)",
    )
    add_input_mode(parser)
    add_compile_options(parser, names_option="--class-names")
    parser.set_defaults(command=_footprint, parser=parser)


def _footprint(parsed: argparse.Namespace) -> None:
    from tinydet.pipeline.compile_commands import footprint_before_training, footprint_of_model

    options = compile_options(parsed)
    if parsed.model:
        say(footprint_of_model(parsed.model, target=parsed.target, options=options))
        return
    given = {"training.model.alpha": parsed.alpha, "training.model.input_shape": parsed.input}
    overrides = [f"{key}={value}" for key, value in given.items() if value is not None]
    say(
        footprint_before_training(
            parsed.config,
            overrides,
            num_classes=parsed.num_classes,
            target=parsed.target,
            options=options,
        )
    )


def add_input_mode(parser: argparse.ArgumentParser) -> None:
    """Where the image lies, for the commands that need no image in the arena."""
    parser.add_argument(
        "--input-mode",
        choices=INPUT_MODES,
        default="image",
        help="image in the arena, image that stays with the caller, or rows as they come "
        "(default: image)",
    )


def add_compile_options(
    parser: argparse.ArgumentParser, *, names_option: str = "--classes"
) -> None:
    """What every command that compiles takes."""
    parser.add_argument(
        "--optimize",
        choices=OBJECTIVES,
        default="balanced",
        help="smallest memory at next to no time, at any, or least time (default: balanced)",
    )
    parser.add_argument(
        "--ram-limit",
        type=size_bytes,
        metavar="SIZE",
        help="most activation RAM, as 128K: the fastest C that keeps it",
    )
    parser.add_argument(
        names_option, dest="class_names", type=class_list, metavar="NAMES", help=CLASSES_HELP
    )
    parser.add_argument("--score", type=float, help="score threshold (default: of the model)")
    parser.add_argument("--nms-iou", type=float, help="NMS IoU (default: of the model)")
    parser.add_argument("--max-detections", type=int, help="per image (default: of the model)")
    parser.add_argument(
        "--compiler",
        choices=COMPILERS,
        default="zig",
        help="C compiler of microcontrollers (default: zig)",
    )


def compile_options(parsed: argparse.Namespace) -> "CompileOptions":
    """The options of ``add_compile_options``, with name and input mode where a command has them."""
    from tinydet.pipeline.int8_model import CompileOptions

    of_some = {name: getattr(parsed, name) for name in ("name", "input_mode") if name in parsed}
    return CompileOptions(
        class_names=tuple(parsed.class_names) if parsed.class_names else None,
        score_threshold=parsed.score,
        nms_iou_threshold=parsed.nms_iou,
        max_detections=parsed.max_detections,
        optimize=parsed.optimize,
        ram_limit_bytes=parsed.ram_limit,
        compiler=parsed.compiler,
        **of_some,
    )
