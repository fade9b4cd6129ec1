"""What a user is told while a command works, apart from its result on standard output."""

import sys

from tinydet.verbosity import is_quiet


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
