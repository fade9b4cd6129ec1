"""The generated set: labels that fit the pixels, the same bytes for a seed, a safe folder."""

import itertools
import json

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tinydet.data.generate import CLASS_NAMES, generate_dataset
from tinydet.data.generate.scene import (
    LEAST_VISIBLE,
    Scene,
    compose,
    make_scene,
    visible_boxes,
)
from tinydet.errors import DataError, OutputError, UnsupportedError

EXIF_ORIENTATION = 0x0112


def tree_bytes(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "set"
    generate_dataset(folder, images=60, seed=3)
    return folder


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(100, 300), st.integers(100, 300), st.integers(1, 4))
def test_box_is_where_the_image_changes_when_the_object_goes(seed, height, width, num_objects):
    """Independent of the label code: leave one object out, see which pixels differ.

    An object in front of it is painted over both, so the difference is the visible part. The box
    is no larger than it; of the difference only slivers lie outside, where less than half of a
    pixel shows the object: the soft edge, the point of a star, the rim of what is in front.
    """
    scene = make_scene(height, width, num_objects, np.random.default_rng(seed))
    image, owner = compose(scene)
    boxes = visible_boxes(owner, len(scene.objects)) * [width, height, width, height]
    for i, box in enumerate(boxes):
        others = (*scene.objects[:i], *scene.objects[i + 1 :])
        without, _ = compose(Scene(height, width, scene.background_seed, others))
        difference = np.abs(image.astype(int) - without).sum(axis=2)
        rows, columns = np.nonzero(difference > 0)
        extent = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert (extent - box)[:2].max() < 1.01
        assert (box - extent)[2:].max() < 1.01
        pixels = np.stack([columns + 0.5, rows + 0.5], axis=1)
        outside = ((pixels < box[:2] - 1) | (pixels > box[2:] + 1)).any(axis=1)
        assert np.count_nonzero(outside) <= max(8, 0.03 * len(pixels))


def test_boxes_fit_the_pixels_closely_on_average():
    """On flat contrast nothing hides an edge: the mean error is well below a pixel."""
    errors = []
    for seed in range(30):
        scene = make_scene(240, 320, 2, np.random.default_rng(seed))
        image, owner = compose(scene)
        last = len(scene.objects) - 1
        without, _ = compose(Scene(240, 320, scene.background_seed, scene.objects[:-1]))
        difference = np.abs(image.astype(int) - without).sum(axis=2)
        rows, columns = np.nonzero(difference > 60)
        extent = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        errors.append(extent - visible_boxes(owner, last + 1)[last] * [320, 240, 320, 240])
    assert np.abs(np.median(errors, axis=0)).max() <= 0.5
    assert np.abs(errors).mean() < 0.6


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_every_object_is_visible_enough(seed):
    scene = make_scene(240, 320, 4, np.random.default_rng(seed))
    _, owner = compose(scene)
    for i, thing in enumerate(scene.objects):
        # Alone, and in the middle of an image large enough to hold it.
        x, y = thing.centre_px
        side = int(4 * thing.radius_px)
        shifted = type(thing)(
            thing.class_id,
            (x % 1 + side // 2, y % 1 + side // 2),
            thing.radius_px,
            thing.angle,
            thing.seed,
        )
        _, alone = compose(Scene(side, side, 0, (shifted,)))
        assert np.count_nonzero(owner == i) >= LEAST_VISIBLE * np.count_nonzero(alone == 0)


def test_same_seed_gives_the_same_bytes(tmp_path):
    generate_dataset(tmp_path / "a", images=24, seed=5)
    generate_dataset(tmp_path / "b", images=24, seed=5)
    generate_dataset(tmp_path / "c", images=24, seed=6)
    first, second, third = (tree_bytes(tmp_path / name) for name in "abc")
    assert first == second
    assert sum(first[name] == third[name] for name in first if name.endswith("jpg")) == 0


def test_more_images_leave_the_first_ones_alone(tmp_path):
    generate_dataset(tmp_path / "a", images=10)
    generate_dataset(tmp_path / "b", images=15)
    few, many = tree_bytes(tmp_path / "a"), tree_bytes(tmp_path / "b")
    assert all(many[name] == few[name] for name in few if name.startswith(("images", "labels")))


def test_layout_and_contents(generated):
    """Every image has a label file; all classes, empty, gray, turned and PNG images are there."""
    content = yaml.safe_load((generated / "data.yaml").read_text())
    assert content["names"] == dict(enumerate(CLASS_NAMES))
    kinds, class_ids = set(), set()
    for split, count in (("train", 48), ("val", 12)):
        assert content[split] == f"images/{split}"
        images = sorted((generated / "images" / split).iterdir())
        labels = sorted((generated / "labels" / split).iterdir())
        assert [p.stem for p in images] == [p.stem for p in labels]
        assert len(images) == count
        for path, label in zip(images, labels, strict=True):
            rows = [line.split() for line in label.read_text().splitlines()]
            class_ids |= {int(row[0]) for row in rows}
            for x, y, w, h in (map(float, row[1:]) for row in rows):
                assert min(x - w / 2, y - h / 2) >= -1e-6
                assert max(x + w / 2, y + h / 2) <= 1 + 1e-6
                assert max(w, h) > 0.05
            with Image.open(path) as picture:
                kinds |= {path.suffix, picture.mode, f"{len(rows)} objects"}
                if picture.getexif().get(EXIF_ORIENTATION, 1) != 1:
                    kinds.add("turned")
    assert class_ids == set(range(len(CLASS_NAMES)))
    assert {".jpg", ".png", "RGB", "L", "turned", "0 objects", "1 objects"} <= kinds
    assert "4 objects" in kinds
    assert json.loads((generated / "generated.json").read_text())["seed"] == 3


def test_turned_images_are_upright_when_the_tag_is_followed(tmp_path, monkeypatch):
    """The pixels a viewer shows are those of the same image stored without a turn."""
    from tinydet.data import generate

    generate_dataset(tmp_path / "turned", images=36, seed=1)
    monkeypatch.setattr(generate, "TURNED_EVERY", 10**9)
    generate_dataset(tmp_path / "plain", images=36, seed=1)
    seen = 0
    for path in (tmp_path / "turned" / "images").rglob("*.jpg"):
        with Image.open(path) as picture:
            if picture.getexif().get(EXIF_ORIENTATION, 1) == 1:
                continue
            upright = np.array(ImageOps.exif_transpose(picture).convert("RGB"), int)
        with Image.open(tmp_path / "plain" / path.relative_to(tmp_path / "turned")) as plain:
            expected = np.array(plain.convert("RGB"), int)
        assert upright.shape == expected.shape
        assert np.abs(upright - expected).mean() < 6
        seen += 1
    assert seen == 2


def test_size_is_followed(tmp_path):
    generate_dataset(tmp_path / "a", images=3, size_px=(96, 160), val_share=0)
    for path in (tmp_path / "a" / "images" / "train").iterdir():
        with Image.open(path) as picture:
            assert picture.size == (160, 96)
    assert not list((tmp_path / "a" / "images" / "val").iterdir())


def test_own_set_is_replaced_and_others_are_not(tmp_path):
    """An older generated set makes way; a folder with anything else is refused and untouched."""
    generate_dataset(tmp_path / "a", images=6)
    generate_dataset(tmp_path / "a", images=2)
    assert len(list((tmp_path / "a" / "images").rglob("*.jpg"))) == 2
    (tmp_path / "a" / "notes.txt").write_text("mine")
    before = tree_bytes(tmp_path / "a")
    with pytest.raises(DataError, match="something that was not generated here"):
        generate_dataset(tmp_path / "a", images=3)
    assert tree_bytes(tmp_path / "a") == before
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(DataError, match="not generated here"):
        generate_dataset(tmp_path / "a", images=1)


def test_stopped_generation_leaves_nothing(tmp_path, monkeypatch):
    from tinydet.data import generate

    calls = itertools.count()

    def fail(*args):
        if next(calls) == 3:
            raise OSError(28, "No space left on device")
        return original(*args)

    original = generate._write_sample
    monkeypatch.setattr(generate, "_write_sample", fail)
    with pytest.raises(OutputError, match=r"a: cannot be written \(No space left on device\)"):
        generate_dataset(tmp_path / "a", images=6)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"images": 0}, "images: 0 is not supported"),
        ({"size_px": (32, 320)}, r"size_px: \(32, 320\) is not supported"),
        ({"seed": -1}, "seed: -1 is not supported"),
        ({"val_share": 1.0}, r"val_share: 1\.0 is not supported"),
    ],
)
def test_arguments_out_of_range_are_named(tmp_path, arguments, complaint):
    with pytest.raises(UnsupportedError, match=complaint):
        generate_dataset(tmp_path / "a", **arguments)
    assert list(tmp_path.iterdir()) == []
