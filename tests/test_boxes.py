"""Suppression is checked against its definition in plain Python, on a grid where ties abound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydet import boxes as boxes_module
from tinydet.boxes import (
    Detections,
    box_area,
    intersection_area,
    iou_matrix,
    select_detections,
    suppress_non_maxima,
)

SCORES = st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.5, 0.75, 1.0])
IOUS = st.sampled_from([0.2, 0.25, 0.5, 0.75, 1.0])


def grid_boxes(low=-2, high=18):
    """Corners on a grid of 1/16, some empty or inverted: sums and products are exact."""
    corner = st.integers(low, high)
    return st.lists(st.tuples(corner, corner, corner, corner), max_size=24).map(
        lambda rows: np.array(rows, np.float32).reshape(-1, 4) / 16
    )


def area_oracle(box):
    x_min, y_min, x_max, y_max = (float(v) for v in box)
    return max(x_max - x_min, 0.0) * max(y_max - y_min, 0.0)


def iou_oracle(a, b):
    both = [max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])]
    shared = area_oracle(both)
    union = area_oracle(a) + area_oracle(b) - shared
    return shared / union if union > 0 else 0.0


def suppress_oracle(boxes, scores, iou_threshold, max_kept):
    left = sorted(range(len(boxes)), key=lambda i: (-scores[i], i))
    kept = []
    while left and len(kept) < max_kept:
        best = left.pop(0)
        kept.append(best)
        left = [i for i in left if not iou_oracle(boxes[best], boxes[i]) > iou_threshold]
    return kept


def select_oracle(class_scores, boxes, score_threshold, iou_threshold, max_detections):
    """One class after the other, then the best over all classes."""
    boxes = [[min(max(float(v), 0.0), 1.0) for v in box] for box in boxes]
    found = []
    for column in range(1, class_scores.shape[1]):
        scores = [float(s) for s in class_scores[:, column]]
        ids = [
            i for i, s in enumerate(scores) if s >= score_threshold and area_oracle(boxes[i]) > 0
        ]
        kept = suppress_oracle(
            [boxes[i] for i in ids], [scores[i] for i in ids], iou_threshold, max_detections
        )
        found += [(-scores[ids[k]], column - 1, place, ids[k]) for place, k in enumerate(kept)]
    found.sort()
    return [(class_id, anchor, -minus) for minus, class_id, _, anchor in found[:max_detections]]


@settings(deadline=None)
@given(grid_boxes(), grid_boxes())
def test_iou_is_shared_area_over_joint_area(boxes_a, boxes_b):
    expected = np.array([[iou_oracle(a, b) for b in boxes_b] for a in boxes_a])
    expected = expected.reshape(len(boxes_a), len(boxes_b))
    np.testing.assert_allclose(iou_matrix(boxes_a, boxes_b), expected, rtol=1e-6)
    np.testing.assert_array_equal(iou_matrix(boxes_a, boxes_b), iou_matrix(boxes_b, boxes_a).T)


@settings(deadline=None)
@given(grid_boxes())
def test_a_box_with_area_has_iou_1_with_itself(boxes):
    expected = (box_area(boxes) > 0).astype(np.float32)
    np.testing.assert_array_equal(np.diag(iou_matrix(boxes, boxes)), expected)


def test_iou_of_a_wide_and_a_tall_box():
    wide = np.array([[0.0, 0.25, 1.0, 0.5]], np.float32)
    tall = np.array([[0.5, 0.0, 0.625, 1.0]], np.float32)
    assert intersection_area(wide, tall)[0, 0] == 0.125 * 0.25
    assert iou_matrix(wide, tall)[0, 0] == np.float32(0.03125 / (0.25 + 0.125 - 0.03125))


@settings(deadline=None)
@given(grid_boxes(), st.data(), IOUS, st.integers(1, 12), st.sampled_from([1, 3, 128]))
def test_suppression_is_greedy(boxes, data, iou_threshold, max_kept, chunk):
    """Kept are those that no better kept one overlaps by more than the threshold."""
    scores = np.array([data.draw(SCORES) for _ in boxes], np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boxes_module, "CHUNK", chunk)
        kept = suppress_non_maxima(boxes, scores, iou_threshold, max_kept)
    assert kept.tolist() == suppress_oracle(boxes, scores.tolist(), iou_threshold, max_kept)


@settings(deadline=None)
@given(
    grid_boxes(), st.integers(0, 3), st.data(), IOUS, st.integers(1, 12), st.sampled_from([2, 128])
)
def test_selection_is_suppression_class_by_class(
    boxes, num_classes, data, iou_threshold, max_detections, chunk
):
    drawn = [[data.draw(SCORES) for _ in range(num_classes + 1)] for _ in boxes]
    class_scores = np.array(drawn, np.float32).reshape(len(boxes), num_classes + 1)
    limits = (0.25, iou_threshold, max_detections)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boxes_module, "CHUNK", chunk)
        found = select_detections(class_scores, boxes, *limits)
    expected = select_oracle(class_scores, boxes, *limits)
    assert found.class_ids.tolist() == [class_id for class_id, _, _ in expected]
    assert found.scores.tolist() == [score for _, _, score in expected]
    anchors = [anchor for _, anchor, _ in expected]
    np.testing.assert_array_equal(found.boxes, np.clip(boxes[anchors], 0, 1))
    assert (found.boxes.dtype, found.class_ids.dtype) == (np.float32, np.int64)


def vote_oracle(class_scores, boxes, kept, score_threshold, voting_iou):
    """One kept box after the other, in the order of the candidates."""
    boxes = np.clip(boxes, 0, 1)
    voted = []
    for class_id, anchor, score in kept:
        column = class_scores[:, class_id + 1]
        total, sums = np.float32(0), np.zeros(4, np.float32)
        for voter in np.argsort(-column, kind="stable"):
            has_area = area_oracle(boxes[voter]) > 0
            agrees = iou_matrix(boxes[[anchor]], boxes[[voter]])[0, 0] >= np.float32(voting_iou)
            if column[voter] >= score_threshold and has_area and agrees:
                total = total + column[voter]
                sums = sums + column[voter] * boxes[voter]
        voted.append(sums / total if total > score else boxes[anchor])
    return np.array(voted, np.float32).reshape(-1, 4)


@settings(deadline=None)
@given(
    grid_boxes(),
    st.integers(1, 3),
    st.integers(0, 2**32),
    IOUS,
    st.sampled_from([0.05, 0.4, 1.0]),
    st.sampled_from([1, 128]),
)
def test_voting_gives_the_mean_of_those_that_agree(
    boxes, num_classes, seed, iou_threshold, voting_iou, chunk
):
    shape = len(boxes), num_classes + 1
    class_scores = np.random.default_rng(seed).uniform(0, 1, shape).astype(np.float32)
    limits = (0.25, iou_threshold, 12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boxes_module, "CHUNK", chunk)
        found = select_detections(class_scores, boxes, *limits, voting_iou)
    kept = select_oracle(class_scores, boxes, *limits)
    assert found.class_ids.tolist() == [class_id for class_id, _, _ in kept]
    assert found.scores.tolist() == [score for _, _, score in kept]
    expected = vote_oracle(class_scores, boxes, kept, limits[0], voting_iou)
    assert found.boxes.tobytes() == expected.tobytes()
    assert found.boxes.dtype == np.float32
    assert ((found.boxes >= 0) & (found.boxes <= 1)).all()


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.sampled_from([0.3, 0.7]))
def test_a_voted_box_lies_among_its_voters(seed, count, voting_iou):
    rng = np.random.default_rng(seed)
    low, high = rng.uniform(-0.2, 0.4, (count, 2)), rng.uniform(0.6, 1.2, (count, 2))
    boxes = np.concatenate([low, high], axis=1).astype(np.float32)
    scores = np.stack([np.zeros(count), rng.uniform(0.1, 1, count)], axis=1).astype(np.float32)
    plain = select_detections(scores, boxes, 0.1, 0.5, 100)
    voted = select_detections(scores, boxes, 0.1, 0.5, 100, voting_iou)
    assert len(voted) == len(plain)
    clipped = np.clip(boxes, 0, 1)
    for before, after in zip(plain.boxes, voted.boxes, strict=True):
        voters = clipped[iou_matrix(before[None], clipped)[0] >= voting_iou]
        assert (after >= voters.min(axis=0) - 1e-6).all()
        assert (after <= voters.max(axis=0) + 1e-6).all()
    alone = select_detections(scores, boxes, 0.1, 0.5, 100, 1.0)
    if len(np.unique(clipped, axis=0)) == count:
        assert alone.boxes.tobytes() == plain.boxes.tobytes()


def test_an_overlap_of_just_the_threshold_is_kept():
    boxes = np.array([[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.25], [0, 0, 0.5, 0.375]], np.float32)
    scores = np.array([0.75, 0.5, 0.25], np.float32)
    assert suppress_non_maxima(boxes, scores, 0.5, 10).tolist() == [0, 1]


def test_selection_keeps_the_score_threshold_and_clips():
    class_scores = np.array([[0, 0.5, 0.1], [0, 0.49, 0.2], [0, 0.9, 0]], np.float32)
    boxes = np.array([[-1, 0.25, 0.5, 2], [0, 0, 1, 1], [1.5, 0, 2, 1]], np.float32)
    found = select_detections(class_scores, boxes, 0.5, 0.5, 100)
    assert found.boxes.tolist() == [[0, 0.25, 0.5, 1]]
    assert (found.scores.tolist(), found.class_ids.tolist()) == ([0.5], [0])


def test_above_and_records():
    boxes = np.array([[0, 0.125, 0.5, 1], [0.25, 0.25, 0.5, 0.75]], np.float32)
    detections = Detections(boxes, np.array([0.75, 0.25], np.float32), np.array([1, 0]))
    assert len(detections.above(0.25)) == 2
    assert detections.above(0.5).to_records(("cat", "dog")) == [
        {"class_id": 1, "class_name": "dog", "score": 0.75, "box": [0.0, 0.125, 0.5, 1.0]}
    ]
