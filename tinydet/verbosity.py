"""How much is said on standard error while something works."""

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
