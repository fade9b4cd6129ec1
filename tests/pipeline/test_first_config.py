"""Anchors of a new configuration follow the objects of the data set."""

import numpy as np
import pytest
from PIL import Image

from tinydet.anchors import make_anchors
from tinydet.boxes import iou_matrix
from tinydet.commands.init import init
from tinydet.config.loader import load_config
from tinydet.data.dataset import load_dataset
from tinydet.pipeline.first_config import INPUT_SIZE, anchors_for


@pytest.fixture
def labelled(tmp_path):
    """Write 40 images, each with a square object of the given sides in turn."""

    def write(*sides):
        for kind in ("images", "labels"):
            (tmp_path / "data" / kind).mkdir(parents=True)
        for index in range(40):
            Image.new("RGB", (96, 96)).save(tmp_path / "data" / "images" / f"{index}.png")
            side = sides[index % len(sides)] if sides else 0
            line = f"0 {0.3 + index / 100} 0.5 {side} {side}\n" if sides else ""
            (tmp_path / "data" / "labels" / f"{index}.txt").write_text(line)
        (tmp_path / "data" / "data.yaml").write_text("train: images\nnames: [thing]\n")
        return tmp_path / "data"

    return write


@pytest.mark.parametrize(
    ("sides", "side_px", "expected"),
    [
        ((0.3, 0.5), 192, "published"),
        ((0.08,), 192, "compact"),
        ((0.08, 0.4), 192, "compact"),
        ((0.06,), 416, "published"),  # where the published anchors begin at 6 %
        ((0.14, 0.4), 192, "wide"),
        ((), 192, "wide"),
    ],
)
def test_objects_take_the_anchors_that_fit_them(labelled, sides, side_px, expected):
    dataset = load_dataset(labelled(*sides))
    assert anchors_for(dataset, side_px, side_px) == expected
    boxes = np.concatenate([sample.boxes for sample in dataset.samples])
    if expected == "published":  # nearly all objects have ten anchors near them
        overlaps = np.sort(iou_matrix(boxes, make_anchors(side_px, side_px)), axis=1)
        assert np.quantile(overlaps[:, -10], 0.1) >= 0.4


@pytest.mark.parametrize(("side", "name"), [(0.4, "published"), (0.08, "compact")])
def test_init_writes_the_choice(labelled, tmp_path, side, name):
    path = init(labelled(side), tmp_path / "user_config.yaml").path
    assert f"    anchors: {name}" in path.read_text(encoding="utf-8")
    loaded = load_config(path)
    assert not loaded.warnings
    assert loaded.config.training.model.input_shape[:2] == INPUT_SIZE
