"""The commands of the command line that compile: parse, call one function, print; no logic."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.cli.actions import say
from tinydet.cli.argument_types import class_list, count, input_size
from tinydet.cli.output_option import add_output

if TYPE_CHECKING:
    from tinydet.cli.parser import Commands

# Repeated here so that ``tinydet --help`` imports no stage; a test compares the two.
TARGETS = ("host", "cortex-m4", "cortex-m7", "cortex-m33")
CORES = TARGETS[1:]
ENGINES = ("c", *CORES)
COMPILERS = ("zig", "arm-none-eabi-gcc")
CORE_DEFAULT = "(default: cortex-m7)"
COMPILER_HELP = "C compiler of the Cortex-M targets (default: zig)"
CLASSES_HELP = "names, for a model without detector.json"


def add_compile(commands: "Commands") -> None:
    """``tinydet compile``."""
    parser = commands.add_parser("compile", help="translate an int8 .tflite to plain C")
    parser.add_argument("model", type=Path, help=".tflite file, also a published one")
    parser.add_argument(
        "--target", choices=TARGETS, default="cortex-m7", help=f"what to build for {CORE_DEFAULT}"
    )
    add_output(parser, "compiled")
    parser.add_argument("--name", default="detector", help="start of the C names")
    parser.add_argument("--classes", type=class_list, metavar="NAMES", help=CLASSES_HELP)
    parser.add_argument("--score", type=float, help="score threshold (default: of the model)")
    parser.add_argument("--nms-iou", type=float, help="NMS IoU (default: of the model)")
    parser.add_argument("--max-detections", type=int, help="per image (default: of the model)")
    parser.add_argument("--compiler", choices=COMPILERS, default="zig", help=COMPILER_HELP)
    parser.set_defaults(command=_compile, parser=parser)


def _compile(parsed: argparse.Namespace) -> None:
    from tinydet.pipeline.compile_commands import compile_to_c

    say(
        compile_to_c(
            parsed.model,
            parsed.output,
            target=parsed.target,
            name=parsed.name,
            class_names=parsed.classes,
            postprocess={
                "score_threshold": parsed.score,
                "nms_iou_threshold": parsed.nms_iou,
                "max_detections": parsed.max_detections,
            },
            compiler=parsed.compiler,
        )
    )


def add_footprint(commands: "Commands") -> None:
    """``tinydet footprint``."""
    parser = commands.add_parser(
        "footprint", help="RAM, flash, boards that fit: of a model, or before training"
    )
    parser.add_argument("model", type=Path, nargs="?", help=".tflite file (default: none yet)")
    parser.add_argument(
        "--target", choices=CORES, default="cortex-m7", help=f"emulated core {CORE_DEFAULT}"
    )
    parser.add_argument("--alpha", type=float, default=0.35, help="before training: 0.35 to 1.0")
    parser.add_argument(
        "--input", type=input_size, default=(192, 192), help="before training: px, or HEIGHTxWIDTH"
    )
    parser.add_argument("--classes", type=count, default=1, help="before training: how many")
    parser.add_argument("--class-names", type=class_list, metavar="NAMES", help=CLASSES_HELP)
    parser.set_defaults(command=_footprint, parser=parser)


def _footprint(parsed: argparse.Namespace) -> None:
    from tinydet.pipeline.compile_commands import footprint_before_training, footprint_of_model

    if parsed.model:
        names = parsed.class_names
        say(footprint_of_model(parsed.model, target=parsed.target, class_names=names))
        return
    say(
        footprint_before_training(
            alpha=parsed.alpha,
            height=parsed.input[0],
            width=parsed.input[1],
            num_classes=parsed.classes,
            target=parsed.target,
        )
    )


def add_benchmark(commands: "Commands") -> None:
    """``tinydet benchmark``."""
    parser = commands.add_parser("benchmark", help="exact instruction count per operator")
    parser.add_argument("model", type=Path, help=".tflite file")
    parser.add_argument(
        "--target", choices=CORES, default="cortex-m7", help=f"emulated core {CORE_DEFAULT}"
    )
    parser.add_argument("--image", type=Path, help="what to run on (default: noise)")
    parser.add_argument("--classes", type=class_list, metavar="NAMES", help=CLASSES_HELP)
    parser.add_argument("--compiler", choices=COMPILERS, default="zig", help=COMPILER_HELP)
    add_output(parser, "benchmark")
    parser.set_defaults(command=_benchmark, parser=parser)


def _benchmark(parsed: argparse.Namespace) -> None:
    from tinydet.pipeline.compile_commands import benchmark_model

    say(
        benchmark_model(
            parsed.model,
            parsed.output,
            target=parsed.target,
            image=parsed.image,
            class_names=parsed.classes,
            compiler=parsed.compiler,
        )
    )
