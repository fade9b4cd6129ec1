"""What is wrong with the data of a run, in sentences that a reader does not overlook."""

from collections.abc import Mapping
from typing import Any

MOST_EXAMPLES = 3


def data_warnings(checks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One sentence for each kind of finding in each part of the data.

    Args:
        checks: ``check.json`` by part; any entry may be missing or of another form.
    """
    return [
        f"{part}: {sentence}" for part, check in checks.items() for sentence in _sentences(check)
    ]


def _sentences(check: Mapping[str, Any]) -> list[str]:
    found = []
    if check.get("boxes") == 0:
        found.append("no object is labelled")
    unreadable = _records(check, "unreadable")
    if unreadable:
        files = [f"{each.get('path')} ({each.get('fault')})" for each in unreadable]
        found.append(f"{_count(len(unreadable), 'unreadable image')}: {_listed(files)}")
    for finding in _records(check, "findings"):
        examples = finding.get("examples")
        shown = [str(each) for each in examples] if isinstance(examples, list) else []
        text = f"{finding.get('count')} {finding.get('meaning')}"
        found.append(f"{text}: {_listed(shown)}" if shown else text)
    same = check.get("duplicate_images")
    if isinstance(same, list) and same:
        found.append(f"{_count(len(same), 'group')} of identical images")
    return found


def _records(check: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    entries = check.get(key)
    return (
        [each for each in entries if isinstance(each, Mapping)] if isinstance(entries, list) else []
    )


def _listed(texts: list[str]) -> str:
    more = f" and {len(texts) - MOST_EXAMPLES} more" if len(texts) > MOST_EXAMPLES else ""
    return ", ".join(texts[:MOST_EXAMPLES]) + more


def _count(number: int, noun: str) -> str:
    """As ``"1 group"``, ``"2 groups"``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
