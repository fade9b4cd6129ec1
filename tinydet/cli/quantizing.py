"""``tinydet quantize``: parse, call one function, print; no logic."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.cli.actions import say
from tinydet.cli.argument_types import float_detector
from tinydet.cli.output_option import add_output
from tinydet.pretrained import LISTED

if TYPE_CHECKING:
    from tinydet.cli.parser import Commands

# Option -> its choices, the default first, and what it is. ``type`` says how the int8 model comes
# about, so it names the key of the configuration, not the Python type.
CHOICES = {
    "--type": (("PTQ", "QAT"), "only rounding, or training on with all roundings in place"),
    "--granularity": (("per_channel", "per_tensor"), "scales of the weights"),
    "--input-type": (("uint8", "int8", "float"), "type of the input"),
    "--output-type": (("float", "int8", "uint8"), "type of the outputs"),
    "--calibration": (
        ("minmax", "percentile", "mse"),
        "ranges of the activations: all values, all but one in 10,000, least squared error",
    ),
}


def add_quantize(commands: "Commands") -> None:
    """``tinydet quantize``."""
    parser = commands.add_parser("quantize", help="make the int8 .tflite of a float model")
    parser.add_argument("model", type=float_detector, help=f".keras file, or one of {LISTED}")
    parser.add_argument(
        "--images",
        type=Path,
        required=True,
        help="calibration images, or a data set; QAT: the labelled training set",
    )
    for option, (choices, what) in CHOICES.items():
        text = f"{what} (default: {choices[0]})"
        parser.add_argument(option, choices=choices, default=choices[0], help=text)
    parser.add_argument(
        "--optimize",
        action="store_true",
        help="clear constant channels, equalize channels, correct biases before rounding",
    )
    parser.add_argument(
        "--max-images", type=int, default=100, help="most calibration images (default: 100)"
    )
    parser.add_argument(
        "--stratified",
        action="store_true",
        help="calibrate on images in which each class has its share (needs labels)",
    )
    parser.add_argument("--epochs", type=int, default=3, help="of QAT (default: 3)")
    parser.add_argument(
        "--report", action="store_true", help="compare float and int8 layer by layer"
    )
    parser.add_argument(
        "--data", type=Path, help="labelled images: measure float and int8, write report.html"
    )
    parser.add_argument(
        "--max-drop",
        type=float,
        metavar="POINTS",
        help="fail where AP drops by more (needs --data)",
    )
    add_output(parser, "quantized_models")
    parser.set_defaults(command=_quantize, parser=parser)


def _quantize(parsed: argparse.Namespace) -> None:
    """Make the int8 model of a float model."""
    from tinydet.pipeline.quantize_command import quantize_model

    say(
        quantize_model(
            parsed.model,
            parsed.images,
            parsed.output,
            {
                "quantization_type": parsed.type,
                "granularity": parsed.granularity,
                "quantization_input_type": parsed.input_type,
                "quantization_output_type": parsed.output_type,
                "calibration_method": parsed.calibration,
                "calibration_selection": "stratified" if parsed.stratified else "even",
                "optimize": parsed.optimize,
                "max_images": parsed.max_images,
                "quantization_aware.epochs": parsed.epochs,
                "report": parsed.report or parsed.max_drop is not None,
            },
            evaluation_data=parsed.data,
            max_drop=parsed.max_drop,
        )
    )
