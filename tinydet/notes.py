"""What a user is told on standard error while a command works, and how much of it."""

import sys
from typing import Literal

Verbosity = Literal["quiet", "normal", "verbose"]
_chosen: Verbosity = "normal"


def set_verbosity(verbosity: Verbosity) -> None:
    """Choose for this process.

    Args:
        verbosity: ``quiet``: warnings and errors only, no progress; ``verbose``: also the time of
            each stage, and what libraries say.
    """
    global _chosen
    _chosen = verbosity


def is_quiet() -> bool:
    """No progress is wanted."""
    return _chosen == "quiet"


def is_verbose() -> bool:
    """Times of the stages, and the messages of libraries, are wanted."""
    return _chosen == "verbose"


def tell(text: str) -> None:
    """Print a note to the user on standard error.

    Args:
        text: One line, or several.
    """
    print(text, file=sys.stderr)  # noqa: T201 - the one place for notes


def tell_progress(text: str) -> None:
    """Print how far something is, unless no progress is wanted.

    Args:
        text: One line, or several.
    """
    if not is_quiet():
        tell(text)
