"""Pixel boxes land on the same spot of the upright image, however the image is stored."""

import json

import numpy as np
import pytest
from PIL import Image

from tinydet.data.dataset import load_dataset
from tinydet.data.images import read_image

SPOT = (slice(4, 9), slice(10, 26))  # rows, columns of the object in the upright picture
UPRIGHT = (20, 32)


def stored_picture(path, orientation):
    """Black upright picture with a white spot, stored so that EXIF turns it upright."""
    picture = np.zeros((*UPRIGHT, 3), np.uint8)
    picture[SPOT] = 255
    undo = {  # how the upright picture is stored (EXIF 2.32, tag 0x0112)
        1: lambda a: a,
        3: lambda a: a[::-1, ::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: a[:, ::-1].transpose(1, 0, 2),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: a[::-1].transpose(1, 0, 2),
    }[orientation]
    stored = np.ascontiguousarray(undo(picture))
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(path, exif=exif)
    return stored


def spot_xywh(pixels):
    """Box of the white pixels."""
    rows, columns = (np.flatnonzero(pixels[..., 0].any(axis=axis)) for axis in (1, 0))
    x, y = int(columns[0]), int(rows[0])
    return [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y]


def load(tmp_path, size, box):
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": size[0], "width": size[1]}],
        "categories": [{"id": 1, "name": "spot"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": box}],
    }
    if size == (0, 0):
        del content["images"][0]["height"]
    (tmp_path / "a.json").write_text(json.dumps(content))
    return load_dataset(tmp_path)


def assert_on_spot(dataset):
    sample = dataset.samples[0]
    height, width = read_image(sample.path).shape[:2]
    x, y, w, h = spot_xywh(read_image(sample.path))
    expected = [[x / width, y / height, (x + w) / width, (y + h) / height]]
    np.testing.assert_allclose(sample.boxes, expected, atol=1e-6)


@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 7, 8])
def test_labels_of_the_upright_image(tmp_path, orientation):
    stored_picture(tmp_path / "a.png", orientation)
    dataset = load(tmp_path, UPRIGHT, spot_xywh(read_image(tmp_path / "a.png")))
    assert_on_spot(dataset)
    assert dataset.findings.counts == {}


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_labels_of_the_stored_pixels_are_turned(tmp_path, orientation):
    stored = stored_picture(tmp_path / "a.png", orientation)
    dataset = load(tmp_path, stored.shape[:2], spot_xywh(stored))
    assert_on_spot(dataset)
    assert dataset.findings.counts == {"turned_labels": 1}


@pytest.mark.parametrize(
    ("size", "factor", "finding"),
    [
        ((0, 0), 1, "unknown_sizes"),
        (UPRIGHT[::-1], 1, "swapped_sizes"),
        ((UPRIGHT[0] * 3, UPRIGHT[1] * 3), 3, "other_sizes"),
    ],
)
def test_wrong_sizes_are_counted(tmp_path, size, factor, finding):
    stored = stored_picture(tmp_path / "a.png", 1)
    dataset = load(tmp_path, size, [v * factor for v in spot_xywh(stored)])
    assert_on_spot(dataset)
    assert dataset.findings.counts == {finding: 1}


def test_unreadable_image_does_not_stop_the_labels(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    dataset = load(tmp_path, (10, 20), [5, 2, 10, 4])
    np.testing.assert_allclose(dataset.samples[0].boxes, [[0.25, 0.2, 0.75, 0.6]], atol=1e-7)
