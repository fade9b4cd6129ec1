"""Lines that a firmware prints."""

from types import SimpleNamespace

import numpy as np
import pytest

from tinydet.targets.firmware_project import detection_lines, read_report


def test_a_report_needs_a_firmware_that_came_to_its_end():
    with pytest.raises(ValueError, match="no detections"):
        read_report("self-test passed: 3 operators\n")


def test_lines_round_to_the_nearest_pixel():
    detections = SimpleNamespace(
        boxes=np.array([[0.1, 0.25, 0.5, 1.0]], np.float32),
        scores=np.array([0.8755], np.float32),
        class_ids=np.array([0]),
    )
    assert detection_lines(detections, ["cat"], 10, 99) == ["cat 87.6 % (10, 3) - (50, 10)"]
