"""The command ``tinydet tune``: parse, call one function, print; no logic."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.cli.actions import say
from tinydet.cli.argument_types import count, size_bytes
from tinydet.cli.output_option import add_output

if TYPE_CHECKING:
    from tinydet.cli.parser import Commands


def add_tune(commands: "Commands") -> None:
    """``tinydet tune``."""
    parser = commands.add_parser(
        "tune", help="search for the configuration with the best AP, also under a RAM limit"
    )
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="user_config.yaml of the trials"
    )
    parser.add_argument(
        "--trials", type=count, default=30, help="how many in the end (default: 30)"
    )
    parser.add_argument(
        "--epochs", type=count, help="of a trial (default: those of the configuration)"
    )
    parser.add_argument(
        "--space",
        type=Path,
        metavar="FILE",
        help="YAML of what is searched (default: learning rate, weight decay, anchors, loss; with "
        "--ram-limit also alpha and input size)",
    )
    parser.add_argument(
        "--ram-limit",
        type=size_bytes,
        metavar="SIZE",
        help="most activation RAM, as 256K: networks that need more are not trained",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the proposals (default: 0)")
    add_output(parser, "tuning", "folder of the search; one that is there is gone on with")
    parser.epilog = "Words of the form key.sub=value are laid over the configuration."
    parser.set_defaults(command=_tune, parser=parser, overrides=[])


def _tune(parsed: argparse.Namespace) -> None:
    from tinydet.config.loader import load_config
    from tinydet.pipeline.tune import TuneOptions, default_space, read_space, tune

    if parsed.space:
        space = read_space(parsed.space)
    else:
        config = load_config(parsed.config, parsed.overrides).config
        space = default_space(config, with_networks=parsed.ram_limit is not None)
    options = TuneOptions(parsed.trials, parsed.epochs, parsed.ram_limit, parsed.seed)
    say(tune(parsed.config, parsed.overrides, space, parsed.output, options))
