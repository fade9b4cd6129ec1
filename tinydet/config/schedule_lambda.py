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
    _check(tree.body, set(names), 0)

    def schedule(epoch: int, lr: float) -> float:
        values = dict(zip(names, (int(epoch), float(lr)), strict=False))
        return float(bounded(as_number(_evaluate(tree.body, values))))

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


def _check(node: ast.AST, names: set[str], depth: int) -> None:
    """Refuse every construct outside the grammar before the first evaluation."""
    if depth > MAX_DEPTH:
        raise ExpressionError(f"it is nested more than {MAX_DEPTH} deep")
    children: list[ast.expr]
    if isinstance(node, ast.Call):
        _function(node)
        children = node.args
    elif isinstance(node, ast.Compare):
        children = [node.left, *node.comparators]
        if not all(type(operator) in COMPARISONS for operator in node.ops):
            raise ExpressionError("it has a comparison other than < <= > >= == !=")
    elif isinstance(node, ast.BinOp) and type(node.op) in LAMBDA_OPERATORS:
        children = [node.left, node.right]
    elif isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Invert):
        children = [node.operand]
    elif isinstance(node, ast.BoolOp):
        children = node.values
    elif isinstance(node, ast.IfExp):
        children = [node.test, node.body, node.orelse]
    else:
        _leaf(node, names)
        children = []
    for child in children:
        _check(child, names, depth + 1)


def _leaf(node: ast.AST, names: set[str]) -> None:
    is_number = isinstance(node, ast.Constant) and isinstance(node.value, (int, float))
    if is_number or _is_pi(node) or (isinstance(node, ast.Name) and node.id in names):
        return
    found = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
    raise ExpressionError(f"{found[:40]!r} is not known")


def _is_pi(node: ast.AST) -> bool:
    dotted = ast.unparse(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""
    return dotted == "pi" or dotted in {f"{prefix}.pi" for prefix in PREFIXES}


def _function(node: ast.Call) -> Callable[..., Number]:
    prefix, _, name = ast.unparse(node.func).rpartition(".")
    if name not in FUNCTIONS or (prefix and prefix not in PREFIXES):
        raise ExpressionError(f"{ast.unparse(node.func)[:40]!r} is not known")
    function, counts = FUNCTIONS[name]
    if node.keywords or len(node.args) not in counts:
        raise ExpressionError(f"{name} has the wrong number of arguments")
    return function


def _evaluate(node: ast.expr, values: dict[str, Number]) -> Number | bool:
    if isinstance(node, ast.IfExp):
        return _evaluate(node.body if _evaluate(node.test, values) else node.orelse, values)
    if isinstance(node, ast.BoolOp):
        return _logical(node, values)
    if isinstance(node, ast.Compare):
        return _compare(node, values)
    if isinstance(node, ast.Call):
        return _call(node, values)
    if isinstance(node, ast.BinOp):
        left, right = _evaluate(node.left, values), _evaluate(node.right, values)
        return arithmetic(node.op, as_number(left), as_number(right), LAMBDA_OPERATORS)
    if isinstance(node, ast.UnaryOp):
        operand = _evaluate(node.operand, values)
        return (not operand) if isinstance(node.op, ast.Not) else unary(node.op, as_number(operand))
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, bool) else bounded(as_number(node.value))
    if isinstance(node, ast.Name) and node.id in values:
        return values[node.id]
    return math.pi


def _logical(node: ast.BoolOp, values: dict[str, Number]) -> Number | bool:
    is_and = isinstance(node.op, ast.And)
    result: Number | bool = is_and
    for operand in node.values:
        result = _evaluate(operand, values)
        if bool(result) != is_and:
            break
    return result


def _compare(node: ast.Compare, values: dict[str, Number]) -> bool:
    left = _evaluate(node.left, values)
    for operator, comparator in zip(node.ops, node.comparators, strict=True):
        right = _evaluate(comparator, values)
        if not COMPARISONS[type(operator)](left, right):
            return False
        left = right
    return True


def _call(node: ast.Call, values: dict[str, Number]) -> Number:
    arguments = [as_number(_evaluate(argument, values)) for argument in node.args]
    try:
        return bounded(_function(node)(*arguments))
    except (OverflowError, ZeroDivisionError, ValueError) as error:
        raise ExpressionError(f"{ast.unparse(node)[:40]!r} has no value ({error})") from None
