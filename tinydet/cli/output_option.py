"""The option that every command with results has."""

import argparse
from pathlib import Path


def add_output(
    parser: argparse.ArgumentParser, default: str, what: str = "folder of the results"
) -> None:
    """Add ``--output`` with its default.

    Args:
        parser: Of one command.
        default: Path taken where the option is left out.
        what: Start of the help text.
    """
    parser.add_argument(
        "--output", type=Path, default=Path(default), help=f"{what} (default: {default})"
    )
