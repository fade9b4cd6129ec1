"""Results as people read them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tinydet.errors import DataError
from tinydet.evaluation import (
    compare,
    format_comparison,
    format_result,
    save_comparison,
)
from tinydet.evaluation.result import ApAtIou

RESULT_TEXT = """\
fake_model.tflite (tflite)
4 images, 4 objects (1 more ignored), 50 images/s; AP and F1 in percent
class             AP@0.40   AP@0.50   AP@0.75   COCO AP   best F1   precision   recall   at score
─────────────────────────────────────────────────────────────────────────────────────────────────
cat                  50.0      50.0      50.0      50.5      66.7       100.0     50.0       0.75
dog                  50.0      50.0      50.0      50.5      66.7       100.0     50.0       0.50
bird                    -         -         -         -         -           -        -          -
mean of classes      50.0      50.0      50.0      50.5
COCO: AP 50.5, AP50 50.5, AP75 50.5; small -, medium 50.5, large -; recall 50.0
95 % interval for samples of 4 images: AP@0.40 0.0 to 100.0, AP@0.50 0.0 to 100.0, \
AP@0.75 0.0 to 100.0"""

COMPARISON_TEXT = """\
AP in percent     float   int8   points   95 % interval
───────────────────────────────────────────────────────
AP@0.40            50.0   48.2     -1.8
AP@0.50            50.0   50.0     +0.0    +0.0 to +0.0
AP@0.75            50.0   50.0     +0.0    +0.0 to +0.0
COCO AP            50.5   50.5     +0.0
COCO AP, medium    50.5   50.5     +0.0
cat                50.0   46.5     -3.5
dog                50.0   49.9     -0.1
bird                  -      -        -"""


@pytest.fixture
def results(evaluate_scenes):
    """``(float, int8)``, the second a little worse."""
    exact = replace(evaluate_scenes(), images_per_second=50.4)
    lower = ApAtIou(0.482, {"cat": 0.465, "dog": 0.499, "bird": None})
    return exact, replace(exact, ap={**exact.ap, "0.40": lower})


def test_result_as_text(results):
    assert format_result(results[0]) == RESULT_TEXT


def test_comparison_as_text(results):
    assert format_comparison(compare(*results)) == COMPARISON_TEXT


def test_points_are_int8_minus_float(results):
    comparison = compare(*results)
    assert comparison.iou == "0.40"
    assert comparison.overall[0].points == pytest.approx(-1.8)
    assert comparison.per_class[0].points == pytest.approx(-3.5)
    assert comparison.per_class[2].points is None


def test_comparison_is_saved(results, tmp_path):
    save_comparison(compare(*results), tmp_path)
    record = json.loads((tmp_path / "comparison.json").read_text())
    assert record["overall"][0] == {
        "name": "AP@0.40",
        "first": 0.5,
        "second": 0.482,
        "interval": None,
    }
    with Image.open(tmp_path / "comparison.png") as picture:
        assert min(picture.size) > 400


def test_results_of_different_data_are_not_compared(results):
    other = replace(results[1], data=replace(results[1].data, images=5))
    with pytest.raises(DataError, match="was evaluated on different data"):
        compare(results[0], other)


def with_draws(result, draws):
    return replace(result, ap={"0.40": replace(result.ap["0.40"], draws=tuple(draws))})


def test_the_interval_is_that_of_the_difference_on_the_same_draws(results):
    """What is hard for both cancels out: the draws differ widely, their differences by nothing."""
    first = with_draws(results[0], np.linspace(0.1, 0.9, 101))
    second = with_draws(results[1], np.linspace(0.1, 0.9, 101) - 0.02)
    comparison = compare(first, second, ("a.tflite", "b.tflite"))
    np.testing.assert_allclose(comparison.overall[0].interval, (-0.02, -0.02), atol=1e-12)
    assert "At AP@0.40 a.tflite is better" in format_comparison(comparison)


def test_a_difference_that_may_be_chance_is_said_to_be_one(results):
    first = with_draws(results[0], np.full(101, 0.5))
    second = with_draws(results[1], np.linspace(0.45, 0.52, 101))
    text = format_comparison(compare(first, second))
    assert "4 images cannot tell the two apart at AP@0.40" in text


def test_other_labels_are_other_data(results):
    moved = replace(results[1], data=replace(results[1].data, digest="other"))
    with pytest.raises(DataError, match="different data or classes"):
        compare(results[0], moved)
