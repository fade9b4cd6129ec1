"""Every assignment equals that of plain loops; cases that are easily got wrong are pinned."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinydet.training.matcher import IGNORED, OBJECT, PADDING, match

GRID = 16  # boxes on a grid: areas and thresholds are exact in float32
ROWS, ANCHORS, BATCH = 4, 11, 2


def boxes(low, high, smallest_side):
    def box(draw_xy, sides):
        return [*draw_xy, draw_xy[0] + sides[0], draw_xy[1] + sides[1]]

    corner, side = st.integers(low, high), st.integers(smallest_side, 12)
    return st.builds(box, st.tuples(corner, corner), st.tuples(side, side))


rows = st.tuples(
    boxes(0, 10, 0), st.integers(0, 2), st.sampled_from([PADDING, OBJECT, OBJECT, IGNORED])
)


def as_array(image):
    return [[v / GRID for v in box] + [class_id, kind] for box, class_id, kind in image]


def check_image(assign_plainly, assignment, b, gt, anchors, thresholds):
    expected = assign_plainly(gt, anchors, *thresholds)
    positive, negative = np.array(assignment.positive)[b], np.array(assignment.negative)[b]
    assert positive.tolist() == [isinstance(e, int) for e in expected]
    assert negative.tolist() == [e == "background" for e in expected]
    for a in np.flatnonzero(positive):
        row = gt[expected[a]]
        assert np.array(assignment.boxes)[b, a].tolist() == np.float32(row[:4]).tolist()
        assert int(np.array(assignment.class_ids)[b, a]) == row[4]


def test_equals_plain_loops(assign_plainly):
    """For any objects, ignored regions and padding, in any order, two images at a time."""

    @given(
        st.lists(st.lists(rows, min_size=ROWS, max_size=ROWS), min_size=BATCH, max_size=BATCH),
        st.lists(boxes(-4, 14, 1), min_size=ANCHORS, max_size=ANCHORS),
        st.sampled_from(
            [(0.5, 0.25), (0.5, 0.5), (0.75, 0.125), (1.0, 0.0), (0.5, 0.25, 3), (1.0, 0.5, 99)]
        ),
    )
    def check(images, anchor_boxes, thresholds):
        anchors = np.array(anchor_boxes, np.float32) / GRID
        images = [as_array(image) for image in images]
        assignment = match(np.array(images, np.float32), anchors, *thresholds)
        for b, gt in enumerate(images):
            check_image(assign_plainly, assignment, b, gt, anchors, thresholds)

    check()


def assigned(gt, anchors, positive_iou=0.5, negative_iou=0.25):
    result = match(
        np.array([gt], np.float32), np.array(anchors, np.float32), positive_iou, negative_iou
    )
    return [np.array(part)[0] for part in result]


def test_every_object_has_its_best_anchor_even_one_that_another_overlaps_more():
    """IoU of A is 0.25 and 0.125, of B 0.75 and 0.86: anchor 0 is A's though B overlaps it more."""
    a = [0.0, 0.0, 0.25, 0.25, 7, OBJECT]
    b = [0.125, 0.0, 0.5, 0.5, 3, OBJECT]
    anchors = [[0, 0, 0.5, 0.5], [0.125, 0, 0.5625, 0.5], [0.75, 0.75, 1, 1]]
    for first, second in ((a, b), (b, a)):
        positive, negative, class_ids, _ = assigned([first, second], anchors)
        assert positive.tolist() == [True, True, False]
        assert negative.tolist() == [False, False, True]
        assert class_ids[:2].tolist() == [7, 3]


def test_of_two_objects_with_one_best_anchor_the_better_one_takes_it():
    """The other goes without, for it overlaps no further anchor enough."""
    small = [0.0, 0.0, 0.125, 0.25, 0, OBJECT]
    large = [0.0, 0.0, 0.375, 0.25, 1, OBJECT]
    anchors = [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]]
    for gt in ([small, large], [large, small]):
        positive, negative, class_ids, _ = assigned(gt, anchors)
        assert positive.tolist() == [True, False]
        assert negative.tolist() == [False, True]
        assert class_ids[0] == 1


def test_an_object_no_anchor_touches_takes_none():
    """A label without area (cut off by the crop) does not make the first anchor its own."""
    gt = [[0.3, 0.3, 0.3, 0.9, 0, OBJECT], [0.0, 0.8, 0.1, 0.9, 0, OBJECT]]
    positive, negative, _, _ = assigned(gt, [[0.5, 0.0, 1, 0.5], [0.2, 0.2, 0.6, 0.6]])
    assert not positive.any()
    assert negative.all()


def test_padding_is_no_object_even_where_it_looks_like_one():
    gt = [[0.0, 0.0, 0.5, 0.5, 0, PADDING]]
    positive, negative, _, _ = assigned(gt, [[0, 0, 0.5, 0.5]])
    assert not positive[0]
    assert negative[0]


def test_anchors_inside_an_ignored_region_learn_nothing_unless_an_object_is_there():
    """The first one, as the region's best anchor, would do so anyway."""
    gt = [[0.0, 0.0, 0.75, 0.75, 0, IGNORED], [0.5, 0.5, 0.75, 0.75, 1, OBJECT]]
    anchors = [
        [0.0, 0.0, 0.25, 0.25],  # inside
        [0.5, 0.0, 1.0, 0.25],  # half inside: not more than half
        [0.5, 0.5, 0.75, 0.75],  # the object
        [0.75, 0.75, 1.0, 1.0],  # outside
        [0.25, 0.0, 0.5, 0.25],  # inside
    ]
    positive, negative, class_ids, _ = assigned(gt, anchors)
    assert positive.tolist() == [False, False, True, False, False]
    assert negative.tolist() == [False, True, False, True, False]
    assert class_ids[2] == 1


def test_the_best_anchor_of_a_small_ignored_box_is_no_background():
    """The box covers a sixteenth of it, and as an object it would be positive there."""
    gt = [[0.0, 0.0, 0.125, 0.125, 0, IGNORED]]
    anchors = [[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]
    positive, negative, _, _ = assigned(gt, anchors)
    assert not positive.any()
    assert negative.tolist() == [False, True, True]
