"""Two command lines for the help of every command: the usual one, and one that shows more."""

from importlib.resources import files

_TEXT = (files("tinydet") / "templates" / "examples.txt").read_text(encoding="utf-8")
EXAMPLES: dict[str, tuple[str, ...]] = {
    command: tuple(lines)
    for command, *lines in (block.splitlines() for block in _TEXT.split("\n\n"))
}
