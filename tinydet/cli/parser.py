"""The words and options of the command line."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tinydet.cli import actions, compiling, deploying, predicting, quantizing, tuning
from tinydet.cli.argument_types import class_list, detector, input_shape
from tinydet.cli.output_option import add_output
from tinydet.pretrained import LISTED

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["Parser"]

EXIT_USER_ERROR = 2
STRICT_HELP = "end where an image cannot be read, instead of leaving it out and saying so"
OVERRIDES_HELP = "Words of the form key.sub=value are laid over the configuration."
DATA_HELP = "data set: a folder, a YOLO data.yaml, or a COCO json; the format is recognised"
NAMES_HELP = "class names, separated by commas (default: all of the data set)"
MODEL_HELP = f".keras or .tflite file, also a published one, or one of {LISTED}"
MODEL_NAMES_HELP = "class names of a model without detector.json, separated by commas"


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def error(self, message: str) -> NoReturn:
        """End the process with exit status 2."""
        self.exit(EXIT_USER_ERROR, f"{self.prog}: {message}. See '{self.prog} --help'.\n")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse a command line; ``key=value`` words may stand anywhere among the options.

    Args:
        arguments: Without the program name.

    Returns:
        The options; ``command`` is the function that takes them.

    Raises:
        SystemExit: The words are wrong (status 2), or help was asked for (0).
    """
    parsed, rest = build_parser().parse_known_args(arguments)
    takes_overrides = hasattr(parsed, "overrides")
    if hasattr(parsed, "words_go_to"):  # further words of a list, after an option
        getattr(parsed, parsed.words_go_to).extend(w for w in rest if not w.startswith("-"))
        rest = [w for w in rest if w.startswith("-")]
    unknown = [w for w in rest if not takes_overrides or w.startswith("-") or "=" not in w]
    if unknown:
        form = " (an override has the form key.sub=value)" if takes_overrides else ""
        parsed.parser.error(f"unknown arguments: {' '.join(map(repr, unknown))}{form}")
    if takes_overrides:
        parsed.overrides = rest
    return parsed


def build_parser() -> Parser:
    """The parser of all commands."""
    parser = Parser(
        prog="tinydet",
        description="SSD MobileNetV2 FPN-lite detectors for microcontrollers: train, quantize to "
        "int8, evaluate, predict, compile to C, deploy.",
        epilog="Start with 'tinydet init DATA', edit user_config.yaml, and "
        "'tinydet run --config user_config.yaml'; or see it all with 'tinydet demo'.",
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for add in (
        _init,
        _run,
        _train,
        tuning.add_tune,
        quantizing.add_quantize,
        _evaluate,
        predicting.add_predict,
        compiling.add_compile,
        compiling.add_footprint,
        deploying.add_benchmark,
        deploying.add_deploy,
        _data,
        _report,
        _demo,
    ):
        add(commands)
    doctor = commands.add_parser("doctor", help="show versions, backend and tools found")
    doctor.set_defaults(command=actions.doctor, parser=doctor)
    return parser


class _Version(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002 - argparse's name
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"tinydet {version('tinydet')}\n")
        parser.exit()


def _init(commands: "Commands") -> None:
    parser = commands.add_parser("init", help="write a commented user_config.yaml")
    parser.add_argument("data", nargs="?", type=Path, help=f"{DATA_HELP}; named in the file")
    add_output(parser, "user_config.yaml", "file to write")
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")
    parser.set_defaults(command=actions.init, parser=parser)


def _run(commands: "Commands") -> None:
    parser = commands.add_parser("run", help="execute the operation_mode of a configuration")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--config", type=Path, metavar="FILE", help="user_config.yaml")
    source.add_argument("--resume", type=Path, metavar="RUN_FOLDER", help="go on with a killed run")
    parser.add_argument("--strict", action="store_true", help=STRICT_HELP)
    parser.epilog = OVERRIDES_HELP
    parser.set_defaults(command=actions.run, parser=parser, overrides=[])


def _train(commands: "Commands") -> None:
    parser = commands.add_parser("train", help="train a float model on a folder of labelled images")
    parser.add_argument("data", type=Path, help=DATA_HELP)
    parser.add_argument("--validation", type=Path, metavar="DATA", help="data set to validate on")
    parser.add_argument("--classes", type=class_list, metavar="NAMES", help=NAMES_HELP)
    parser.add_argument(
        "--input",
        type=input_shape,
        default="192",
        metavar="SIZE",
        help="side in px, or HEIGHTxWIDTH (default: 192)",
    )
    parser.add_argument("--alpha", type=float, help="width of the backbone (default: 0.35)")
    parser.add_argument("--epochs", type=int, help="passes over the data set (default: 100)")
    parser.add_argument("--batch-size", type=int, help="images per step (default: 32)")
    parser.add_argument(
        "--pretrained",
        metavar="WEIGHTS",
        help=f"imagenet (downloaded once), a trained detector ({LISTED}, or a .keras file), a "
        "weights file of the backbone, or None (default: imagenet)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="RUN_FOLDER",
        help="where everything goes (default: experiments_outputs/DATE_TIME)",
    )
    parser.add_argument("--strict", action="store_true", help=STRICT_HELP)
    parser.epilog = OVERRIDES_HELP
    parser.set_defaults(command=actions.train, parser=parser, overrides=[])


def _evaluate(commands: "Commands") -> None:
    parser = commands.add_parser("evaluate", help="measure AP of a .keras or .tflite model")
    parser.add_argument("model", type=detector, help=MODEL_HELP)
    parser.add_argument("--data", type=Path, required=True, help=DATA_HELP)
    parser.add_argument(
        "--split", choices=("train", "val", "test"), help="part of the data set (default: its val)"
    )
    parser.add_argument("--classes", type=class_list, metavar="NAMES", help=MODEL_NAMES_HELP)
    parser.add_argument(
        "--iou", type=float, nargs="+", default=[0.4], help="IoUs of the AP (default: 0.4)"
    )
    engines = ("litert", "litert-ref", *compiling.ENGINES)
    _add_choice(parser, "--engine", engines, "fast or reference kernels, or the compiled C")
    add_output(parser, "evaluation_run")
    parser.set_defaults(command=actions.evaluate, parser=parser)


def _data(commands: "Commands") -> None:
    data = commands.add_parser("data", help="check or generate a data set")
    acts = data.add_subparsers(metavar="ACTION", required=True, parser_class=Parser)
    check = acts.add_parser("check", help="count, draw and list what is wrong")
    check.add_argument("data", type=Path, help=DATA_HELP)
    check.add_argument(
        "--split", choices=("train", "val", "test"), help="part of the data set (default: all)"
    )
    check.add_argument("--classes", type=class_list, metavar="NAMES", help=NAMES_HELP)
    check.add_argument(
        "--output", type=Path, help="folder for check.json and pictures (default: none is written)"
    )
    check.set_defaults(command=actions.data_check, parser=check)
    generate = acts.add_parser("generate", help="render a labelled data set")
    generate.add_argument("output", type=Path, help="folder of the data set")
    generate.add_argument("--images", type=int, default=600, help="how many (default: 600)")
    generate.add_argument("--seed", type=int, default=0, help="chooses the set (default: 0)")
    generate.set_defaults(command=actions.data_generate, parser=generate)


def _report(commands: "Commands") -> None:
    parser = commands.add_parser("report", help="write report.html of a run folder anew")
    parser.add_argument("run_folder", type=Path, help="folder of a run")
    parser.set_defaults(command=actions.report, parser=parser)


def _demo(commands: "Commands") -> None:
    parser = commands.add_parser(
        "demo", help="generate a data set, train, quantize, evaluate, predict, report"
    )
    add_output(parser, "demo")
    parser.set_defaults(command=actions.demo, parser=parser)


def _add_choice(parser: Parser, option: str, choices: Sequence[str], what: str) -> None:
    parser.add_argument(
        option, choices=choices, default=choices[0], help=f"{what} (default: {choices[0]})"
    )
