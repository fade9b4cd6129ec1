"""What a user is told while a command works, apart from its result on standard output."""

import sys


def tell(text: str) -> None:
    """Print a note to the user on standard error.

    Args:
        text: One line, or several.
    """
    print(text, file=sys.stderr)  # noqa: T201 - the one place for notes
