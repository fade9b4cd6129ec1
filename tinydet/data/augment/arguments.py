"""What an augmentation function takes: each argument's rule and default.

A rule turns what stands in the YAML into the value the function works with, or raises
``ValueError`` with what it expects, to follow "expected".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tinydet.errors import UnsupportedError, near_name

Rule = Callable[[Any], Any]
Range = tuple[float, float]
Widening = Literal["symmetric", "from_zero", "fixed", "none"]

REQUIRED: Any = object()  # default of an argument that has none


@dataclass(frozen=True)
class Argument:
    """One argument of an augmentation function.

    Attributes:
        rule: Checks and converts the value.
        default: Value in the user's notation where the argument is left out or None; ``REQUIRED``
            where there is none. A None default stays None and is not put through the rule.
        aliases: Other accepted spellings.
    """

    rule: Rule
    default: Any = REQUIRED
    aliases: tuple[str, ...] = field(default=())


def is_number(value: Any) -> bool:
    """A real, finite number; a boolean is none."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < float("inf")  # False for NaN too
    )


def number(low: float, high: float) -> Rule:
    """One number in [low, high]."""

    def rule(value: Any) -> float:
        if not is_number(value) or not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return float(value)

    return rule


def integer(low: int, high: int) -> Rule:
    """One integer in [low, high]."""

    def rule(value: Any) -> int:
        if not is_number(value) or int(value) != value or not low <= value <= high:
            raise ValueError(f"an integer from {low} to {high}")
        return int(value)

    return rule


def choice(*names: str) -> Rule:
    """One of some names, in any case."""

    def rule(value: Any) -> str:
        if not isinstance(value, str) or value.lower() not in names:
            raise ValueError(" or ".join(names))
        return value.lower()

    return rule


_WIDENING_TEXT: dict[Widening, str] = {
    "symmetric": ", or one number v for (-v, v)",
    "from_zero": ", or one number v for (0, v)",
    "fixed": ", or one number v for (v, v)",
    "none": "",
}


def _widen(value: Any, widening: Widening) -> Any:
    if not is_number(value):
        return value
    return {
        "symmetric": (-abs(value), abs(value)),
        "from_zero": (0, value),
        "fixed": (value, value),
        "none": value,
    }[widening]


def number_range(low: float, high: float, widening: Widening, *, integers: bool = False) -> Rule:
    """A pair ``(smallest, largest)`` in [low, high] to draw from, both ends included.

    Args:
        low: Least value allowed.
        high: Largest value allowed.
        widening: What a single number v stands for: ``symmetric`` (-v, v), ``from_zero`` (0, v),
            ``fixed`` (v, v); ``none`` refuses it.
        integers: Both must be whole numbers.
    """
    kind = "integers" if integers else "numbers"
    bounds = f"from {low:g} to {high:g}" if high < float("inf") else f"of at least {low:g}"
    expected = f"two {kind} {bounds}, the smaller first{_WIDENING_TEXT[widening]}"

    def rule(value: Any) -> tuple[float, float]:
        pair = _widen(value, widening)
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(map(is_number, pair)):
            raise ValueError(expected)
        if integers and any(int(v) != v for v in pair):
            raise ValueError(expected)
        if not low <= pair[0] <= pair[1] <= high:
            raise ValueError(expected)
        return pair[0], pair[1]

    return rule


def colour(value: Any) -> tuple[int, int, int]:
    """Red, green and blue, each 0 to 255; one number stands for a grey."""
    channels = [value] * 3 if is_number(value) else value
    try:
        red, green, blue = (integer(0, 255)(channel) for channel in channels)
    except (TypeError, ValueError):
        raise ValueError("three integers from 0 to 255 (red, green, blue)") from None
    return red, green, blue


def change_rate(default: float) -> Argument:
    """Probability, per image, that the function is applied."""
    return Argument(number(0, 1), default)


def resolve_arguments(
    where: str, given: Any, arguments: Mapping[str, Argument]
) -> tuple[dict[str, Any], list[str]]:
    """Check and convert the arguments of one function.

    Args:
        where: Key path of the function, for the findings.
        given: What stands under the function's name; None for no arguments.
        arguments: What the function takes.

    Returns:
        The values by argument name, complete where there is no finding; and all findings, one
        sentence each.
    """
    if not isinstance(given, Mapping | None):
        known = ", ".join(arguments)
        error = UnsupportedError(
            where, repr(given), f"a mapping of {known}", "Write its arguments as a mapping."
        )
        return {}, [str(error)]
    findings: list[str] = []
    spelled = {alias: name for name, a in arguments.items() for alias in (name, *a.aliases)}
    values: dict[str, Any] = {}
    for key, value in (given or {}).items():
        name = spelled.get(key)
        if name is None:
            findings.append(
                f"{where}.{key}: unknown argument (known: {', '.join(arguments)})."
                f"{near_name(str(key), spelled)}"
            )
        elif name in values:
            findings.append(f"{where}.{key}: given twice, also as {name}. Keep one of them.")
        else:
            values[name] = value
    resolved: dict[str, Any] = {}
    for name, argument in arguments.items():
        value = values.get(name)
        value = argument.default if value is None else value
        if value is REQUIRED:
            findings.append(f"{where}.{name}: missing. The function needs a value here.")
        elif value is None:
            resolved[name] = None
        else:
            try:
                resolved[name] = argument.rule(value)
            except ValueError as error:
                findings.append(f"{where}.{name}: expected {error}; found {value!r}.")
    return resolved, findings
