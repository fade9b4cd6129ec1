"""Networks that are no detectors are called what they are."""

import numpy as np
import pytest

from tinydet.inference.other_networks import appearance

RNG = np.random.default_rng(1)


def values(*shape):
    return RNG.normal(0, 2, shape).astype(np.float32)


def shares(*shape):
    return RNG.dirichlet(np.ones(shape[-1]), shape[:-1]).astype(np.float32)


@pytest.mark.parametrize(
    ("side", "outputs", "name"),
    [
        (640, [values(1, 84, 8400)], "YOLO v8 or v11 head with 80 classes"),
        (320, [values(1, 2100, 7)], "YOLO v8 or v11 head with 3 classes"),
        (640, [values(1, 25200, 85)], "YOLO v5 or v7 head with 80 classes"),
        (640, [values(1, 300, 6)], "YOLO v10"),
        (160, [shares(1, 20, 20, 3)], "FOMO grid of 20x20 cells with 2 classes"),
        (160, [values(1, 5, 5, 18)], "map of 5x5 cells"),
        (256, [shares(1, 256, 256, 21)], "segmentation, with 21 classes"),
        (224, [shares(1, 1001)], "classifier of 1001 classes"),
        (416, [values(1, 13, 13, 255), values(1, 26, 26, 255)], "raw heads on 2 maps"),
        (128, [values(1, 896, 16), values(1, 896, 1)], "BlazeFace"),
        (256, [values(1, 12276, 4), values(1, 12276, 3)], "MediaPipe Model Maker"),
        (300, [values(1, 1917, 4), values(1, 1917, 91)], "SSD with sigmoid scores"),
        (320, [values(1, 7, 7)], None),
        (320, [], None),
    ],
)
def test_by_the_shape_of_the_outputs(side, outputs, name):
    found = appearance([(1, side, side, 3)], outputs)
    assert found is None if name is None else name in found


def test_what_takes_no_image():
    assert appearance([(1, 640)], [values(1, 640)]) == "a network without an image input"
