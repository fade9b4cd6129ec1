"""The command ``tinydet predict``: parse, call one function, print; no logic."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.cli.actions import UNREADABLE, say
from tinydet.cli.argument_types import class_list, detector, is_model
from tinydet.cli.output_option import add_output
from tinydet.errors import ModelFileError, near_name
from tinydet.pretrained import DEFAULT, LISTED, NAMES

if TYPE_CHECKING:
    from tinydet.cli.parser import Commands


def add_predict(commands: "Commands") -> None:
    """``tinydet predict``."""
    parser = commands.add_parser("predict", help="find objects in images, a video or a camera")
    # One model and some sources, in this order, with options anywhere between: argparse cannot tell
    # them apart where the model may be left out, so they are told apart by what they say.
    parser.add_argument(
        "model",
        nargs="?",
        help=f".keras or .tflite file, or a detector of the package: {LISTED} (default: {DEFAULT})",
    )
    parser.add_argument("source", nargs="+", help="images, a folder, a video file, or camera:0")
    parser.add_argument("--score", type=float, help="score threshold (default: that of the model)")
    parser.add_argument(
        "--classes",
        type=class_list,
        metavar="NAMES",
        help="class names of a model without detector.json, separated by commas",
    )
    parser.add_argument("--max-frames", type=int, help="stop a video or camera after so many")
    add_output(parser, "predictions")
    parser.set_defaults(command=_predict, parser=parser, words_go_to="source")


def _predict(parsed: argparse.Namespace) -> int:
    """Find objects; exit status 2 where a file could not be read."""
    from tinydet.pipeline.commands import predict_with

    model, sources = _model_and_sources(parsed)
    summary, complete = predict_with(
        model,
        sources if len(sources) > 1 else sources[0],
        parsed.output,
        score_threshold=parsed.score,
        class_names=parsed.classes,
        max_frames=parsed.max_frames,
    )
    say(summary)
    return 0 if complete else UNREADABLE


def _model_and_sources(parsed: argparse.Namespace) -> tuple[Path, list[str]]:
    """The model, the default one where none is named, and what to look at."""
    words = [word for word in (parsed.model, *parsed.source) if word is not None]
    if not is_model(words[0]):
        _refuse_misspelt(words[0])
        _note(f"No model named: using {DEFAULT}, which comes with tinydet and finds people")
        return detector(DEFAULT), words
    if len(words) == 1:
        parsed.parser.error("the following arguments are required: source")
    return detector(words[0]), words[1:]


def _refuse_misspelt(word: str) -> None:
    hint = near_name(word, NAMES)
    if hint and word.isidentifier() and not Path(word).exists():
        remedy = f"Give images, or a model before them: a file, or one of {LISTED}.{hint}"
        raise ModelFileError(word, "is neither a file nor a detector of the package", remedy)


def _note(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - the edge to the user
