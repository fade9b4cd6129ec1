"""Two command lines for the help of every command: the usual one, and one that shows more."""

from importlib.resources import files


def examples_of(command: str) -> list[str]:
    """The examples of a command.

    Args:
        command: As it is typed: ``data check``.

    >>> examples_of("demo")
    ['tinydet demo', 'tinydet demo --output first_try']
    """
    text = (files("tinydet") / "templates" / "examples.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if f"{line} ".startswith(f"tinydet {command} ")]
