"""Text and tables in Markdown, whatever they hold."""

from collections.abc import Sequence

# Backslashes in front of what would be a cell border, a link, markup or HTML.
_SPECIAL = str.maketrans({character: f"\\{character}" for character in "|<>*_`[]\\#"})


def escape(text: str) -> str:
    r"""One line of plain text.

    >>> escape("a|b\n<i>")
    'a\\|b \\<i\\>'
    """
    return " ".join(text.split()).translate(_SPECIAL)


def code(text: str) -> str:
    """Text as it is, in a line of its own kind.

    >>> code("my_model.tflite")
    '`my_model.tflite`'
    """
    return f"`{' '.join(text.split()).replace('`', chr(39)).replace('|', '/')}`"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[bool] = ()) -> str:
    """A table of cells that are Markdown already.

    Args:
        heads: Of the columns.
        rows: As long as ``heads``.
        numbers: Which columns are right-aligned; those left out are not.

    Returns:
        The table, ending with a line break.
    """
    aligned = [*numbers, *[False] * (len(heads) - len(numbers))]
    marks = ["---:" if number else "---" for number in aligned]
    return "".join(f"| {' | '.join(line)} |\n" for line in (heads, marks, *rows))
