"""Errors a user can cause. Each says where, what was found, what is supported, what to do."""

from collections.abc import Iterable, Sequence
from typing import Any

MAX_LINE = 600  # characters of one line of a message
MAX_FOUND = 2600  # of all lines that say what was found


class TinydetError(Exception):
    """Base of every error the command line prints as one line instead of a traceback.

    Can be pickled, as what another process tells: with its text, whatever it was made from.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _with_text, (type(self), str(self), dict(vars(self)))


def _with_text(
    error_type: type[TinydetError], text: str, attributes: dict[str, Any]
) -> TinydetError:
    error = error_type.__new__(error_type)
    error.args = (text,)
    vars(error).update(attributes)
    return error


class UnsupportedError(TinydetError):
    """Something the user gave is not what tinydet can work with.

    The class builds the sentence, so that no call site leaves a part out.

    Args:
        where: File, key or option, as ``"user_config.yaml:12 training.model.alpha"``.
        found: What stands there, as ``"0.4"``.
        supported: What is taken, as ``"0.35, 0.5, 0.75, 1.0"``.
        remedy: What to change, a full sentence.

    >>> print(UnsupportedError("model.alpha", "0.4", "0.35, 0.5", "Choose one of these."))
    model.alpha: 0.4 is not supported (supported: 0.35, 0.5). Choose one of these.
    """

    def __init__(self, where: str, found: str, supported: str, remedy: str) -> None:
        super().__init__(f"{where}: {found} is not supported (supported: {supported}). {remedy}")


class OptionError(TinydetError):
    """An option was given where it would change nothing.

    Args:
        option: As ``"--external"``.
        contexts: What it applies to, at least one.

    >>> print(OptionError("--external", ["microcontroller boards"]))
    --external: applies only to microcontroller boards. Leave it out.
    """

    def __init__(self, option: str, contexts: Sequence[str]) -> None:
        super().__init__(f"{option}: applies only to {' or '.join(contexts)}. Leave it out.")


class ConfigError(TinydetError):
    """All findings in one configuration file, one line each.

    Args:
        findings: One sentence per finding, in file order, at least one.
    """

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__("\n".join(findings))
        self.findings = list(findings)


class FaultError(TinydetError):
    """Something at a place is not as it must be.

    Args:
        where: Path (with the line where that helps), key or option.
        found: What is wrong there, without a full stop.
        remedy: What to do about it, a full sentence.

    What comes from a file is shortened and its control characters are escaped, so that no message
    is longer than a screen or changes the terminal.

    Attributes:
        found: As above, as it is shown.
    """

    def __init__(self, where: object, found: str, remedy: str) -> None:
        self.found = "\n".join(readable(line, MAX_LINE) for line in found[:MAX_FOUND].split("\n"))
        super().__init__(f"{readable(where, MAX_LINE)}: {self.found}. {readable(remedy, MAX_LINE)}")


class DataError(FaultError):
    """A data set, an image or a label file cannot be used."""


class ModelFileError(FaultError):
    """A model file cannot be read, or is not a detector."""


class ArenaLimitError(FaultError):
    """No memory plan of a network keeps to the limit of the user."""


class ProcessGroupError(FaultError):
    """Processes that train together cannot meet, do not agree, or have lost one of them."""


class AccuracyError(FaultError):
    """A model is less accurate than the user allows."""


class OutputError(FaultError):
    """A result could not be written (full disk, missing permission)."""


class CompilerError(TinydetError):
    """A network breaks the compiler's rules: all problems, one line each.

    Args:
        problems: One sentence per problem, at least one.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class UnsupportedOpsError(CompilerError):
    """Operators of a network that the compiler cannot translate: all of them, one line each.

    Args:
        where: The model file.
        findings: ``(place, found, remedy)`` per operator: where in the network, what is not
            supported there, and a full sentence that says what to change.
    """

    def __init__(self, where: object, findings: Sequence[tuple[str, str, str]]) -> None:
        super().__init__(
            [f"{where}: {place}: {found}. {remedy}" for place, found, remedy in findings]
        )
        self.findings = list(findings)


class MissingToolError(TinydetError):
    """An optional package or program that the wish needs is not installed.

    Args:
        wish: What the user asked for, as ``"training"``.
        tool: What it needs, as ``"tensorflow"``.
        remedy: The command that installs it, a full sentence.
    """

    def __init__(self, wish: str, tool: str, remedy: str) -> None:
        super().__init__(f"{wish} needs {tool}, which is not installed. {remedy}")


def near_name(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that is nearest to a misspelt one, whatever its case, or "".

    Args:
        name: What the user wrote.
        known: The names that exist.

    Returns:
        ``" Did you mean 'alpha'?"``, with a leading blank, or ``""`` where none is near.

    >>> near_name("alhpa", ["alpha", "epochs"])
    " Did you mean 'alpha'?"
    """
    import difflib  # loads much, for the few who need it

    names = {known_name.lower(): known_name for known_name in known}
    matches = difflib.get_close_matches(name.lower(), list(names), n=1)
    return f" Did you mean '{names[matches[0]]}'?" if matches else ""


def readable(value: object, most: int = 200) -> str:
    r"""Text of any origin as it can be shown: one line, no control characters, not too long.

    Args:
        value: A name, a path, a value of a file.
        most: Characters that are shown; of a longer text the middle is left out.

    >>> readable("x\x1b[31mred"), readable("a" * 30, 12)
    ('x\\x1b[31mred', 'aaaa ... aaa')
    """
    text = str(value)
    if len(text) > most:
        head = (most - 4) // 2
        text = f"{text[:head]} ... {text[head + 5 - most :]}"
    if text.isprintable():
        return text
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(shown)


def first_line(error: BaseException) -> str:
    r"""What an exception of a library says in its first line, or its class where it says nothing.

    >>> first_line(ValueError(" bad magic number\nat byte 4")), first_line(KeyError())
    ('bad magic number', 'KeyError')
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
