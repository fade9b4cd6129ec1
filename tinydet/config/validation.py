"""From pydantic's errors to findings with file, line and remedy."""

import re
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from tinydet.config.document import Document, Key, dotted
from tinydet.config.schema import UserConfig
from tinydet.config.schema.values import RejectedError, Section, show
from tinydet.config.without_meaning import KEYS
from tinydet.errors import near_name

MAX_FINDINGS = 200  # more are not shown, and looking for near names takes time
LIMITS = {
    "greater_than": ("gt", "numbers above {}"),
    "greater_than_equal": ("ge", "{} or more"),
    "less_than": ("lt", "numbers below {}"),
    "less_than_equal": ("le", "{} or less"),
    "too_short": ("min_length", "{} or more values"),
    "too_long": ("max_length", "{} values or less"),
}
# Keys and values of published documents that never worked or were taken away.
KNOWN_ELSEWHERE = {
    "custom_data_augmentation": "Remove it: augmentation is chosen in data_augmentation.",
}


def validate(document: Document) -> UserConfig | None:
    """The configuration of a document; what is wrong with it is added to its findings."""
    try:
        return UserConfig.model_validate(document.root)
    except ValidationError as error:
        for item in error.errors(include_url=False)[:MAX_FINDINGS]:
            _report(document, dict(item))
        return None


def _report(document: Document, item: dict[str, Any]) -> None:
    key: Key = tuple(part for part in item["loc"] if part != "[key]")
    kind, context = item["type"], item.get("ctx", {})
    inner = context.get("error")
    if kind == "unsupported":
        document.report(key, context["found"], context["supported"], context["remedy"])
    elif isinstance(inner, RejectedError):
        for below, found, supported, remedy in inner.findings:
            document.report((*key, *below), found, supported, remedy)
    elif kind == "extra_forbidden":
        known = key_names(key[:-1])
        accepted = [name.rpartition(".")[2] for name in KEYS if name.startswith(dotted(key[:-1]))]
        hint = near_name(str(key[-1]), [*known, *accepted]).strip() or "Remove it."
        hint = KNOWN_ELSEWHERE.get(str(key[-1]), hint)
        document.report(key, f"unknown key '{key[-1]}'", ", ".join(known), hint)
    elif kind == "missing":
        document.require(key, _supported_values(key), "Add it.")
    elif kind in LIMITS:
        name, form = LIMITS[kind]
        found = show(item["input"])
        document.report(key, found, form.format(context[name]), "Choose a value in this range.")
    elif kind in ("model_type", "dict_type", "model_attributes_type"):
        supported = "'key: value' lines"
        names = ", ".join(key_names(key))
        remedy = f"Write a section with {names}." if names else "Write a section."
        document.report(key, show(item["input"]), supported, remedy)
    else:
        sentence = re.sub(r"\s+", " ", item["msg"])
        document.report(key, show(item["input"]), sentence, "Correct the value.")


def key_names(section: Key) -> list[str]:
    """The names a section knows, as they are written in YAML."""
    model: type[BaseModel] | None = UserConfig
    for part in section:
        model = _section_below(model, str(part)) if model else None
    if model is None:
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


def _section_below(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    for field_name, field in model.model_fields.items():
        if (field.alias or field_name) == name:
            for candidate in (field.annotation, *get_args(field.annotation)):
                if isinstance(candidate, type) and issubclass(candidate, Section):
                    return candidate
    return None


def _supported_values(key: Key) -> str:
    field = UserConfig.model_fields.get(str(key[0])) if len(key) == 1 else None
    options = get_args(field.annotation) if field else ()
    return f"one of {', '.join(map(str, options))}" if options else "a value"
