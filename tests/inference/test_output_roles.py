"""Outputs are told apart by what they are, not by their order."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from tinydet.errors import ModelFileError
from tinydet.inference.output_roles import OutputRoles, find_roles

WHERE = Path("model.tflite")
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
    layout = find_roles(*probes, num_classes, WHERE)
    assert layout == OutputRoles(order.index(0), order.index(1), order.index(2))


@pytest.mark.parametrize("num_classes", [1, 3, 20])
@pytest.mark.parametrize("order", permutations(range(2)))
def test_any_order_of_two(order, num_classes):
    probes = ([outputs(num_classes, seed)[i] for i in order] for seed in (1, 2))
    assert find_roles(*probes, num_classes, WHERE) == OutputRoles(
        order.index(0), order.index(1), None
    )


def test_joined_output_is_cut_into_its_parts():
    parts = outputs(3, 1)
    joined = [np.concatenate(parts, axis=2)]
    layout = find_roles(joined, joined, 3, WHERE)
    scores, deltas, anchors = layout.split(joined)
    np.testing.assert_array_equal(scores, parts[0])
    np.testing.assert_array_equal(deltas, parts[1])
    np.testing.assert_array_equal(anchors, parts[2][0])


def test_dead_deltas_are_not_taken_for_anchors():
    scores, deltas, anchors = outputs(1, 1)
    probe = [np.zeros_like(deltas), scores, anchors]
    assert find_roles(probe, probe, 1, WHERE) == OutputRoles(scores=1, deltas=0, anchors=2)


def test_other_number_of_classes_is_named():
    probe = list(outputs(2, 1))
    with pytest.raises(ModelFileError, match=r"This model has 2 classes") as error:
        find_roles(probe, probe, 1, WHERE)
    assert "1x11x3, 1x11x4, 1x11x4" in str(error.value)
    with pytest.raises(ModelFileError, match=r"This model has 2 classes"):
        find_roles([np.concatenate(probe, 2)], [np.concatenate(probe, 2)], 7, WHERE)


@pytest.mark.parametrize(
    "shapes",
    [[(1, 1000)], [(1, 11, 2), (1, 12, 4)], [(1, 10, 4), (1, 10), (1, 10), (1,)], [(1, 11, 4)]],
)
def test_other_models_are_refused(shapes):
    probe = [np.zeros(shape, np.float32) for shape in shapes]
    with pytest.raises(ModelFileError, match="need 2 score columns"):
        find_roles(probe, probe, 1, WHERE)


def test_anchors_that_depend_on_the_image_are_refused():
    probe = [list(outputs(1, seed)) for seed in (1, 2)]
    probe[1][2] = probe[1][2] + np.float32(0.1)
    with pytest.raises(ModelFileError, match="0 of its two outputs of 4 columns are constant"):
        find_roles(*probe, 1, WHERE)


def test_four_columns_without_softmax_are_refused():
    probe = [output * np.float32(3) for output in outputs(3, 1)]
    with pytest.raises(ModelFileError, match="in none of them do the rows sum to 1"):
        find_roles(probe, probe, 3, WHERE)
