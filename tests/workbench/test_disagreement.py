"""Each object of a picture is in one of the kinds of disagreement, or in none."""

import numpy as np
import pytest

from tinydet.boxes import Detections
from tinydet.metrics.matching import GroundTruth
from tinydet.workbench.disagreement import disagreements

HERE, SHIFTED, AWAY = (0.1, 0.1, 0.5, 0.5), (0.1, 0.1, 0.5, 0.3), (0.6, 0.6, 0.9, 0.9)


def truth(*rows, ignored=False):
    boxes = np.array([box for _, box in rows], np.float32).reshape(-1, 4)
    ids = np.array([class_id for class_id, _ in rows], np.int64)
    return GroundTruth(boxes, ids, np.full(len(rows), ignored))


def found(*rows):
    labels = truth(*rows)
    return Detections(labels.boxes, np.full(len(rows), 0.9, np.float32), labels.class_ids)


@pytest.mark.parametrize(
    ("labels", "detections", "kinds"),
    [
        ([(0, HERE)], [(0, HERE)], []),
        ([(0, HERE)], [], ["missed"]),
        ([], [(0, HERE)], ["false"]),
        ([(0, HERE)], [(0, AWAY)], ["missed", "false"]),
        ([(0, HERE)], [(1, HERE)], ["mislabelled"]),
        ([(0, HERE)], [(1, HERE), (0, HERE)], []),
        ([(0, HERE)], [(0, (0.1, 0.1, 0.5, 0.25))], ["loose"]),
        ([(0, HERE)], [(0, SHIFTED)], []),  # IoU 0.5
        ([], [], []),
    ],
)
def test_kinds(labels, detections, kinds):
    assert [one.kind for one in disagreements(truth(*labels), found(*detections))] == kinds


def test_ignored_objects_are_neither_missed_nor_is_what_lies_in_them_false():
    crowd = truth((0, (0.0, 0.0, 1.0, 1.0)), ignored=True)
    assert disagreements(crowd, found((0, (0.1, 0.1, 0.2, 0.2)))) == []
    assert disagreements(crowd, found()) == []
