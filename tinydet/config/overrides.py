"""Changes laid over a configuration: words from the command line, values from Python."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from tinydet.config.document import OVERRIDE_LINE, Document, Key, Origin, Scalar, Value
from tinydet.config.interpolation import escape
from tinydet.config.yaml_reader import read_override

Change: TypeAlias = "str | Mapping[str, Any]"


def apply_overrides(document: Document, overrides: Sequence[Change]) -> None:
    """Lay overrides over a document, in order; the last one of a key counts.

    Args:
        document: Changed in place; receives findings.
        overrides: Words ``key.sub=value``, the value in YAML's flow style; an empty value stands
            for the default, and a leading ``+`` or ``++`` is taken and means nothing. Or mappings
            of dotted keys to Python values, which are taken as they are.
    """
    for override in overrides:
        if isinstance(override, str):
            _apply_word(document, override)
        else:
            for name, value in override.items():
                key: Key = tuple(name.split("."))
                _lay(document, key, _as_written(value), Origin("", OVERRIDE_LINE, name))


def _apply_word(document: Document, override: str) -> None:
    name, equals, text = override.partition("=")
    key: Key = tuple(part.strip() for part in name.lstrip("+").split("."))
    if not equals or not all(key):
        document.origins[("", override)] = Origin(f"override '{override}'", OVERRIDE_LINE, "")
        remedy = "Write for example training.epochs=50."
        document.report(("", override), "this form", "key.sub=value", remedy)
        return
    for old in [k for k in document.origins if k[: len(key)] == key]:
        del document.origins[old]
    value = read_override(document, override, key, text)
    origin = document.origins.pop(key)
    _lay(document, key, Scalar("") if value is None else value, origin)


def _lay(document: Document, key: Key, value: Value, origin: Origin) -> None:
    below = {k: o for k, o in document.origins.items() if k[: len(key)] == key}
    placed = document.put(key, value, origin)
    document.origins.update({k: o for k, o in below.items() if k != key and o.line == origin.line})
    if not placed:
        document.origins[key] = origin
        remedy = "Check the part of the key before the last dot."
        document.report(key, "a key inside a single value", "keys inside a section", remedy)


def _as_written(value: Any) -> Value:
    """A Python value as the document holds it; nothing in a text is taken for a reference."""
    if isinstance(value, Mapping):
        return {str(name): _as_written(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_written(item) for item in value]
    if isinstance(value, (str, Path)):
        return Scalar(escape(str(value)), plain=False)
    return Scalar(str(value))
