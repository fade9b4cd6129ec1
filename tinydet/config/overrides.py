"""``key.sub=value`` from the command line, laid over the file."""

from collections.abc import Sequence

from tinydet.config.document import OVERRIDE_LINE, Document, Key, Origin, Scalar
from tinydet.config.yaml_reader import read_override


def apply_overrides(document: Document, overrides: Sequence[str]) -> None:
    """Lay overrides over a document, in order; the last one of a key counts.

    Args:
        document: Changed in place; receives findings.
        overrides: ``key.sub=value``, the value in YAML's flow style; an empty value stands for
            the default. A leading ``+`` or ``++`` is taken and means nothing.
    """
    for override in overrides:
        name, equals, text = override.partition("=")
        key: Key = tuple(part.strip() for part in name.lstrip("+").split("."))
        if not equals or not all(key):
            document.origins[("", override)] = Origin(f"override '{override}'", OVERRIDE_LINE, "")
            remedy = "Write for example training.epochs=50."
            document.report(("", override), "this form", "key.sub=value", remedy)
            continue
        old = {k: document.origins[k] for k in document.origins if k[: len(key)] == key}
        for k in old:
            del document.origins[k]
        value = read_override(document, override, key, text)
        origin = document.origins.pop(key)
        below = {k: o for k, o in document.origins.items() if k[: len(key)] == key}
        placed = document.put(key, Scalar("") if value is None else value, origin)
        document.origins.update(below)
        if not placed:
            document.origins[key] = origin
            remedy = "Check the part of the key before the last dot."
            document.report(key, "a key inside a single value", "keys inside a section", remedy)
