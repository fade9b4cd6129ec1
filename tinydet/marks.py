"""Templates with marks: ``@NAME@``."""

import re
from collections.abc import Mapping


def fill_marks(text: str, values: Mapping[str, str]) -> str:
    """The template with a value for every mark.

    In one pass: a value that looks like a mark, as a class may be called, stays as it is.

    Args:
        text: The template; a mark is capital letters and underscores between two ``@``.
        values: By mark, without its ``@``; more than the template asks for are no error.

    Raises:
        KeyError: A mark without a value.

    >>> fill_marks("@NAME@ on @BOARD@", {"NAME": "@BOARD@", "BOARD": "any board"})
    '@BOARD@ on any board'
    """
    return re.sub("@([A-Z_]+)@", lambda found: values[found[1]], text)
