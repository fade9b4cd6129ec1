"""YAML to text values with line numbers. Types are left to the fields (see ``schema``)."""

from __future__ import annotations

from pathlib import Path

import yaml

from tinydet.config.document import OVERRIDE_LINE, Document, Key, Origin, Scalar, Value, dotted
from tinydet.errors import ConfigError, readable

MAX_BYTES = 400_000
MAX_NODES = 20_000  # aliases can make a small file expand without end
MAX_DEPTH = 50
INIT_HINT = "'tinydet init' writes a complete example."
# The parser in C is ten times as fast, takes tabs between a value and what follows it, and stops
# where brackets are nested without end.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Document:
    """Read a configuration file without choosing types: ``yes`` and ``007`` stay as written.

    Args:
        path: The YAML file, UTF-8.

    Returns:
        Its values as text; what is wrong with single keys is in ``findings``.

    Raises:
        ConfigError: The file is missing, unreadable, no YAML, no mapping, nested too deep, or
            its aliases make it grow without end. One line in any case.
    """
    return parse_yaml(path.name, _read_text(path))


def parse_yaml(name: str, text: str) -> Document:
    """The document of a YAML text; see ``read_yaml``.

    Args:
        name: For findings.
        text: The YAML.

    Raises:
        ConfigError: As ``read_yaml``.
    """
    try:
        node = _compose(text)
    except yaml.YAMLError as error:
        raise ConfigError([_syntax_finding(name, error)]) from None
    if not isinstance(node, yaml.MappingNode):
        found = "is empty" if node is None else "does not contain 'key: value' lines"
        raise ConfigError([f"{name}: {found}. {INIT_HINT}"])
    document = Document(name)
    try:
        root = _Walker(document).walk(node, ())
    except TooLargeError as error:
        remedy = "Give a smaller file, without YAML aliases."
        raise ConfigError([f"{name}: {error}. {remedy}"]) from None
    document.root = root if isinstance(root, dict) else {}
    return document


class TooLargeError(ValueError):
    """The values are nested too deep, or are too many; the message says which."""


def _compose(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=LOADER)
    except RecursionError:
        raise yaml.YAMLError("exceeded maximum nesting depth") from None
    except (ValueError, OverflowError) as error:  # a number or a character code without bounds
        raise yaml.YAMLError(readable(error)) from None


def read_override(document: Document, override: str, key: Key, text: str) -> Value | None:
    """The value of a command-line override, in YAML's flow style.

    Args:
        document: Receives findings, and the origin of the keys below.
        override: ``key=value`` as given.
        key: The key it is for.
        text: The part after ``=``.

    Returns:
        The value, or None where it is not valid YAML (reported).
    """
    origin = Origin(f"override '{override}'", OVERRIDE_LINE, dotted(key))
    document.origins[key] = origin
    try:
        node = _compose(text)
        return Scalar("") if node is None else _Walker(document, origin).walk(node, key)
    except (yaml.YAMLError, TooLargeError):
        document.lose(key, repr(readable(text)), "a YAML value", "Put the value in quotes.")
        return None


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError([f"{path}: does not exist. {INIT_HINT}"]) from None
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError([f"{path}: cannot be read ({reason}). Give a YAML file."]) from None
    if len(content) > MAX_BYTES:
        found = f"is larger than {MAX_BYTES:,} bytes, too large for a configuration"
        raise ConfigError([f"{path}: {found}. {INIT_HINT}"])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError([f"{path.name}:{line}: is not UTF-8 text. Save it as UTF-8."]) from None


def _syntax_finding(name: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"{name}:{mark.line + 1}" if mark else name
    problem = readable(getattr(error, "problem", None) or str(error).splitlines()[0])
    remedy = "Check indentation (spaces, no tabs), colons and quotes near this line."
    return f"{where}: is not valid YAML ({problem}). {remedy}"


class _Walker:
    """Walks the node tree of PyYAML, which knows lines, and builds text values."""

    def __init__(self, document: Document, origin: Origin | None = None) -> None:
        self.document = document
        self.fixed_origin = origin
        self.nodes = 0

    def walk(self, node: yaml.Node, key: Key) -> Value:
        """The value of a node; its origin is noted unless its key has one already."""
        self.nodes += 1
        self.document.origins.setdefault(key, self.origin(node, key))
        if len(key) > MAX_DEPTH:
            raise TooLargeError(f"is nested more than {MAX_DEPTH} deep")
        if self.nodes > MAX_NODES:
            raise TooLargeError(f"contains more than {MAX_NODES:,} values")
        if not node.tag.startswith("tag:yaml.org,2002:") or "python" in node.tag:
            supported = "values without a tag"
            self.document.lose(key, f"the tag {node.tag}", supported, "Remove the tag.")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self.walk(item, (*key, i)) for i, item in enumerate(node.value)]
        return self.scalar(str(node.value), not getattr(node, "style", None), key)

    def scalar(self, text: str, plain: bool, key: Key) -> Scalar:
        """A single value; a tuple that YAML has cut at its first comma is reported."""
        if plain and text.startswith("(") and text.count("(") > text.count(")"):
            remedy = "Put it in brackets, [a, b]: inside {...} and [...] a comma ends a value."
            self.document.lose(key, f"the tuple {text!r}", "lists", remedy)
        return Scalar(text, plain)

    def mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Value]:
        """The values of a mapping; duplicate keys are reported with both lines."""
        values: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag.endswith(":merge"):
                merged.update(self.merge(value_node, key))
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self.document.report(
                    key, "a list or a section as a key", "names as keys", "Write a name."
                )
                continue
            name = str(key_node.value)
            if name.count(")") > name.count("(") and not value_node.value:
                continue  # the rest of a tuple that was cut and reported
            line = key_node.start_mark.line + 1
            if name in values:
                found = f"the second '{name}' (first in line {lines[name]})"
                where = (*key, name)
                self.document.origins[where] = self.origin(key_node, where)
                self.document.report(where, found, "each key once", "Remove one of the two.")
                continue
            lines[name] = line
            self.document.origins[(*key, name)] = self.origin(key_node, (*key, name))
            values[name] = self.walk(value_node, (*key, name))
        return {**merged, **values}

    def merge(self, node: yaml.Node, key: Key) -> dict[str, Value]:
        """The values of ``<<: *alias``; in a list the first mapping wins."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Value] = {}
        for part in reversed(nodes):
            value = self.walk(part, key)
            if isinstance(value, dict):
                merged.update(value)
            else:
                self.document.report(
                    key, "'<<' without a section", "<<: *name", "Refer to a section."
                )
        return merged

    def origin(self, node: yaml.Node, key: Key) -> Origin:
        """Where a node stands."""
        if self.fixed_origin:
            return Origin(self.fixed_origin.source, self.fixed_origin.line, dotted(key))
        line = node.start_mark.line + 1
        return Origin(f"{self.document.name}:{line}", line, dotted(key))
