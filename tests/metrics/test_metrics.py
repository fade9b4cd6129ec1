"""Metrics against a slow implementation of their definitions, and numbers worked out by hand."""

import math
from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.average_precision import average_precision
from tinydet.boxes import Detections
from tinydet.metrics import (
    GroundTruth,
    best_f1,
    confusion_matrix,
    image_f1,
    match_detections,
    mean_ap,
    pooled_curve,
    precision_recall,
)

NUM_CLASSES = 3
IOUS = st.sampled_from([0.25, 0.4, 0.5, 0.75, 1.0])


def detections_of(rows):
    """From ``(box in 1/16, score, class)`` rows."""
    return Detections(
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4) / 16,
        np.array([row[1] for row in rows], np.float32),
        np.array([row[2] for row in rows], np.int64),
    )


def truth_of(rows):
    """From ``(box in 1/16, class, ignored)`` rows."""
    return GroundTruth(
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4) / 16,
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.bool_),
    )


def grid_box():
    """A box with area on a coarse grid, so that exact overlaps and ties are common."""
    spans = st.tuples(st.integers(0, 6), st.integers(1, 4)).map(lambda s: (s[0], s[0] + s[1]))
    return st.tuples(spans, spans).map(lambda b: (b[0][0], b[1][0], b[0][1], b[1][1]))


class_ids = st.integers(0, NUM_CLASSES - 1)
detection_rows = st.lists(
    st.tuples(grid_box(), st.integers(0, 8).map(lambda s: s / 8), class_ids), max_size=8
)
truth_rows = st.lists(st.tuples(grid_box(), class_ids, st.booleans()), max_size=5)
images = st.lists(st.tuples(detection_rows, truth_rows), max_size=5)


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def shared_area(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0


def iou_of(a, b):
    return shared_area(a, b) / (area(a) + area(b) - shared_area(a, b))


def judge(drawn, class_id, iou_threshold):
    """Walk through the detections of a class by falling score: (score, "hit" | "miss") each."""
    ranked = [
        (-score, image, place, box)
        for image, (found, _) in enumerate(drawn)
        for place, (box, score, c) in enumerate(found)
        if c == class_id
    ]
    used = set()
    verdicts = []
    for minus, image, _, box in sorted(ranked):
        truth = [(k, t) for k, t in enumerate(drawn[image][1]) if t[1] == class_id]
        counted = [(iou_of(box, t[0]), -k) for k, t in truth if not t[2]]
        best, place = max(counted, default=(0, 0))
        if counted and best >= iou_threshold and (image, place) not in used:
            used.add((image, place))
            verdicts.append((-minus, "hit"))
        elif not any(shared_area(box, t[0]) / area(box) >= iou_threshold for _, t in truth if t[2]):
            verdicts.append((-minus, "miss"))
    return verdicts


def objects_of(drawn, class_id):
    return sum(1 for _, truth in drawn for t in truth if t[1] == class_id and not t[2])


def ap_oracle(drawn, class_id, iou_threshold):
    """Every object adds 1 / objects times the best precision at its recall or a higher one."""
    total = objects_of(drawn, class_id)
    if total == 0:
        return math.nan
    hits, precisions = 0, []
    for rank, (_, verdict) in enumerate(judge(drawn, class_id, iou_threshold), start=1):
        hits += verdict == "hit"
        precisions.append((hits, hits / rank))
    best = [
        max((p for h, p in precisions if h >= level), default=0.0) for level in range(1, total + 1)
    ]
    return sum(best) / total


def inputs(drawn):
    return [detections_of(found) for found, _ in drawn], [truth_of(truth) for _, truth in drawn]


@settings(deadline=None)
@given(images, IOUS)
def test_average_precision_follows_its_definition(drawn, iou_threshold):
    expected = [ap_oracle(drawn, c, iou_threshold) for c in range(NUM_CLASSES)]
    found, truth = inputs(drawn)
    ap = average_precision(found, truth, NUM_CLASSES, iou_threshold)
    np.testing.assert_allclose(ap, expected, rtol=1e-12)
    assert ap.dtype == np.float64


@settings(deadline=None)
@given(images, IOUS)
def test_curves_follow_their_definition(drawn, iou_threshold):
    curves = precision_recall(match_detections(*inputs(drawn), NUM_CLASSES), iou_threshold)
    for class_id, curve in enumerate(curves):
        verdicts = judge(drawn, class_id, iou_threshold)
        total = objects_of(drawn, class_id)
        assert curve.num_objects == total
        assert curve.scores.tolist() == [score for score, _ in verdicts]
        hits = [sum(v == "hit" for _, v in verdicts[: k + 1]) for k in range(len(verdicts))]
        assert curve.precision.tolist() == [h / (k + 1) for k, h in enumerate(hits)]
        assert curve.recall.tolist() == [h / total if total else 0 for h in hits]


@settings(deadline=None)
@given(images, IOUS)
def test_best_f1_is_the_best_of_all_thresholds(drawn, iou_threshold):
    curves = precision_recall(match_detections(*inputs(drawn), NUM_CLASSES), iou_threshold)
    for class_id, curve in enumerate(curves):
        verdicts, total = judge(drawn, class_id, iou_threshold), objects_of(drawn, class_id)
        options = [(0.0, -1.0)]
        for threshold in {score for score, _ in verdicts}:
            kept = [verdict for score, verdict in verdicts if score >= threshold]
            hits = kept.count("hit")
            options.append((2 * hits / (len(kept) + total), threshold))
        f1, _ = max(options)
        best = best_f1(curve)
        assert best.f1 == pytest.approx(f1)
        if f1 > 0:
            assert (pytest.approx(f1), best.score) in options
        else:
            assert math.isnan(best.score)


@settings(deadline=None)
@given(images, IOUS, st.sampled_from([0.0, 0.25, 0.5]))
def test_confusion_counts_every_object_and_every_detection_once(drawn, iou_threshold, threshold):
    matrix = confusion_matrix(*inputs(drawn), NUM_CLASSES, threshold, iou_threshold)
    assert matrix.sum(axis=1)[:-1].tolist() == [objects_of(drawn, c) for c in range(NUM_CLASSES)]
    for class_id in range(NUM_CLASSES):
        kept = sum(1 for f, _ in drawn for d in f if d[2] == class_id and d[1] >= threshold)
        anything_ignored = any(t[2] for _, truth in drawn for t in truth)
        counted = matrix[:, class_id].sum()
        assert counted <= kept if anything_ignored else counted == kept
    assert matrix[-1, -1] == 0


@settings(deadline=None)
@given(images, IOUS, st.sampled_from([0.0, 0.25, 0.5]))
def test_agreement_of_an_image_is_its_own_f1(drawn, iou_threshold, threshold):
    found, truth = inputs(drawn)
    matches = match_detections(found, truth, NUM_CLASSES)
    agreement = image_f1(matches, truth, threshold, iou_threshold)
    for index, image in enumerate(drawn):
        verdicts = [v for c in range(NUM_CLASSES) for v in judge([image], c, iou_threshold)]
        kept = [verdict for score, verdict in verdicts if score >= threshold]
        objects = sum(objects_of([image], c) for c in range(NUM_CLASSES))
        total = len(kept) + objects
        expected = 2 * kept.count("hit") / total if total else 1.0
        assert agreement[index] == pytest.approx(expected)


@settings(deadline=None)
@given(images)
def test_perfect_detections_have_ap_1(drawn):
    """Each object found exactly, once; a twin object is as good as itself."""
    unique = [(image, list({(t[0], t[1]): t for t in truth}.values())) for image, truth in drawn]
    truth = [truth_of(rows) for _, rows in unique]
    found = [detections_of([(box, 0.5, c) for box, c, _ in rows]) for _, rows in unique]
    ap = average_precision(found, truth, NUM_CLASSES, 1.0)
    has_objects = np.array(
        [any(np.any(t.class_ids[~t.ignored] == c) for t in truth) for c in range(3)]
    )
    np.testing.assert_array_equal(ap, np.where(has_objects, 1.0, np.nan))


@settings(deadline=None)
@given(images, st.randoms(use_true_random=False), IOUS)
def test_order_of_images_does_not_matter(drawn, random, iou_threshold):
    """Where no two scores are equal."""
    count = sum(len(found) for found, _ in drawn)
    scores = iter(random.sample(range(count), count))
    drawn = [([(b, (next(scores) + 1) / 64, c) for b, _, c in f], t) for f, t in drawn]
    shuffled = random.sample(drawn, len(drawn))
    np.testing.assert_array_equal(
        average_precision(*inputs(drawn), NUM_CLASSES, iou_threshold),
        average_precision(*inputs(shuffled), NUM_CLASSES, iou_threshold),
    )


@settings(deadline=None)
@given(images, grid_box(), st.sampled_from([-1.0, 0.3, 2.0]), IOUS)
def test_a_detection_of_nothing_never_raises_ap(drawn, box, score, iou_threshold):
    """Below all others it changes nothing: the precision at each recall stays."""
    before = average_precision(*inputs(drawn), NUM_CLASSES, iou_threshold)
    nowhere = (tuple(v + 64 for v in box), score, 0)
    more = [([nowhere, *found], truth) for found, truth in drawn]
    after = average_precision(*inputs(more), NUM_CLASSES, iou_threshold)
    assert not after[0] > before[0]
    if score < 0:
        np.testing.assert_array_equal(after, before)
    np.testing.assert_array_equal(after[1:], before[1:])


@settings(deadline=None)
@given(images, st.randoms(use_true_random=False))
def test_a_higher_iou_threshold_never_finds_more(drawn, random):
    """Recall falls with the IoU threshold, at every number of detections."""
    matches = match_detections(*inputs(drawn), NUM_CLASSES)
    low, high = sorted(random.sample([0.1, 0.3, 0.5, 0.8], 2))
    hits_low, hits_high = (np.count_nonzero(matches.outcomes(t) == 1) for t in (low, high))
    assert hits_high <= hits_low


# One class, two images. Image 0 has objects A and B, image 1 has C and a crowd.
A, B, C = (0, 0, 4, 8), (8, 8, 16, 12), (2, 4, 8, 16)
CROWD = (8, 0, 16, 4)
TRUTH = [truth_of([(A, 0, False), (B, 0, False)]), truth_of([(C, 0, False), (CROWD, 0, True)])]
FOUND = [
    detections_of([(A, 0.9, 0), ((0, 0, 4, 7), 0.8, 0), ((8, 8, 16, 10), 0.3, 0)]),
    detections_of([((12, 12, 16, 16), 0.7, 0), (C, 0.6, 0), ((9, 1, 11, 3), 0.95, 0)]),
]


def test_golden_curve():
    """By score: on the crowd 0.95, A 0.9, A again 0.8, nothing 0.7, C 0.6, half of B 0.3."""
    curve = precision_recall(match_detections(FOUND, TRUTH, 1), 0.5)[0]
    np.testing.assert_allclose(curve.scores, [0.9, 0.8, 0.7, 0.6, 0.3], rtol=1e-6)
    np.testing.assert_allclose(curve.recall, [1 / 3, 1 / 3, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 1 / 3, 1 / 2, 3 / 5])
    np.testing.assert_allclose(curve.envelope, [1, 3 / 5, 3 / 5, 3 / 5, 3 / 5])
    assert curve.ap == pytest.approx((1 + 0.6 + 0.6) / 3)
    best = best_f1(curve)
    assert best.score == pytest.approx(0.3)
    assert (best.precision, best.recall) == pytest.approx((0.6, 1.0))
    assert best.f1 == pytest.approx(0.75)


def test_the_half_box_fails_above_its_iou():
    """The detection of B covers half of it: found at 0.5, lost at 0.51."""
    assert average_precision(FOUND, TRUTH, 1, 0.51)[0] == pytest.approx((1 + 0.5) / 3)


def test_classes_without_objects_have_no_ap_and_do_not_enter_the_mean():
    ap = average_precision(FOUND, TRUTH, 2, 0.5)
    assert np.isnan(ap[1])
    assert mean_ap(ap) == ap[0]
    assert math.isnan(mean_ap(np.array([np.nan])))


def test_golden_confusion():
    cat, dog, bird = 0, 1, 2
    truth = [truth_of([(A, cat, False), (B, dog, False), (C, dog, True)])]
    found = [
        detections_of(
            [(A, 0.5, dog), (A, 0.4, cat), ((14, 0, 16, 2), 0.9, bird), ((2, 4, 5, 16), 0.6, cat)]
        )
    ]
    matrix = confusion_matrix(found, truth, 3, 0.4, 0.5)
    expected = np.zeros((4, 4), int)
    expected[cat, dog] = 1  # the higher score takes A
    expected[3, cat] = 1  # the second detection of A; the one on the ignored C does not count
    expected[dog, 3] = 1  # B is not found
    expected[3, bird] = 1
    np.testing.assert_array_equal(matrix, expected)


def test_pooled_curve_ranks_all_classes_together():
    truth = [truth_of([(A, 0, False), (B, 1, False)])]
    found = [detections_of([(A, 0.5, 1), (A, 0.25, 0), (B, 0.75, 1)])]
    curve = pooled_curve(match_detections(found, truth, 2), 0.5)
    assert curve.scores.tolist() == [0.75, 0.5, 0.25]
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 2 / 3])
    np.testing.assert_allclose(curve.recall, [1 / 2, 1 / 2, 1])


def test_nothing_at_all():
    matches = match_detections([], [], 2)
    assert [curve.num_objects for curve in precision_recall(matches, 0.5)] == [0, 0]
    assert math.isnan(best_f1(pooled_curve(matches, 0.5)).score)
    assert confusion_matrix([], [], 2, 0.5, 0.5).tolist() == [[0] * 3] * 3


def test_images_and_truth_must_correspond():
    with pytest.raises(ValueError, match="1 detections for 2 images"):
        match_detections(FOUND[:1], TRUTH, 1)


def test_a_coco_sized_evaluation_takes_well_under_two_seconds():
    rng = np.random.default_rng(0)

    def boxes(count):
        low = rng.random((count, 2)) * 0.8
        return np.concatenate([low, low + 0.1 + rng.random((count, 2)) * 0.1], 1).astype(np.float32)

    truth = [
        GroundTruth(boxes(8), rng.integers(0, 80, 8), np.zeros(8, np.bool_)) for _ in range(440)
    ]
    found = [
        Detections(boxes(100), rng.random(100, np.float32), rng.integers(0, 80, 100))
        for _ in range(440)
    ]
    start = process_time()
    average_precision(found, truth, 80, 0.5)
    assert process_time() - start < 1.5
