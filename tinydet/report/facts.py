"""Free-form JSON (counts, provenance, versions) as labelled lines for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_ITEMS = 12  # of a list or of a nested mapping; the rest is counted
MAX_CHARACTERS = 300
TITLE_KEYS = ("meaning", "name", "path")  # what a record of a list is called by
UNITS = {"bytes": "bytes", "seconds": "s", "px": "px", "ms": "ms"}


@dataclass(frozen=True)
class Fact:
    """One line: a label, its value as text, and the lines below it."""

    label: str
    value: str
    children: tuple["Fact", ...] = ()


def to_facts(mapping: Mapping[str, Any], depth: int = 0) -> list[Fact]:
    r"""The entries of a JSON object as facts, in the order of the object.

    >>> to_facts({"input_type": "uint8", "size_bytes": 1048576})[1]
    Fact(label='size', value='1\u202f048\u202f576 bytes (1.00 MiB)', children=())
    """
    return [_fact(str(key), value, depth) for key, value in mapping.items()]


def find_number(mapping: Mapping[str, Any] | None, *names: str) -> float | None:
    """The first number that stands under one of the names, at any depth; near ones first."""
    level: list[Mapping[str, Any]] = [mapping] if mapping else []
    while level:
        for name in names:
            for entry in level:
                value = entry.get(name)
                if isinstance(value, int | float) and not isinstance(value, bool):
                    return value
        level = [v for entry in level for v in entry.values() if isinstance(v, Mapping)]
    return None


def bytes_text(size: float) -> str:
    """A size in the unit that reads best.

    >>> bytes_text(1_534_584)
    '1.46 MiB'
    """
    if size < 1024:
        return f"{size:.0f} B"
    return f"{size / 1024:.0f} KiB" if size < 1024**2 else f"{size / 1024**2:.2f} MiB"


def duration_text(seconds: float) -> str:
    """A time span to two units.

    >>> [duration_text(s) for s in (4.25, 83, 7320)]
    ['4.2 s', '1 min 23 s', '2 h 2 min']
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def count_text(number: float) -> str:
    r"""A count with thin groups of three; a fraction with six digits at most.

    >>> count_text(1668), count_text(0.03125)
    ('1\u202f668', '0.03125')
    """
    if float(number).is_integer() and abs(number) < 1e15:
        return f"{int(number):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{number:.6g}"


def _fact(key: str, value: Any, depth: int) -> Fact:
    label, unit = _label(key)
    if isinstance(value, Mapping):
        return _mapping_fact(label, value, depth)
    if isinstance(value, list | tuple):
        if any(isinstance(v, Mapping | list | tuple) for v in value):
            return _list_fact(label, value, depth)
        more = f" and {len(value) - MAX_ITEMS} more" if len(value) > MAX_ITEMS else ""
        return Fact(label, ", ".join(_text(v, "") for v in value[:MAX_ITEMS]) + more or "none")
    return Fact(label, _text(value, unit))


def _list_fact(label: str, items: Sequence[Any], depth: int) -> Fact:
    """Flat records by their name (or meaning, or path), other items by their number."""
    entries: dict[str, Any] = {}
    for i, item in enumerate(items):
        title = next((k for k in TITLE_KEYS if isinstance(item, Mapping) and k in item), None)
        if title is None or str(item[title]) in entries:
            entries[str(i + 1)] = item
        else:
            entries[str(item[title])] = _in_one_line(item, {title, "kind"})
    return _mapping_fact(label, entries, depth)


def _in_one_line(record: Mapping[str, Any], left_out: set[str]) -> str:
    """``"boxes 12, images 5"``.

    >>> _in_one_line({"name": "cat", "boxes": 12, "images": 5}, {"name"})
    'boxes 12, images 5'
    """
    parts = [_fact(str(key), value, 3) for key, value in record.items() if key not in left_out]
    return ", ".join(f"{part.label} {part.value}" for part in parts)


def _mapping_fact(label: str, value: Mapping[str, Any], depth: int) -> Fact:
    if not value:
        return Fact(label, "none")
    if depth >= 3:
        return Fact(label, f"{len(value)} entries")
    shown = dict(list(value.items())[:MAX_ITEMS])
    children = [
        Fact(k, v) if isinstance(v, str) else _fact(str(k), v, depth + 1) for k, v in shown.items()
    ]
    if len(value) > MAX_ITEMS:
        children.append(Fact("", f"and {len(value) - MAX_ITEMS} more"))
    return Fact(label, "", tuple(children))


def _label(key: str) -> tuple[str, str]:
    stem, _, last = key.rpartition("_")
    unit = last if stem and last in UNITS else ""
    return (stem if unit else key).replace("_", " "), unit


def _text(value: Any, unit: str) -> str:
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if unit == "seconds":
            return duration_text(value)
        text = count_text(value) + (f" {UNITS[unit]}" if unit else "")
        return f"{text} ({bytes_text(value)})" if unit == "bytes" and value >= 1024 else text
    text = str(value)
    return (
        text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] + "\N{HORIZONTAL ELLIPSIS}"
    )
