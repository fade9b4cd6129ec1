"""``lambda epoch, lr: ...`` of a LearningRateScheduler, as a function and without ``eval``."""

import ast
import math
from collections.abc import Callable

from tinydet.config.expressions import (
    MAX_DEPTH,
    OPERATORS,
    ExpressionError,
    Number,
    arithmetic,
    as_number,
    bounded,
    parse,
    power,
    unary,
)

SUPPORTED = (
    "lambda epoch, lr: with numbers, + - * / // % **, comparisons, and / or / not, "
    "'a if condition else b', exp, pow, cos, min, max, floor, pi"
)
FUNCTIONS: dict[str, tuple[Callable[..., Number], range]] = {
    "exp": (math.exp, range(1, 2)),
    "cos": (math.cos, range(1, 2)),
    "floor": (math.floor, range(1, 2)),
    "pow": (power, range(2, 3)),
    "min": (min, range(2, 10)),
    "max": (max, range(2, 10)),
}
PREFIXES = {"math", "np", "numpy", "tf", "tf.math"}
PI = {"pi", *(f"{prefix}.pi" for prefix in PREFIXES)}
Values = dict[str, Number]
Value = Callable[[Values], Number | bool]
LAMBDA_OPERATORS = OPERATORS | {ast.FloorDiv: lambda a, b: a // b, ast.Mod: lambda a, b: a % b}
COMPARISONS: dict[type[ast.cmpop], Callable[[Number, Number], bool]] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
}


def compile_lambda(text: str) -> Callable[[int, float], float]:
    """Turn the text of a learning-rate lambda into a function.

    Args:
        text: ``lambda epoch, lr: expression``; the parameters may have other names, and the
            second may be left out. Functions may be written ``exp``, ``math.exp`` or ``tf.exp``.

    Returns:
        ``(epoch from 0, current learning rate) -> learning rate``. It raises ``ExpressionError``
        for an epoch at which the expression has no finite value.

    Raises:
        ExpressionError: The text is not in the grammar, or has no finite value at epoch 0.

    >>> schedule = compile_lambda("lambda epoch, lr: lr if epoch < 10 else 0.01 * exp(-epoch / 10)")
    >>> schedule(0, 0.5), round(schedule(10, 0.5), 6)
    (0.5, 0.003679)
    """
    tree = parse(" ".join(text.split())).body
    if not isinstance(tree, ast.Lambda):
        raise ExpressionError("it is not a lambda")
    names = _parameters(tree.args)
    body = _compiled(tree.body, set(names), 0)

    def schedule(epoch: int, lr: float) -> float:
        values = dict(zip(names, (int(epoch), float(lr)), strict=False))
        return float(bounded(as_number(body(values))))

    schedule(0, 0.001)
    return schedule


def _parameters(arguments: ast.arguments) -> list[str]:
    names = [argument.arg for argument in arguments.args]
    others = arguments.posonlyargs + arguments.kwonlyargs
    if others or arguments.vararg or arguments.kwarg or arguments.defaults:
        raise ExpressionError("its parameters are not plain names")
    if len(names) not in (1, 2) or len(set(names)) != len(names):
        raise ExpressionError("it does not have the parameters (epoch) or (epoch, lr)")
    return names


def _compiled(node: ast.expr, names: set[str], depth: int) -> Value:
    """What gives the value of a node; every construct outside the grammar is refused here."""
    if depth > MAX_DEPTH:
        raise ExpressionError(f"it is nested more than {MAX_DEPTH} deep")

    def within(child: ast.expr) -> Value:
        return _compiled(child, names, depth + 1)

    if isinstance(node, ast.IfExp):
        test, body, other = within(node.test), within(node.body), within(node.orelse)
        return lambda values: body(values) if test(values) else other(values)
    if isinstance(node, ast.BoolOp):
        return _logical(isinstance(node.op, ast.And), [within(each) for each in node.values])
    if isinstance(node, ast.Compare):
        return _compare(node, within)
    if isinstance(node, ast.Call):
        return _call(node, within)
    if isinstance(node, ast.BinOp) and type(node.op) in LAMBDA_OPERATORS:
        operator, left, right = node.op, within(node.left), within(node.right)
        return lambda values: arithmetic(
            operator, as_number(left(values)), as_number(right(values)), LAMBDA_OPERATORS
        )
    if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Invert):
        sign, operand = node.op, within(node.operand)
        if isinstance(sign, ast.Not):
            return lambda values: not operand(values)
        return lambda values: unary(sign, as_number(operand(values)))
    return _leaf(node, names)


def _leaf(node: ast.expr, names: set[str]) -> Value:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        number = node.value
        return lambda _: number if isinstance(number, bool) else bounded(number)
    text = ast.unparse(node)
    if text in names:
        return lambda values: values[text]
    if text in PI:
        return lambda _: math.pi
    raise ExpressionError(f"{text[:40]!r} is not known")


def _logical(is_and: bool, operands: list[Value]) -> Value:
    def value(values: Values) -> Number | bool:
        result: Number | bool = is_and
        for operand in operands:
            result = operand(values)
            if bool(result) != is_and:
                break
        return result

    return value


def _compare(node: ast.Compare, within: Callable[[ast.expr], Value]) -> Value:
    if not all(type(operator) in COMPARISONS for operator in node.ops):
        raise ExpressionError("it has a comparison other than < <= > >= == !=")
    first, *others = map(within, (node.left, *node.comparators))
    comparisons = [COMPARISONS[type(operator)] for operator in node.ops]

    def value(values: Values) -> bool:
        left = first(values)
        for compare, other in zip(comparisons, others, strict=True):
            right = other(values)
            if not compare(left, right):
                return False
            left = right
        return True

    return value


def _call(node: ast.Call, within: Callable[[ast.expr], Value]) -> Value:
    prefix, _, name = ast.unparse(node.func).rpartition(".")
    if name not in FUNCTIONS or (prefix and prefix not in PREFIXES):
        raise ExpressionError(f"{ast.unparse(node.func)[:40]!r} is not known")
    function, counts = FUNCTIONS[name]
    if node.keywords or len(node.args) not in counts:
        raise ExpressionError(f"{name} has the wrong number of arguments")
    arguments, text = [within(argument) for argument in node.args], ast.unparse(node)

    def value(values: Values) -> Number:
        numbers = [as_number(argument(values)) for argument in arguments]
        try:
            return bounded(function(*numbers))
        except (OverflowError, ZeroDivisionError, ValueError) as error:
            raise ExpressionError(f"{text[:40]!r} has no value ({error})") from None

    return value
