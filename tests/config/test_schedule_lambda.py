"""A learning-rate lambda computes what Python's lambda computes, and nothing else."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydet.config.expressions import ExpressionError
from tinydet.config.schedule_lambda import compile_lambda

NAMES = {"exp": math.exp, "cos": math.cos, "floor": math.floor, "math": math, "pi": math.pi}
LEAVES = st.sampled_from(["epoch", "lr", "2", "0.5", "10", "pi", "1e-3"])


def compounds(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def call(name: str) -> st.SearchStrategy[str]:
        return children.map(lambda text: f"{name}({text})")

    pairs = st.tuples(children, children)
    return st.one_of(
        st.tuples(
            children, st.sampled_from(["+", "-", "*", "/", "//", "%", "<", ">=", "=="]), children
        ).map(lambda t: f"({t[0]} {t[1]} {t[2]})" if t[1] not in "<>===" else f"({' '.join(t)}) "),
        call("cos"),
        call("floor"),
        call("math.exp"),
        pairs.map(lambda p: f"min({p[0]}, {p[1]})"),
        pairs.map(lambda p: f"max({p[0]}, 1, {p[1]})"),
        pairs.map(lambda p: f"({p[0]} if epoch < 3 < {p[1]} else {p[0]} + 1)"),
        pairs.map(lambda p: f"(0.5 if epoch > 2 and not lr > 1 or {p[0]} < {p[1]} else 2)"),
    )


@settings(deadline=None)
@given(st.recursive(LEAVES, compounds, max_leaves=6), st.integers(0, 300), st.floats(1e-6, 1))
def test_values_are_those_of_python(body: str, epoch: int, lr: float) -> None:
    text = f"lambda epoch, lr: {body}"
    try:
        expected = float(eval(text, dict(NAMES))(epoch, lr))
    except (ZeroDivisionError, OverflowError):
        expected = math.inf
    try:
        found = compile_lambda(text)(epoch, lr)
    except ExpressionError:
        return  # no finite value at epoch 0 or here, or a comparison used as a number
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_published_example() -> None:
    schedule = compile_lambda(
        """lambda epoch, lr:
             (0.0005*epoch + 0.00001) if epoch < 20 else
             (0.01 if epoch < 50 else lr / (1 + 0.0005 * epoch))"""
    )
    found = [schedule(epoch, 0.02) for epoch in (0, 3, 19, 20, 49, 50)]
    assert found == pytest.approx([1e-5, 0.00151, 0.00951, 0.01, 0.01, 0.02 / 1.025])


@pytest.mark.parametrize("text", ["lambda e: 0.1 ** e", "lambda e, l: pow(0.1, e)"])
def test_parameters_have_any_name_and_the_rate_may_be_left_out(text: str) -> None:
    assert compile_lambda(text)(3, 99.0) == pytest.approx(0.001)


@pytest.mark.parametrize(
    "text",
    [
        "lambda epoch, lr: __import__('os').system('true')",
        "lambda epoch, lr: epoch.__class__",
        "lambda epoch, lr: math.factorial(9)",
        "lambda epoch, lr: os.cos(1)",
        "lambda epoch, lr: exp.exp(1)",
        "lambda epoch, lr: 9**9**9",
        "lambda epoch, lr: [1][0]",
        "lambda epoch, lr: [x for x in (1, 2)]",
        "lambda epoch, lr: min(*[1, 2])",
        "lambda epoch, lr: min(1)",
        "lambda epoch, lr: exp(x=1)",
        "lambda epoch, lr: 'a'",
        "lambda epoch, lr: rate",
        "lambda epoch, lr: None",
        "lambda epoch, lr: epoch < 3",
        "lambda epoch, lr: (lambda: 1)()",
        "lambda epoch, lr: 1 / epoch",
        "lambda epoch, lr: epoch in (1, 2)",
        "lambda epoch, lr: 1 << 3",
        "lambda epoch, lr: " + "-" * 300 + "1",
        "lambda epoch, lr=1: 1",
        "lambda *epoch: 1",
        "lambda: 1",
        "lambda a, b, c: 1",
        "lambda epoch, lr 1",
        "epoch",
        "",
    ],
)
def test_everything_else_is_refused_and_not_computed(text: str) -> None:
    with pytest.raises(ExpressionError):
        compile_lambda(text)


def test_a_late_explosion_is_an_error_too() -> None:
    schedule = compile_lambda("lambda epoch, lr: lr if epoch < 5 else 9**9**9")
    assert schedule(4, 0.5) == 0.5
    with pytest.raises(ExpressionError):
        schedule(5, 0.5)
