"""A packed data set is the data set: same labels, parts and classes, smaller pictures."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.data.readers.written_formats import coco
from tinydet.commands.data import pack_data
from tinydet.data.dataset import load_dataset
from tinydet.data.images import read_image
from tinydet.errors import OutputError, UnsupportedError

PARTS = {
    "train": [("a", (60, 90), [(0, 1, 2, 31, 42), (2, 50, 10, 90, 60)]), ("b", (40, 40), [])],
    "val": [("c", (90, 30), [(1, 0, 0, 29, 88)])],
}


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    coco(tmp_path / "data", PARTS)
    return tmp_path / "data"


@pytest.mark.parametrize("split", [None, "train", "val"])
def test_the_pack_is_read_as_the_data_set(data, tmp_path, split):
    pack_data(data, tmp_path / "pack.zip", side=45)
    expected, packed = (
        load_dataset(data, None, split),
        load_dataset(tmp_path / "pack.zip", None, split),
    )
    assert packed.class_names == expected.class_names
    assert packed.splits == expected.splits
    assert len(packed) == len(expected)
    for one, other in zip(expected.samples, packed.samples, strict=True):
        np.testing.assert_allclose(other.boxes, one.boxes, atol=1e-6)
        np.testing.assert_array_equal(other.class_ids, one.class_ids)
        np.testing.assert_array_equal(other.ignored, one.ignored)
        before, after = read_image(one.path).shape, read_image(other.path).shape
        assert max(after) == min(45, max(before))


def test_ignored_boxes_stay_ignored(data, tmp_path):
    annotations = data / "annotations/instances_val2017.json"
    content = annotations.read_text().replace('"image_id": 0', '"iscrowd": 1, "image_id": 0')
    annotations.write_text(content)
    pack_data(data, tmp_path / "pack.zip", split="val")
    assert load_dataset(tmp_path / "pack.zip").samples[0].ignored.tolist() == [True]


def test_pictures_are_close_to_what_training_decodes(data, tmp_path):
    gradient = np.add.outer(np.arange(60) * 2, np.arange(90)).astype(np.uint8)
    Image.fromarray(np.stack([gradient] * 3, -1)).save(data / "train/a.png")
    pack_data(data, tmp_path / "pack.zip", side=45, split="train")
    expected = read_image(data / "train/a.png", 45).astype(int)
    packed = load_dataset(tmp_path / "pack.zip").samples[0]
    assert np.abs(read_image(packed.path) - expected).mean() < 2


def test_the_same_data_give_the_same_file(data, tmp_path):
    for name in ("one.zip", "two.zip"):
        pack_data(data, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_an_unreadable_image_is_left_out_and_named(data, tmp_path):
    (data / "train/a.png").write_bytes(b"no picture")
    packed = pack_data(data, tmp_path / "pack.zip")
    assert packed.exit_status == 2
    assert "a.png" in str(packed)
    assert packed.images == {"train": 1, "val": 1}
    with zipfile.ZipFile(packed.path) as archive:
        stored = [name for name in archive.namelist() if name.endswith(".jpg")]
    assert stored == ["train/000000.jpg", "val/000000.jpg"]


@pytest.mark.parametrize(
    ("name", "options"), [("pack", {}), ("pack.zip", {"side": 8}), ("pack.zip", {"quality": 100})]
)
def test_what_makes_no_sense_is_refused(data, tmp_path, name, options):
    with pytest.raises(UnsupportedError):
        pack_data(data, tmp_path / name, **options)


def test_no_file_is_overwritten(data, tmp_path):
    (tmp_path / "pack.zip").write_text("precious")
    with pytest.raises(OutputError, match="exists"):
        pack_data(data, tmp_path / "pack.zip")
    assert (tmp_path / "pack.zip").read_text() == "precious"
