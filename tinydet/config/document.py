"""A configuration as text values, each with the place it comes from, and the findings in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from tinydet.errors import UnsupportedError, readable

Key: TypeAlias = "tuple[str | int, ...]"  # as ("training", "model", "alpha") or (..., 0)
Value: TypeAlias = "Scalar | list[Value] | dict[str, Value]"

MAX_SENTENCE = 2000  # characters; every key of the largest section is listed in fewer
OVERRIDE_LINE = 1_000_000_000  # overrides are reported after every line of the file


class Scalar(str):
    """A single value as its text; its type is chosen later, by the field it is for.

    Attributes:
        plain: Written without quotes.
    """

    __slots__ = ("plain",)
    plain: bool

    def __new__(cls, text: str, plain: bool = True) -> Scalar:
        """The text with the way it was written."""
        scalar = super().__new__(cls, text)
        scalar.plain = plain
        return scalar

    @property
    def is_empty(self) -> bool:
        """Nothing stands after the key."""
        return self == "" and self.plain


@dataclass(frozen=True)
class Origin:
    """Where a value was written.

    Attributes:
        source: File name with line (``user_config.yaml:12``) or ``override 'key=value'``.
        line: Line in the file from 1; overrides stand after all lines.
        key: The key as the user wrote it, with dots.
    """

    source: str
    line: int
    key: str


def dotted(key: Iterable[str | int]) -> str:
    """The key as a user writes it.

    >>> dotted(("dataset", "class_names", 1))
    'dataset.class_names[1]'
    """
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


@dataclass
class Document:
    """The values of a configuration on their way to being checked.

    Attributes:
        name: File name, for findings.
        root: Top-level mapping of text values.
        origins: Place of every key that was written; the root has the key ``()``.
        findings: ``(line, sentence, key)`` of everything that is wrong.
        warnings: ``(line, sentence)`` of everything the user should know.
        set_aside: Keys that were taken out because they have no meaning here.
        unreadable: Keys whose value was lost (a reference that is not set, no YAML) and reported;
            another finding about them would only follow from that.
    """

    name: str
    root: dict[str, Value] = field(default_factory=dict)
    origins: dict[Key, Origin] = field(default_factory=dict)
    findings: list[tuple[int, str, Key]] = field(default_factory=list)
    warnings: list[tuple[int, str]] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)
    unreadable: set[Key] = field(default_factory=set)

    def origin(self, key: Key) -> Origin:
        """Where a key stands; of a key that was not written, where its section stands."""
        for length in range(len(key), -1, -1):
            if key[:length] in self.origins:
                origin = self.origins[key[:length]]
                parts = ((origin.key,) if origin.key else ()) + key[length:]
                return replace(origin, key=dotted(parts))
        return Origin(self.name, 0, dotted(key))

    def report(self, key: Key, found: str, supported: str, remedy: str) -> None:
        """Add a finding about a key, unless its value was lost and reported before."""
        if key in self.unreadable:
            return
        origin = self.origin(key)
        where = f"{origin.source} {origin.key}".strip()
        sentence = str(UnsupportedError(where, readable(found), supported, remedy))
        self.findings.append((origin.line, readable(sentence, MAX_SENTENCE), key))

    def require(self, key: Key, takes: str, remedy: str) -> None:
        """Add a finding about a key that is not there.

        Args:
            key: The key.
            takes: What it takes.
            remedy: What needs it, a full sentence.
        """
        if key not in self.unreadable:
            origin = self.origin(key)
            sentence = f"{origin.source} {origin.key}: is missing (expected: {takes}). {remedy}"
            self.findings.append((origin.line, readable(sentence.strip(), MAX_SENTENCE), key))

    def lose(self, key: Key, found: str, supported: str, remedy: str) -> None:
        """Add a finding about a key whose value cannot be read at all."""
        self.report(key, found, supported, remedy)
        self.unreadable.add(key)

    def warn(self, key: Key, sentence: str) -> None:
        """Add a warning about a key."""
        origin = self.origin(key)
        self.warnings.append((origin.line, f"{origin.source} {origin.key}: {sentence}"))

    def get(self, *key: str | int) -> Value | None:
        """The value at a key, or None where there is none, nothing after it, or ``None``."""
        value: Value = self.root
        for part in key:
            if isinstance(value, dict) and part in value:
                value = value[str(part)]
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        is_absent = isinstance(value, Scalar) and (value.is_empty or is_none(value))
        return None if is_absent else value

    def text(self, *key: str | int) -> str | None:
        """The single value at a key as its text, or None where there is none."""
        value = self.get(*key)
        return str(value) if isinstance(value, Scalar) else None

    def put(self, key: Key, value: Value, origin: Origin) -> bool:
        """Set a value, making the sections above it.

        Returns:
            False where something above it is no section.
        """
        section = self.root
        for part in key[:-1]:
            below = section.get(str(part))
            if below is None or (isinstance(below, Scalar) and below.is_empty):
                below = section[str(part)] = {}
            if not isinstance(below, dict):
                return False
            section = below
        self.forget(key)
        section[str(key[-1])] = value
        self.origins[key] = origin
        return True

    def forget(self, key: Key) -> None:
        """Remove a key and all below it, if it is there."""
        section = self.get(*key[:-1])
        if isinstance(section, dict):
            section.pop(str(key[-1]), None)
        for other in [k for k in self.origins if k[: len(key)] == key]:
            del self.origins[other]

    def move(self, old: Key, new: Key) -> None:
        """Give a value another key; findings still name the key that the user wrote."""
        value = self.get(*old)
        if value is None:
            return
        moved = {k: o for k, o in self.origins.items() if k[: len(old)] == old}
        origin = self.origin(old)
        self.forget(old)
        if self.put(new, value, origin):
            self.origins.update({new + k[len(old) :]: o for k, o in moved.items()})


def is_none(value: object) -> bool:
    """Whether a value says ``None`` (any case) or ``null`` or ``~``."""
    return value is None or (isinstance(value, str) and value.lower() in ("none", "null", "~"))
