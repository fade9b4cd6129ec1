"""A detector that knows its images by their colour, so that every figure can be worked out."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from tinydet.config.detector_spec import DetectorSpec
from tinydet.data.dataset import Dataset, Sample
from tinydet.data.findings import Findings
from tinydet.inference.decoding import spec_anchors

CLASS_NAMES = ("cat", "dog", "bird")
# Objects as (box, class, ignored); detections as (box, class, score).
A, B, C = (0.125, 0.25, 0.5, 0.5), (0.5, 0.5, 1.0, 0.75), (0.0, 0.0, 0.25, 0.875)
SCENES = [
    ([(A, 0, False), (B, 1, False)], [(A, 0, 0.75), (B, 1, 0.5)]),
    ([(A, 0, False)], [(C, 0, 0.625)]),
    ([(B, 1, False), (C, 1, True)], [(B, 0, 0.25), (C, 1, 0.875)]),
    ([], []),
]


@dataclass
class ColourDetector:
    """Finds what ``found`` lists for the grey value of the image's middle, times 16."""

    found: list
    name: str = "fake_model.tflite"
    spec: DetectorSpec = field(default_factory=lambda: DetectorSpec(class_names=CLASS_NAMES))

    def outputs(self, images_u8):
        anchors = spec_anchors(self.spec)
        scores = np.zeros((len(images_u8), len(anchors), 1 + self.spec.num_classes), np.float32)
        boxes = np.tile(anchors, (len(images_u8), 1, 1))
        for i, image in enumerate(images_u8):
            scene = self.found[image[96, 96, 0] // 16]
            for place, (box, class_id, score) in enumerate(scene):
                scores[i, place, 1 + class_id] = score
                boxes[i, place] = box
        return scores, boxes


@pytest.fixture
def scenes(tmp_path):
    """``(detector, dataset)`` of ``SCENES``, images of different shapes."""
    samples = []
    for index, (objects, _) in enumerate(SCENES):
        path = tmp_path / "images" / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        grey = np.full((120 + 40 * index, 200, 3), 16 * index + 8, np.uint8)
        Image.fromarray(grey).save(path)
        samples.append(
            Sample(
                path,
                np.array([box for box, _, _ in objects], np.float32).reshape(-1, 4),
                np.array([class_id for _, class_id, _ in objects], np.int64),
                np.array([ignored for _, _, ignored in objects], np.bool_),
            )
        )
    dataset = Dataset(CLASS_NAMES, tuple(samples), "YOLO", Findings())
    return ColourDetector([found for _, found in SCENES]), dataset


@pytest.fixture
def evaluate_scenes(scenes, tmp_path):
    """Evaluate ``SCENES``; keyword arguments go to ``evaluate``."""
    from tinydet.evaluation import evaluate

    def call(**options):
        detector, dataset = scenes
        defaults = {
            "model_path": tmp_path / "fake_model.tflite",
            "data_path": tmp_path / "images",
            "run_folder": None,
        }
        return evaluate(detector, dataset, **(defaults | options))

    return call
