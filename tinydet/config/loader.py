"""``user_config.yaml`` to a checked configuration, with every finding at once."""

import os
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

import yaml

from tinydet.config.document import MAX_SENTENCE, Document
from tinydet.config.generations import fill_run_folder, fill_thresholds, unify
from tinydet.config.interpolation import Interpolator, escape
from tinydet.config.overrides import Change, apply_overrides
from tinydet.config.requirements import check_requirements, find_named_model, is_needed
from tinydet.config.schema import UserConfig
from tinydet.config.schema.values import Section
from tinydet.config.template import render_template
from tinydet.config.traps import defuse
from tinydet.config.validation import validate
from tinydet.config.without_meaning import is_without_meaning, set_aside
from tinydet.config.yaml_reader import parse_yaml, read_yaml
from tinydet.errors import ConfigError, readable

DEFAULTS = "defaults"  # how findings call the configuration that ``tinydet init`` writes
SCREEN = 3500  # characters of all findings together; the rest is counted
LINE_BREAKS = "\r\x85\u2028\u2029"


@dataclass(frozen=True)
class LoadedConfig:
    """A configuration with what the user should know about it.

    Attributes:
        config: The checked values.
        warnings: One sentence each, in file order.
    """

    config: UserConfig
    warnings: list[str] = field(default_factory=list)


def load_config(
    path: str | Path | None,
    overrides: Sequence[Change] = (),
    environment: Mapping[str, str] = os.environ,
    now: datetime | None = None,
) -> LoadedConfig:
    """Read and check a configuration.

    Args:
        path: The YAML file, of either published generation; None begins with the defaults of
            ``tinydet init``.
        overrides: Words ``key.sub=value``, or mappings of such keys to Python values, laid over
            the file in order.
        environment: Values for ``${VARIABLE}``.
        now: Time for ``${now:%Y_%m_%d}``; None is the current time.

    Returns:
        The configuration and its warnings.

    Raises:
        ConfigError: Everything that is wrong with it, one line each, in file order.
    """
    document = parse_yaml(DEFAULTS, render_template()) if path is None else read_yaml(Path(path))
    apply_overrides(document, overrides)
    set_aside(document)
    unify(document)
    fill_run_folder(document)
    Interpolator(document, environment, now or datetime.now()).run()
    find_named_model(document)
    check_requirements(document)
    defuse(document)
    fill_thresholds(document)
    config = validate(document)
    wrong = [
        (line, sentence)
        for line, sentence, key in document.findings
        if is_needed(document, key) and not is_without_meaning(key)
    ]
    if wrong:
        raise ConfigError(_in_order(wrong))
    ignored: list[str] = []
    while document.findings:
        for *_, key in document.findings:
            ignored.append(document.origin(key).key)
            document.forget(key[:2])
        document.findings.clear()
        config = validate(document)
    if config is None:
        raise AssertionError("no finding, and no configuration")
    _tell(document, ignored)
    return LoadedConfig(config, _in_order(document.warnings))


def _tell(document: Document, ignored: list[str]) -> None:
    """One line on the keys without meaning, one on what is neither needed nor understood."""
    set_aside = [name for name in document.set_aside if is_needed(document, tuple(name.split(".")))]
    for keys, sentence in (
        (
            set_aside,
            "ignored, since these keys have no meaning in tinydet: {} (see docs/configuration.md).",
        ),
        (ignored, "ignored, since operation_mode does not need them: {}."),
    ):
        if keys:
            listed = ", ".join(dict.fromkeys(keys))
            line = f"{document.name}: {sentence.format(readable(listed, MAX_SENTENCE))}"
            document.warnings.append((0, line))


def _in_order(sentences: list[tuple[int, str]]) -> list[str]:
    ordered = sorted(sentences, key=lambda pair: pair[0])
    unique = list(dict.fromkeys(sentence for _, sentence in ordered))
    ends = list(accumulate(map(len, unique)))
    shown = max(1, bisect(ends, SCREEN))
    rest = len(unique) - shown
    return unique[:shown] + ([f"... and {rest} more."] if rest > 0 else [])


def resolved_yaml(config: UserConfig) -> str:
    """The configuration with all defaults and references resolved, as YAML.

    ``load_config`` of it gives the same configuration again, at any time and in any environment.
    """
    return yaml.dump(
        _plain(config), Dumper=_ExactDumper, sort_keys=False, allow_unicode=True, width=100
    )


def written_values(config: UserConfig) -> dict[str, Any]:
    """Every value of a configuration by its dotted key, as in the resolved file."""
    return dict(_flat(_plain(config), ""))


def _flat(values: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


class _ExactDumper(yaml.SafeDumper):
    """Quotes what would come back changed: unusual line breaks, an opening bracket (a tuple)."""


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    exotic = any(character in text for character in LINE_BREAKS) or text.startswith("(")
    style = '"' if exotic else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_ExactDumper.add_representer(str, _write_text)


def _plain(value: Any) -> Any:
    """Sections, paths and tuples as YAML writes them; what is None by default is left out."""
    if isinstance(value, Section):
        return {
            field.alias or name: _plain(getattr(value, name))
            for name, field in type(value).model_fields.items()
            if getattr(value, name) is not None or field.default is not None
        }
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return escape(str(value)) if isinstance(value, (str, Path)) else value
