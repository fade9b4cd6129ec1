"""The loss equals the one of plain loops, is 0 for a perfect answer and never nan."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydet.anchors import encode_boxes, make_anchors
from tinydet.training.box_losses import IOU_LOSSES, iou_loss
from tinydet.training.losses import DetectionLoss
from tinydet.training.matcher import IGNORED, OBJECT, PADDING
from tinydet.training.options import RECIPES

# On a grid, so that equal overlaps are equal in float32 as well as in the oracle.
ANCHORS = np.round(make_anchors(32, 64, (0.2, 0.3)) * 32) / np.float32(32)
THRESHOLDS = {"positive_iou": 0.5, "negative_iou": 0.25, "anchors_per_object": 1}
RECT = [0.25, 0.125, 0.75, 0.875]


def gt_rows(*rows, count=4):
    padded = np.full((count, 6), PADDING, np.float32)
    for index, row in enumerate(rows):
        padded[index] = row
    return padded


def plain_iou(predicted, box):
    """IoU of two boxes; one that is turned inside out is empty."""
    first, second = [float(v) for v in predicted], [float(v) for v in box]

    def area(a, b, c, d):
        return max(c - a, 0) * max(d - b, 0)

    low, high = map(max, first[:2], second[:2]), map(min, first[2:], second[2:])
    shared = area(*low, *high)
    return shared / (area(*first) + area(*second) - shared)


def plain_loss(assign, images, outputs, num_classes, arguments):
    """``DetectionLoss`` in loops over images, anchors and corners."""
    gamma, alpha = arguments["focal_gamma"], arguments["focal_alpha"]
    beta, weight = arguments["smooth_l1_beta"], arguments["box_weight"]
    ratio = arguments.get("negatives_per_positive")
    class_loss = box_loss = positives = 0.0
    for rows, image_outputs in zip(images, outputs, strict=True):
        background, own = [], 0
        assignment = assign(rows, ANCHORS, 0.5, 0.25)
        for anchor, learns, output in zip(ANCHORS, assignment, image_outputs, strict=True):
            if learns is None:
                continue
            logits = [float(v) for v in output[: num_classes + 1]]
            label = 0 if learns == "background" else int(rows[learns][4]) + 1
            total = math.fsum(math.exp(v) for v in logits)
            probability = math.exp(logits[label]) / total
            if label == 0:
                background.append(-math.log(probability) * (1 - probability) ** gamma)
                continue
            target = 1.0
            if "quality" in arguments:
                predicted = anchor + output[num_classes + 1 :] * np.tile(anchor[2:] - anchor[:2], 2)
                target -= arguments["quality"] * (1 - plain_iou(predicted, rows[learns][:4]))
            cost = -target * math.log(probability)
            cost -= (1 - target) * math.log(math.exp(logits[0]) / total)
            class_loss += cost * abs(target - probability) ** gamma * alpha
            own += 1
            for corner in range(4):
                side = float(anchor[2 + corner % 2] - anchor[corner % 2])
                wanted = (float(rows[learns][corner]) - float(anchor[corner])) / side
                error = abs(wanted - float(output[num_classes + 1 + corner]))
                box_loss += error**2 / (2 * beta) if error < beta else error - beta / 2
        background.sort(reverse=True)
        class_loss += sum(background[: None if ratio is None else math.ceil(ratio * max(own, 1))])
        positives += own
    return (class_loss + weight * box_loss) / max(positives, 1)


@pytest.mark.parametrize("num_classes", [1, 3])
def test_equals_plain_loops(assign_plainly, num_classes):
    """For random outputs and weights; two images, one of them with an ignored region."""

    @settings(max_examples=12)
    @given(
        st.integers(0, 2**32 - 1),
        st.sampled_from([0.0, 0.25, 2.0]),
        st.sampled_from([1.0, 0.25]),
        st.sampled_from([1 / 9, 4.0]),
        st.sampled_from([None, 3.0, 0.4, 1000.0]),
        st.sampled_from([0.0, 0.6, 1.0]),
    )
    def check(seed, gamma, alpha, beta, negatives, quality):
        rng = np.random.default_rng(seed)
        corners = rng.integers(0, 8, (5, 2)) / 16
        found = np.concatenate([corners, corners + rng.integers(2, 9, (5, 2)) / 16], axis=1)
        class_ids = rng.integers(0, num_classes, 5)
        rows = [[*box, class_id, OBJECT] for box, class_id in zip(found, class_ids, strict=True)]
        rows[4][5] = IGNORED
        images = np.stack([gt_rows(*rows[:2]), gt_rows(*rows[2:])])
        outputs = rng.normal(0, 1.5, (2, len(ANCHORS), num_classes + 5)).astype(np.float32)
        arguments = {
            "focal_gamma": gamma,
            "focal_alpha": alpha,
            "smooth_l1_beta": beta,
            "box_weight": 0.7,
            "negatives_per_positive": negatives,
            "quality": quality,
        }
        loss = DetectionLoss(ANCHORS, **THRESHOLDS, **arguments)
        expected = plain_loss(assign_plainly, images, outputs, num_classes, arguments)
        assert float(loss(images, outputs)) == pytest.approx(expected, rel=1e-4)

    check()


def test_quality_pulls_no_box(assign_plainly):
    """The score follows the box, never the box the score; and a score as wanted stays."""
    rows = gt_rows([*RECT, 0, OBJECT])
    outputs = np.random.default_rng(7).normal(0, 0.2, (1, len(ANCHORS), 6)).astype(np.float32)
    learns = assign_plainly(rows, ANCHORS, 0.5, 0.25)
    positive = [index for index, entry in enumerate(learns) if isinstance(entry, int)]
    for index in positive:
        sides = np.tile(ANCHORS[index, 2:] - ANCHORS[index, :2], 2)
        fit = plain_iou(ANCHORS[index] + outputs[0, index, 2:] * sides, RECT)
        outputs[0, index, :2] = np.log([1 - fit, fit])
    _, plain = value_and_gradient(DetectionLoss(ANCHORS, **THRESHOLDS), rows[None], outputs)
    told = DetectionLoss(ANCHORS, **THRESHOLDS, quality=1.0)
    _, gradient = value_and_gradient(told, rows[None], outputs)
    np.testing.assert_array_equal(gradient[..., 2:], plain[..., 2:])
    np.testing.assert_allclose(gradient[0, positive, :2], 0, atol=1e-5)
    assert (np.abs(plain[0, positive, :2]) > 1e-3).all()


def test_the_iou_loss_comes_on_top(assign_plainly):
    """Its weight times the sum over the positives, beside smooth L1 or without it."""
    rows = gt_rows([*RECT, 0, OBJECT])
    outputs = np.random.default_rng(6).normal(0, 0.3, (1, len(ANCHORS), 6)).astype(np.float32)
    learns = assign_plainly(rows, ANCHORS, 0.5, 0.25)
    positive = [index for index, entry in enumerate(learns) if isinstance(entry, int)]
    wanted = encode_boxes(np.float32([RECT] * len(positive)), ANCHORS[positive])

    def loss(**arguments):
        return float(DetectionLoss(ANCHORS, **THRESHOLDS, **arguments)(rows[None], outputs))

    for kind in IOU_LOSSES:
        mean = float(np.mean(iou_loss(outputs[0, positive, -4:], wanted, kind)))
        for weight in (0.0, 1.0):
            with_it = loss(box_weight=weight, iou_weight=2.5, iou_loss=kind)
            assert with_it - loss(box_weight=weight) == pytest.approx(2.5 * mean, rel=1e-4)


def test_only_the_hard_negatives_learn():
    """As many as asked for per positive of their image, the ones that cost most."""
    rows = np.stack([gt_rows([*RECT, 0, OBJECT]), gt_rows()])
    outputs = np.random.default_rng(5).normal(size=(2, len(ANCHORS), 6)).astype(np.float32)
    mined = DetectionLoss(ANCHORS, **THRESHOLDS, focal_gamma=0.0, negatives_per_positive=3)
    _, every = value_and_gradient(DetectionLoss(ANCHORS, **THRESHOLDS), rows, outputs)
    _, hard = value_and_gradient(mined, rows, outputs)
    positive = (every[..., -4:] != 0).any(axis=-1)
    learns = (hard[..., :2] != 0).any(axis=-1)
    assert positive[0].sum() > 1
    assert learns[positive].all()
    assert (learns & ~positive).sum(axis=1).tolist() == [3 * positive[0].sum(), 3]
    background = outputs[..., 0] - np.logaddexp(outputs[..., 0], outputs[..., 1])
    easy = (every[..., :2] != 0).any(axis=-1) & ~learns
    for image in (0, 1):
        chosen = learns[image] & ~positive[image]
        assert background[image, chosen].max() <= background[image, easy[image]].min()


def perfect_outputs(assign, rows, num_classes, confidence=40.0):
    outputs = np.zeros((1, len(ANCHORS), num_classes + 5), np.float32)
    for index, learns in enumerate(assign(rows, ANCHORS, 0.5, 0.25)):
        if isinstance(learns, int):
            box = np.float32([rows[learns][:4]])
            outputs[0, index, 1 + int(rows[learns][4])] = confidence
            outputs[0, index, -4:] = encode_boxes(box, ANCHORS[index : index + 1])[0]
        else:
            outputs[0, index, 0] = confidence
    return outputs


def value_and_gradient(loss, images, outputs):
    import tensorflow as tf

    outputs = tf.constant(outputs)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        value = loss(images, outputs)
    return float(value), tape.gradient(value, outputs).numpy()


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_a_perfect_and_certain_answer_costs_nothing(assign_plainly, recipe):
    """Loss and gradient are 0, not nan, also where a probability is 1 to the last bit."""
    rows = gt_rows([*RECT, 1, OBJECT])
    loss = DetectionLoss(ANCHORS, **{**RECIPES[recipe].loss, **THRESHOLDS})
    outputs = perfect_outputs(assign_plainly, rows, 3)
    value, gradient = value_and_gradient(loss, rows[None], outputs)
    assert value == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(gradient, 0, atol=1e-4)


def test_ignored_anchors_get_no_gradient_and_all_others_do(assign_plainly):
    rows = gt_rows([*RECT, 0, OBJECT], [0.0, 0.0, 0.5, 1.0, 0, IGNORED])
    outputs = np.random.default_rng(4).normal(size=(1, len(ANCHORS), 6)).astype(np.float32)
    _, gradient = value_and_gradient(DetectionLoss(ANCHORS, **THRESHOLDS), rows[None], outputs)
    learns = assign_plainly(rows, ANCHORS, 0.5, 0.25)
    assert {type(entry) for entry in learns} == {int, str, type(None)}  # all three are there
    ignored = np.array([entry is None for entry in learns])
    positive = np.array([isinstance(entry, int) for entry in learns])
    assert (gradient[0, ignored] == 0).all()
    assert (gradient[0, ~ignored, :2] != 0).all()
    assert (gradient[0, ~positive, -4:] == 0).all()
    assert (gradient[0, positive, -4:] != 0).all()


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.parametrize("logit", [0.0, 50.0, -50.0])
def test_images_without_objects_have_a_finite_loss(recipe, logit):
    loss = DetectionLoss(ANCHORS, **RECIPES[recipe].loss)
    outputs = np.zeros((2, len(ANCHORS), 6), np.float32)
    outputs[..., 0] = logit
    value, gradient = value_and_gradient(loss, np.stack([gt_rows(), gt_rows()]), outputs)
    assert math.isfinite(value)
    assert np.isfinite(gradient).all()
    assert value >= 0
