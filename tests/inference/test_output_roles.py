"""Outputs are told apart by what they are, not by their order."""

from itertools import permutations

import numpy as np
import pytest

from tinydet.inference.output_roles import NoDetectorError, OutputRoles, find_roles

ROWS = 11


def outputs(num_classes, seed):
    """Scores, deltas and anchors; the anchors are the same for every seed."""
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.ones(num_classes + 1), (1, ROWS)).astype(np.float32)
    deltas = rng.normal(0, 1, (1, ROWS, 4)).astype(np.float32)
    low = np.linspace(-0.2, 0.6, ROWS * 2, dtype=np.float32).reshape(1, ROWS, 2)
    return (
        scores,
        deltas,
        np.concatenate([low, low + np.array([0.3, 0.2])], axis=2, dtype=np.float32),
    )


@pytest.mark.parametrize("num_classes", [1, 3, 20])
@pytest.mark.parametrize("order", permutations(range(3)))
def test_any_order_of_three(order, num_classes):
    probes = ([outputs(num_classes, seed)[i] for i in order] for seed in (1, 2))
    layout = find_roles(*probes)
    assert layout == OutputRoles(order.index(0), order.index(1), order.index(2))


@pytest.mark.parametrize("num_classes", [1, 3, 20])
@pytest.mark.parametrize("order", permutations(range(2)))
def test_any_order_of_two(order, num_classes):
    probes = ([outputs(num_classes, seed)[i] for i in order] for seed in (1, 2))
    assert find_roles(*probes) == OutputRoles(order.index(0), order.index(1), None)


def test_joined_output_is_cut_into_its_parts():
    parts = outputs(3, 1)
    probe = [np.concatenate(parts, axis=2)]
    layout = find_roles(probe, probe)
    scores, deltas, anchors = layout.split(probe)
    np.testing.assert_array_equal(scores, parts[0])
    np.testing.assert_array_equal(deltas, parts[1])
    np.testing.assert_array_equal(anchors, parts[2][0])


def test_dead_deltas_are_not_taken_for_anchors():
    scores, deltas, anchors = outputs(1, 1)
    probe = [np.zeros_like(deltas), scores, anchors]
    assert find_roles(probe, probe) == OutputRoles(scores=1, deltas=0, anchors=2)


@pytest.mark.parametrize(
    "shapes",
    [[(1, 1000)], [(1, 11, 2), (1, 12, 4)], [(1, 10, 4), (1, 10), (1, 10), (1,)], [(1, 11, 4)]],
)
def test_other_models_are_refused(shapes):
    probe = [np.zeros(shape, np.float32) for shape in shapes]
    with pytest.raises(NoDetectorError, match=r"its outputs? (is|are) 1x"):
        find_roles(probe, probe)


def joined(seed, **other):
    """A joined output with some of its parts replaced."""
    parts = dict(zip(("scores", "deltas", "anchors"), outputs(3, seed), strict=True)) | other
    return [np.concatenate(list(parts.values()), axis=2)]


@pytest.mark.parametrize(
    ("name", "other", "why"),
    [
        ("scores", np.full((1, ROWS, 4), 37.0), "from 0 to 37 instead of 0 to 1"),
        ("scores", np.full((1, ROWS, 4), -0.1), "from -0.1 to 0 instead of 0 to 1"),
        ("scores", np.full((1, ROWS, 4), np.nan), "not numbers"),
        ("scores", np.full((1, ROWS, 4), 0.1), "do not sum to 1"),  # sigmoid, no background
        ("anchors", np.full((1, ROWS, 4), 0.5), "are not boxes"),
        ("anchors", np.tile([0.5, 0.5, 0.2, 0.2], (1, ROWS, 1)), "are not boxes"),
        ("anchors", np.tile([0, 0, 320, 320], (1, ROWS, 1)), "are not boxes"),
    ],
)
def test_the_columns_of_a_joined_output_prove_nothing(name, other, why):
    probes = (joined(seed, **{name: other}) for seed in (1, 2))
    with pytest.raises(NoDetectorError, match=why):
        find_roles(*probes)


def test_joined_anchors_that_depend_on_the_image_are_refused():
    anchors = outputs(3, 1)[2]
    with pytest.raises(NoDetectorError, match="anchors depend on the image"):
        find_roles(joined(1), joined(2, anchors=anchors + np.float32(0.01)))


def test_sigmoid_scores_with_a_background_are_scores():
    scores = np.tile([0.95, 0.1, 0.1, 0.2], (1, ROWS, 1))
    probe = joined(1, scores=scores)
    assert find_roles(probe, probe) == OutputRoles(0, 0, None)


def test_anchors_that_depend_on_the_image_are_refused():
    probe = [list(outputs(1, seed)) for seed in (1, 2)]
    probe[1][2] = probe[1][2] + np.float32(0.1)
    with pytest.raises(NoDetectorError, match="0 of its two outputs of 4 columns are constant"):
        find_roles(*probe)


def test_four_columns_without_softmax_are_refused():
    probe = [output * np.float32(3) for output in outputs(3, 1)]
    with pytest.raises(NoDetectorError, match="in none of them do the rows sum to 1"):
        find_roles(probe, probe)
