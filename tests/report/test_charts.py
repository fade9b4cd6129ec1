"""Curves keep the order and the place of their numbers."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydet.report.charts import nice_ticks, training_charts

NUMBERS = st.floats(-1e6, 1e6).map(lambda v: round(v, 4))


@given(NUMBERS, NUMBERS)
def test_ticks_span_the_interval_in_even_round_steps(a, b):
    low, high = sorted((a, b))
    ticks = nice_ticks(low, high)
    span = (high - low) or 1
    assert ticks[0] <= low + 1e-6 * span
    assert ticks[-1] >= high - 1e-6 * span
    steps = [y - x for x, y in pairwise(ticks)]
    assert 1 <= len(steps) <= 7
    assert max(steps) == pytest.approx(min(steps), rel=1e-3)
    digits = f"{steps[0]:.3e}".split("e")[0]
    assert digits in ("1.000", "2.000", "5.000")


@given(st.lists(st.one_of(st.just(math.nan), st.floats(0, 50)), min_size=1, max_size=40))
def test_points_stay_in_the_frame_and_higher_values_are_higher(values):
    charts = training_charts({"epoch": [float(i) for i in range(len(values))], "loss": values})
    known = [v for v in values if math.isfinite(v)]
    assert len(charts) == (1 if known else 0)
    for chart in charts:
        (line,) = chart.lines
        points = [tuple(map(float, p.split(","))) for p in line.points.split()]
        if len(known) == 1:
            assert points[0] == points[1]
            points = points[:1]
        assert len(points) == len(known)
        assert all(chart.left <= x <= chart.right for x, _ in points)
        assert all(chart.top <= y <= chart.bottom for _, y in points)
        ranked = sorted(zip(known, points, strict=True), key=lambda pair: pair[0])
        heights = [y for _, (_, y) in ranked]
        assert heights == sorted(heights, reverse=True)


def test_columns_find_their_chart():
    """Loss in its unit, accuracy in percent with its best epoch, learning rate as it is."""
    loss, accuracy, rate = training_charts(
        {
            "epoch": [1, 2, 3],
            "val_map": [0.25, 0.5, 0.375],
            "lr": [0.001, 0.002, 0.001],
            "class_loss": [3.0, 2.0, 1.0],
            "seconds": [9.0, 9.0, 9.0],
            "application": [1.0, 1.0, 1.0],
        }
    )
    assert [line.name for line in loss.lines] == ["class_loss"]
    assert [(line.name, line.last, line.best) for line in accuracy.lines] == [
        ("val_map", "37.5", "50 at epoch 2")
    ]
    assert [line.last for line in rate.lines] == ["0.001"]
