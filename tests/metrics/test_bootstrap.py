"""The bootstrap against data sets in which the images of a draw really are repeated."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.average_precision import average_precision
from tests.metrics.test_metrics import IOUS, NUM_CLASSES, class_ids, grid_box, inputs, truth_rows
from tinydet.metrics import (
    draw_images,
    interval_of,
    match_detections,
    mean_ap,
    resampled_ap,
)


@st.composite
def images_with_distinct_scores(draw):
    """Equal scores would be ordered by image, which repeating an image changes."""
    images = draw(
        st.lists(
            st.tuples(st.lists(st.tuples(grid_box(), class_ids), max_size=6), truth_rows),
            min_size=1,
            max_size=5,
        )
    )
    count = sum(len(found) for found, _ in images)
    scores = iter(draw(st.permutations([(k + 1) / (count + 1) for k in range(count)])))
    return [([(box, next(scores), c) for box, c in found], truth) for found, truth in images]


@settings(deadline=None)
@given(images_with_distinct_scores(), IOUS, st.data())
def test_an_image_drawn_twice_counts_as_two(drawn, iou_threshold, data):
    times = data.draw(st.lists(st.integers(0, 3), min_size=len(drawn), max_size=len(drawn)))
    repeated = [image for image, n in zip(drawn, times, strict=True) for _ in range(n)]
    expected = mean_ap(average_precision(*inputs(repeated), NUM_CLASSES, iou_threshold))
    found, truth = inputs(drawn)
    matches = match_detections(found, truth, NUM_CLASSES)
    ap = resampled_ap(matches, truth, iou_threshold, np.array([times]))
    np.testing.assert_allclose(ap, [expected], rtol=1e-12)


def test_draws_hold_as_many_images_and_repeat_with_the_seed():
    draws = draw_images(7, 20, seed=3)
    assert draws.shape == (20, 7)
    assert (draws.sum(axis=1) == 7).all()
    assert (draws == draw_images(7, 20, seed=3)).all()
    assert (draws != draw_images(7, 20, seed=4)).any()


def test_the_interval_narrows_with_the_square_root_of_the_images():
    """The width for independent images falls as 1 / sqrt(images)."""

    def width(num_images):
        rng = np.random.default_rng(5)
        box = [(0, 0, 4, 4)]
        rows = [
            ([(box[0], 0.5, 0)] if rng.random() < 0.5 else [], [(box[0], 0, False)])
            for _ in range(num_images)
        ]
        found, truth = inputs(rows)
        matches = match_detections(found, truth, 1)
        low, high = interval_of(resampled_ap(matches, truth, 0.5, draw_images(num_images)))
        return high - low

    assert 1.6 < width(100) / width(400) < 2.5


def test_without_objects_nothing_is_known():
    found, truth = inputs([([((0, 0, 1, 1), 0.5, 0)], [])])
    ap = resampled_ap(match_detections(found, truth, 1), truth, 0.5, draw_images(1, 3))
    assert np.isnan(ap).all()
    assert interval_of(ap) is None
