"""``${VAR}``, ``${now:%Y_%m_%d}`` and ``${section.key}`` inside values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tinydet.config.document import Document, Key, Scalar, Value

# "$${" is a literal "${"; a "${" without its "}" is reported.
TOKEN = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
MAX_CHAIN = 10  # keys that refer to keys that refer to keys
MAX_REFERENCES = 10_000  # of a document, those of the keys referred to included
MAX_LENGTH = 10_000  # characters of a value with references
SUPPORTED = "${VARIABLE}, ${now:%Y_%m_%d}, ${section.key}"


class InterpolationError(ValueError):
    """A reference that has no value: ``args`` are (found, remedy)."""


def escape(text: str) -> str:
    """The text as it must be written so that nothing in it is taken for a reference."""
    return text.replace("${", "$${")


@dataclass
class Interpolator:
    """Replaces the references in a document.

    Attributes:
        document: Changed in place; receives findings.
        environment: Environment variables.
        now: Time for ``${now:...}``.
    """

    document: Document
    environment: Mapping[str, str]
    now: datetime
    references: int = 0

    def run(self) -> None:
        """Replace every reference in the document."""
        self.document.root = {
            name: self._expand(value, (name,)) for name, value in self.document.root.items()
        }

    def _expand(self, value: Value, key: Key) -> Value:
        if isinstance(value, dict):
            return {name: self._expand(item, (*key, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [self._expand(item, (*key, index)) for index, item in enumerate(value)]
        try:
            return self._resolve(value, 0)
        except InterpolationError as error:
            found, remedy = error.args
            self.document.lose(key, found, SUPPORTED, remedy)
            return Scalar("")

    def _resolve(self, text: Scalar, depth: int) -> Scalar:
        if "${" not in text:
            return text
        if depth > MAX_CHAIN:
            remedy = "Remove the circular reference."
            raise InterpolationError(f"{str(text)!r}, which refers to itself,", remedy)
        result = TOKEN.sub(lambda match: self._replace(match, depth), text)
        if len(result) > MAX_LENGTH:
            raise InterpolationError("a value that grows without end", "Shorten it.")
        return Scalar(result, plain=text.plain)

    def _replace(self, match: "re.Match[str]", depth: int) -> str:
        self.references += 1
        if self.references > MAX_REFERENCES:
            raise InterpolationError(f"reference {MAX_REFERENCES:,}", "Write out some of them.")
        if match[0] == "$${":
            return "${"
        if match[1] is None:
            raise InterpolationError("'${' without '}'", "Close it, or write $${ for the text ${.")
        name = match[1].strip()
        if name.startswith("now:"):
            return self._format_now(name[4:])
        if name.startswith("oc.env:"):
            variable, comma, default = name[7:].partition(",")
            name = variable.strip()
            if comma and name not in self.environment:
                return default.strip()
        if name in self.environment:
            return self.environment[name]
        target = self.document.get(*name.split("."))
        if isinstance(target, Scalar):
            return str(self._resolve(target, depth + 1))
        remedy = f"Set the environment variable {name}."
        if "." in name:
            remedy = "Refer to a key with a single value, or remove the reference."
        raise InterpolationError(f"${{{name}}}, which is not set,", remedy)

    def _format_now(self, pattern: str) -> str:
        try:
            return self.now.strftime(pattern)
        except ValueError:
            remedy = "Correct the time pattern."
            raise InterpolationError(f"the time pattern {pattern!r}", remedy) from None
