"""Results as people read them."""

import json
from dataclasses import replace

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
COCO: AP 50.5, AP50 50.5, AP75 50.5; small -, medium 50.5, large -; recall 50.0"""

COMPARISON_TEXT = """\
AP in percent     float   int8   points
───────────────────────────────────────
AP@0.40            50.0   48.2     -1.8
AP@0.50            50.0   50.0     +0.0
AP@0.75            50.0   50.0     +0.0
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
    assert record["overall"][0] == {"name": "AP@0.40", "float_value": 0.5, "int8_value": 0.482}
    with Image.open(tmp_path / "comparison.png") as picture:
        assert min(picture.size) > 400


def test_results_of_different_data_are_not_compared(results):
    other = replace(results[1], data=replace(results[1].data, images=5))
    with pytest.raises(DataError, match="was evaluated on other data"):
        compare(results[0], other)
