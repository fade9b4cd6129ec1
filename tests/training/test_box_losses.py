"""Box losses equal their definitions in exact arithmetic, and slope as finite differences do."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydet.training.box_losses import IOU_LOSSES, iou_loss, smooth_l1

# In eighths: float32 holds them and their products exactly.
sides = st.integers(1, 24).map(lambda n: n / 8)
starts = st.integers(-16, 16).map(lambda n: n / 8)


@st.composite
def boxes(draw):
    x, y = draw(starts), draw(starts)
    return [x, y, x + draw(sides), y + draw(sides)]


def deltas(box):
    """Offsets of the unit square's corners."""
    return np.float32([[box[0], box[1], box[2] - 1, box[3] - 1]])


def plain(predicted, wanted, kind):
    """The definition, one box, in fractions."""
    p, w = [Fraction(v) for v in predicted], [Fraction(v) for v in wanted]

    def area(box):
        return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)

    shared = area([max(p[0], w[0]), max(p[1], w[1]), min(p[2], w[2]), min(p[3], w[3])])
    union = area(p) + area(w) - shared
    xs, ys = (p[0], p[2], w[0], w[2]), (p[1], p[3], w[1], w[3])
    hull = [min(xs), min(ys), max(xs), max(ys)]
    loss = 1 - shared / union
    if kind == "giou":
        return loss + (area(hull) - union) / area(hull)
    apart = [(p[i] + p[i + 2] - w[i] - w[i + 2]) / 2 for i in (0, 1)]
    diagonal = (hull[2] - hull[0]) ** 2 + (hull[3] - hull[1]) ** 2
    return loss + (apart[0] ** 2 + apart[1] ** 2) / diagonal


@pytest.mark.parametrize("kind", IOU_LOSSES)
@settings(max_examples=40, deadline=None)
@given(predicted=boxes(), wanted=boxes())
def test_iou_losses_equal_their_definition(kind, predicted, wanted):
    found = float(iou_loss(deltas(predicted), deltas(wanted), kind)[0])
    assert found == pytest.approx(float(plain(predicted, wanted, kind)), rel=1e-5, abs=1e-6)
    assert -1e-6 <= found <= 2
    assert (abs(found) < 1e-6) == (predicted == wanted)


@pytest.mark.parametrize("kind", IOU_LOSSES)
@settings(max_examples=20, deadline=None)
@given(wanted=boxes(), first=boxes(), x=st.integers(1, 6), y=st.integers(1, 6))
def test_giou_is_the_same_in_anchor_units_and_in_the_image(kind, wanted, first, x, y):
    """Stretching both boxes, each axis by its own factor, changes nothing but the diagonal."""
    stretched = [np.float32(box) * np.float32([x, y, x, y]) for box in (first, wanted)]
    before = float(iou_loss(deltas(first), deltas(wanted), kind)[0])
    after = float(iou_loss(deltas(stretched[0]), deltas(stretched[1]), kind)[0])
    if kind == "giou" or x == y:
        assert after == pytest.approx(before, rel=1e-4, abs=1e-5)


def value_and_slope(function, point):
    import tensorflow as tf

    variable = tf.constant(point, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        value = tf.reduce_sum(function(variable))
    return float(value), tape.gradient(value, variable).numpy()


@pytest.mark.parametrize("kind", [*IOU_LOSSES, "smooth_l1"])
def test_slopes_are_those_of_finite_differences(kind):
    """At random places that are no kinks: no corner in line with the object's."""
    rng = np.random.default_rng(8)
    target = np.float32([[-0.3, 0.2, 0.4, 0.1]])

    def loss(point):
        if kind == "smooth_l1":
            return smooth_l1(point, target, 0.3)
        return iou_loss(point, target, kind)

    for _ in range(12):
        error = rng.uniform(0.02, 0.6, (1, 4)) * rng.choice([-1, 1], (1, 4))
        if np.abs(np.abs(error) - 0.3).min() < 0.01:  # where smooth L1 turns
            continue
        point = (target + error).astype(np.float32)
        _, slope = value_and_slope(loss, point)
        for corner in range(4):
            step = np.zeros((1, 4), np.float32)
            step[0, corner] = 2e-3
            ahead, behind = (float(loss(point + s)[0]) for s in (step, -step))
            assert slope[0, corner] == pytest.approx((ahead - behind) / 4e-3, abs=4e-3)


@pytest.mark.parametrize("kind", IOU_LOSSES)
@pytest.mark.parametrize(
    "box",
    [
        pytest.param([0.5, 0.5, 0.5, 0.5], id="a point"),
        pytest.param([0.9, 0.1, 0.1, 0.9], id="inside out"),
        pytest.param([7.0, 7.0, 9.0, 8.0], id="far away"),
        pytest.param([1e6, -1e6, 1e6, 1e6], id="far too large"),
    ],
)
def test_odd_boxes_have_a_finite_loss_and_slope(kind, box):
    value, slope = value_and_slope(
        lambda point: iou_loss(point, deltas([0, 0, 1, 1]), kind), deltas(box)
    )
    assert 0 < value <= 2 + 1e-6
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("kind", IOU_LOSSES)
def test_boxes_that_do_not_meet_are_drawn_together(kind):
    """That is what the penalty is for: a step down the slope comes nearer."""
    wanted = deltas([0, 0, 1, 1])
    start = deltas([2, 0.25, 3, 1])
    value, slope = value_and_slope(lambda point: iou_loss(point, wanted, kind), start)
    nearer = start - 0.05 * slope / np.abs(slope).max()
    assert float(iou_loss(nearer.astype(np.float32), wanted, kind)[0]) < value
    assert (nearer[0, 0] + nearer[0, 2]) < (start[0, 0] + start[0, 2])
