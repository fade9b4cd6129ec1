"""Learning rate as a function of the epoch: the nine schedules of the model zoo.

All take the epoch from 0 on. ``k`` is the number of epochs since the hold ended.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from math import cos, exp, floor, pi

Schedule = Callable[[int], float]


def linear_decay(
    epoch: int, *, initial_lr: float, hold_steps: int, decay_steps: int, end_lr: float
) -> float:
    """Hold, then a straight line to ``end_lr`` over ``decay_steps`` epochs, then constant."""
    return initial_lr + (end_lr - initial_lr) * _share(epoch - hold_steps, decay_steps)


def exponential_decay(
    epoch: int, *, initial_lr: float, hold_steps: int, decay_rate: float, min_lr: float = 0.0
) -> float:
    """Hold, then ``initial_lr * exp(-decay_rate * k)``, never below ``min_lr``."""
    return max(initial_lr * exp(-decay_rate * max(0, epoch - hold_steps)), min_lr)


def step_decay(
    epoch: int, *, initial_lr: float, step_size: int, decay_rate: float, min_lr: float = 0.0
) -> float:
    """Multiplied by ``decay_rate`` every ``step_size`` epochs, never below ``min_lr``."""
    return max(initial_lr * decay_rate ** floor((1 + epoch) / step_size), min_lr)


def cosine_decay(
    epoch: int, *, initial_lr: float, hold_steps: int, decay_steps: int, end_lr: float
) -> float:
    """Hold, then half a cosine to ``end_lr`` over ``decay_steps`` epochs, then constant."""
    return _half_cosine(initial_lr, end_lr, _share(epoch - hold_steps, decay_steps))


def warmup_cosine_decay(
    epoch: int,
    *,
    initial_lr: float,
    warmup_steps: int,
    max_lr: float,
    hold_steps: int,
    decay_steps: int,
    end_lr: float,
) -> float:
    """A straight line up to ``max_lr``, hold, then half a cosine to ``end_lr``."""
    if epoch < warmup_steps:
        return initial_lr + (max_lr - initial_lr) * epoch / warmup_steps
    return cosine_decay(
        epoch - warmup_steps,
        initial_lr=max_lr,
        hold_steps=hold_steps,
        decay_steps=decay_steps,
        end_lr=end_lr,
    )


def cosine_decay_restarts(
    epoch: int,
    *,
    initial_lr: float,
    first_decay_steps: int,
    end_lr: float,
    t_mul: float = 2,
    m_mul: float = 1.0,
) -> float:
    """Half cosines to ``end_lr``; each period ``t_mul`` longer, its amplitude times ``m_mul``.

    Reference:
        Loshchilov and Hutter, 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts".
    """
    start, period, amplitude = 0.0, float(first_decay_steps), 1.0
    while epoch >= start + period:
        start, period, amplitude = start + period, max(1.0, period * t_mul), amplitude * m_mul
    return _half_cosine(
        end_lr + (initial_lr - end_lr) * amplitude, end_lr, (epoch - start) / period
    )


def polynomial_decay(
    epoch: int,
    *,
    initial_lr: float,
    hold_steps: int,
    decay_steps: int,
    end_lr: float,
    power: float = 0.5,
) -> float:
    """Hold, then ``(initial_lr - end_lr) * (1 - k / decay_steps) ** power + end_lr``."""
    return _falling_power(initial_lr, end_lr, _share(epoch - hold_steps, decay_steps), power)


def polynomial_decay_restarts(
    epoch: int,
    *,
    initial_lr: float,
    hold_steps: int,
    decay_steps: int,
    end_lr: float,
    power: float = 0.7,
) -> float:
    """As ``polynomial_decay``, starting again each time ``end_lr`` is reached."""
    steps = epoch - hold_steps
    share = 0.0 if steps < 0 else (steps % decay_steps) / decay_steps
    return _falling_power(initial_lr, end_lr, share, power)


def piecewise_constant_decay(
    epoch: int, *, boundaries: Sequence[int], values: Sequence[float]
) -> float:
    """``values[0]`` up to and including epoch ``boundaries[0]``, then ``values[1]``, and so on."""
    return values[bisect_right(boundaries, epoch - 1)]


SCHEDULES: dict[str, Callable[..., float]] = {
    "LRLinearDecay": linear_decay,
    "LRExponentialDecay": exponential_decay,
    "LRStepDecay": step_decay,
    "LRCosineDecay": cosine_decay,
    "LRWarmupCosineDecay": warmup_cosine_decay,
    "LRCosineDecayRestarts": cosine_decay_restarts,
    "LRPolynomialDecay": polynomial_decay,
    "LRPolynomialDecayRestarts": polynomial_decay_restarts,
    "LRPiecewiseConstantDecay": piecewise_constant_decay,
}


def make_schedule(name: str, **arguments: object) -> Schedule:
    """A schedule by its name in the configuration.

    Args:
        name: A key of ``SCHEDULES``.
        arguments: As the function of that schedule takes them.

    Returns:
        Epoch (from 0) -> learning rate.

    >>> schedule = make_schedule("LRStepDecay", initial_lr=1.0, step_size=2, decay_rate=0.5)
    >>> [schedule(epoch) for epoch in range(4)]
    [1.0, 0.5, 0.5, 0.25]
    """
    return partial(SCHEDULES[name], **arguments)


def _share(steps: float, decay_steps: int) -> float:
    """Share of the decay that is done, in [0, 1]."""
    return min(max(steps / decay_steps, 0.0), 1.0)


def _falling_power(start: float, end: float, share: float, power: float) -> float:
    return (start - end) * math.pow(1 - share, power) + end


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + cos(pi * share)) / 2
