"""Values as the published YAML files write them: ``1/127.5``, ``(192, 192, 3)``, ``None``.

A closed grammar over Python's syntax tree, walked node by node. Nothing is ever executed: there are
no names, calls, attributes or subscripts, and the size of every number is bounded.
"""

import ast
import math
import re
import warnings
from collections.abc import Callable
from typing import TypeAlias

Plain: TypeAlias = "bool | int | float | str | tuple[Plain, ...] | None"
Number: TypeAlias = int | float

MAX_TEXT = 500  # characters; the longest published value has about 150
MAX_DEPTH = 40
MAX_BITS = 1024  # of a whole number: more than any double holds
NAMED: dict[str, bool | None] = {"true": True, "false": False, "none": None, "null": None}
DATE = re.compile(r"\d{4}[-/]\d{1,2}([-/]\d{1,2})?")


class ExpressionError(ValueError):
    """The text is not a value of the grammar; the message says why."""


def evaluate(text: str) -> Plain:
    """The value of an expression.

    Grammar: numbers, ``+ - * / **``, unary ``+ -``, parentheses, quoted strings, tuples and lists
    (both give a tuple), and ``True``, ``False``, ``None``, ``null`` in any case. A date, such as
    ``2024-10-12``, is not taken for a subtraction.

    Args:
        text: The expression, at most 500 characters.

    Returns:
        A finite number, a bool, None, a string, or a tuple of these.

    Raises:
        ExpressionError: The text is not in the grammar, or a number in it is too large.

    >>> evaluate("1/127.5 - 1"), evaluate("(192, 2 * 96, 3)"), evaluate("none")
    (-0.9921568627450981, (192, 192, 3), None)
    """
    if DATE.fullmatch(text.strip()):
        raise ExpressionError("it is a date")
    return _value(parse(text).body, 0)


def parse(text: str) -> ast.Expression:
    """The syntax tree of an expression; nothing is executed.

    Raises:
        ExpressionError: It is too long or no expression.
    """
    if len(text) > MAX_TEXT:
        raise ExpressionError(f"it is longer than {MAX_TEXT} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's remarks on odd but valid literals
            return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError("it is not an expression") from None


def _value(node: ast.expr, depth: int) -> Plain:
    if depth > MAX_DEPTH:
        raise ExpressionError(f"it is nested more than {MAX_DEPTH} deep")
    if isinstance(node, (ast.Tuple, ast.List)):
        return tuple(_value(element, depth + 1) for element in node.elts)
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, str, type(None))):
        return node.value
    if isinstance(node, ast.Constant):
        return bounded(as_number(node.value))
    if isinstance(node, ast.Name) and node.id.lower() in NAMED:
        return NAMED[node.id.lower()]
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, depth + 1), _value(node.right, depth + 1)
        return arithmetic(node.op, as_number(left), as_number(right))
    if isinstance(node, ast.UnaryOp):
        return unary(node.op, as_number(_value(node.operand, depth + 1)))
    raise ExpressionError("only numbers, + - * / **, parentheses, tuples and lists are allowed")


def as_number(value: object) -> Number:
    """The value, if it is a real number (a bool is none).

    Raises:
        ExpressionError: It is something else.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise ExpressionError(f"{value!r} is not a number")


def bounded(value: object) -> Number:
    """The number, if it is finite and not too large.

    Raises:
        ExpressionError: It is infinite, not a number, complex, or has more than 1024 bits.
    """
    if isinstance(value, int) and value.bit_length() <= MAX_BITS:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ExpressionError("it contains a number that is too large or not real")


def power(base: Number, exponent: Number) -> Number:
    """``base ** exponent``, refused before it is computed where the result would be huge.

    Raises:
        ExpressionError: The result is too large or not real.
        ZeroDivisionError: 0 to a negative power.
        OverflowError: The result exceeds a double.
    """
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 0:
        bits = base.bit_length() if abs(base) > 1 else 0
        if bits * exponent > 2 * MAX_BITS:
            raise ExpressionError("it contains a number that is too large or not real")
    result: object = base**exponent
    return bounded(result)


OPERATORS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: power,
}


def arithmetic(
    operator: ast.operator,
    left: Number,
    right: Number,
    operators: dict[type[ast.operator], Callable[[Number, Number], Number]] = OPERATORS,
) -> Number:
    """The result of a binary operator.

    Raises:
        ExpressionError: The operator is unknown, divides by zero, or the result is too large.
    """
    if type(operator) not in operators:
        raise ExpressionError("it has an operator other than + - * / **")
    try:
        return bounded(operators[type(operator)](left, right))
    except ZeroDivisionError:
        raise ExpressionError("it divides by zero") from None
    except OverflowError:
        raise ExpressionError("it contains a number that is too large or not real") from None


def unary(operator: ast.unaryop, operand: Number) -> Number:
    """The result of a sign.

    Raises:
        ExpressionError: The operator is none of ``+ -``.
    """
    if isinstance(operator, ast.USub):
        return -operand
    if isinstance(operator, ast.UAdd):
        return operand
    raise ExpressionError("it has an operator other than + - * / **")
