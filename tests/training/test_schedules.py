"""The nine schedules against their formulas, written here once more from the zoo's description."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydet.config.schedules import SCHEDULES, make_schedule

rates = st.floats(1e-6, 1.0)
epochs = st.integers(0, 60)
counts = st.integers(1, 20)


def progress(epoch, hold, decay):
    """0 while held, 1 when the decay is over."""
    if epoch <= hold:
        return 0.0
    return 1.0 if epoch >= hold + decay else (epoch - hold) / decay


def half_cosine(high, low, share):
    return low + (high - low) * math.cos(share * math.pi / 2) ** 2


@given(epochs, rates, st.integers(0, 10), counts, rates)
def test_linear(epoch, high, hold, decay, low):
    schedule = make_schedule(
        "LRLinearDecay", initial_lr=high, hold_steps=hold, decay_steps=decay, end_lr=low
    )
    share = progress(epoch, hold, decay)
    assert schedule(epoch) == pytest.approx(high * (1 - share) + low * share)


@given(epochs, rates, st.integers(0, 10), st.floats(0, 2), rates)
def test_exponential(epoch, high, hold, rate, floor):
    schedule = make_schedule(
        "LRExponentialDecay", initial_lr=high, hold_steps=hold, decay_rate=rate, min_lr=floor
    )
    decayed = high if epoch < hold else high / math.exp(rate) ** (epoch - hold)
    assert schedule(epoch) == pytest.approx(decayed if decayed > floor else floor)


@given(epochs, rates, counts, st.floats(0.01, 1), rates)
def test_step(epoch, high, step_size, rate, floor):
    schedule = make_schedule(
        "LRStepDecay", initial_lr=high, step_size=step_size, decay_rate=rate, min_lr=floor
    )
    expected = high
    for passed in range(1, epoch + 2):
        if passed % step_size == 0:
            expected *= rate
    assert schedule(epoch) == pytest.approx(max(floor, expected))


@given(epochs, rates, st.integers(0, 10), counts, rates)
def test_cosine(epoch, high, hold, decay, low):
    schedule = make_schedule(
        "LRCosineDecay", initial_lr=high, hold_steps=hold, decay_steps=decay, end_lr=low
    )
    assert schedule(epoch) == pytest.approx(half_cosine(high, low, progress(epoch, hold, decay)))


@given(epochs, st.tuples(rates, rates, rates), st.tuples(counts, st.integers(0, 9), counts))
def test_warmup_cosine(epoch, heights, lengths):
    (start, high, low), (warmup, hold, decay) = heights, lengths
    schedule = make_schedule(
        "LRWarmupCosineDecay",
        initial_lr=start,
        warmup_steps=warmup,
        max_lr=high,
        hold_steps=hold,
        decay_steps=decay,
        end_lr=low,
    )
    if epoch < warmup:
        expected = start + epoch * (high - start) / warmup
    else:
        expected = half_cosine(high, low, progress(epoch, warmup + hold, decay))
    assert schedule(epoch) == pytest.approx(expected)


@given(epochs, rates, rates, counts, st.sampled_from([1, 2, 1.5]), st.floats(0.2, 1))
def test_cosine_restarts(epoch, high, low, first, longer, lower):
    schedule = make_schedule(
        "LRCosineDecayRestarts",
        initial_lr=high,
        first_decay_steps=first,
        end_lr=low,
        t_mul=longer,
        m_mul=lower,
    )
    periods, ends = 0, first
    while ends <= epoch:
        periods += 1
        ends += first * longer**periods
    share = 1 - (ends - epoch) / (first * longer**periods)
    amplitude = (high - low) * lower**periods
    assert schedule(epoch) == pytest.approx(half_cosine(low + amplitude, low, share), abs=1e-9)


@given(epochs, rates, rates, st.integers(0, 10), counts, st.floats(0.1, 3))
def test_polynomial(epoch, high, low, hold, decay, power):
    arguments = {"initial_lr": high, "hold_steps": hold, "decay_steps": decay, "end_lr": low}
    left = 1 - progress(epoch, hold, decay)
    schedule = make_schedule("LRPolynomialDecay", power=power, **arguments)
    assert schedule(epoch) == pytest.approx((high - low) * left**power + low)
    left = 1.0 if epoch < hold else 1 - ((epoch - hold) % decay) / decay
    schedule = make_schedule("LRPolynomialDecayRestarts", power=power, **arguments)
    assert schedule(epoch) == pytest.approx((high - low) * left**power + low)


def test_piecewise_constant():
    """A boundary is the last epoch of its value."""
    schedule = make_schedule(
        "LRPiecewiseConstantDecay", boundaries=[2, 5], values=[0.1, 0.03, 0.007]
    )
    expected = [0.1, 0.1, 0.1, 0.03, 0.03, 0.03, 0.007, 0.007]
    assert [schedule(epoch) for epoch in range(8)] == expected


GOLDEN = [
    ("LRLinearDecay", {"hold_steps": 2, "decay_steps": 4, "end_lr": 0.2}, 3, 0.8),
    ("LRLinearDecay", {"hold_steps": 2, "decay_steps": 4, "end_lr": 0.2}, 6, 0.2),
    ("LRExponentialDecay", {"hold_steps": 1, "decay_rate": 0.5}, 3, 0.36788),
    ("LRStepDecay", {"step_size": 3, "decay_rate": 0.1}, 2, 0.1),
    ("LRCosineDecay", {"hold_steps": 1, "decay_steps": 3, "end_lr": 0.1}, 2, 0.775),
    ("LRCosineDecayRestarts", {"first_decay_steps": 2, "end_lr": 0.0, "m_mul": 0.5}, 2, 0.5),
    ("LRCosineDecayRestarts", {"first_decay_steps": 2, "end_lr": 0.0}, 6, 1.0),
    ("LRPolynomialDecay", {"hold_steps": 0, "decay_steps": 4, "end_lr": 0.0}, 3, 0.5),
    ("LRPolynomialDecayRestarts", {"hold_steps": 0, "decay_steps": 4, "end_lr": 0.0}, 3, 0.37893),
    ("LRPolynomialDecayRestarts", {"hold_steps": 0, "decay_steps": 4, "end_lr": 0.0}, 4, 1.0),
]


@pytest.mark.parametrize(("name", "arguments", "epoch", "expected"), GOLDEN)
def test_golden_values(name, arguments, epoch, expected):
    assert make_schedule(name, initial_lr=1.0, **arguments)(epoch) == pytest.approx(
        expected, abs=1e-5
    )


def test_all_nine_are_there():
    assert len(SCHEDULES) == 9
