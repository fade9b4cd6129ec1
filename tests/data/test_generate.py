"""The generated set: labels that fit the pixels, the same bytes for a seed, a safe folder."""

import itertools
import json
from dataclasses import replace

import cv2
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


def footprints(scene):
    """Where painting each object changed the picture: ``[H, W]`` uint8 0 or 1 each."""
    found = []
    before, _ = compose(replace(scene, objects=()))
    for count in range(1, len(scene.objects) + 1):
        after, _ = compose(replace(scene, objects=scene.objects[:count]))
        found.append((after != before).any(axis=2).astype(np.uint8))
        before = after
    return found


def eroded(mask):
    """Less a rim of two pixels, also at the edge of the image."""
    return cv2.erode(mask, np.ones((5, 5), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)


def extent_px(mask):
    rows, columns = np.nonzero(mask)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(100, 300), st.integers(100, 300), st.integers(1, 4))
def test_box_is_where_the_image_changes_when_the_object_comes(seed, height, width, num_objects):
    """Independent of the label code: paint the objects one by one and see which pixels change.

    What certainly is visible (the changed pixels less their soft edge, less what later objects
    change) lies in the box; the box lies in what can be visible (the changed pixels, less the
    core of what later objects change).
    """
    scene = make_scene(height, width, num_objects, np.random.default_rng(seed))
    _, owner = compose(scene)
    boxes = visible_boxes(owner, len(scene.objects)) * [width, height, width, height]
    prints = footprints(scene)
    around = np.ones((3, 3), np.uint8)
    for i, box in enumerate(boxes):
        certain, possible = eroded(prints[i]), prints[i].copy()
        for later in prints[i + 1 :]:
            certain[cv2.dilate(later, around) > 0] = 0
            possible[eroded(later) > 0] = 0
        if certain.any():
            inner = extent_px(certain)
            assert (inner[:2] >= box[:2] - 0.01).all()
            assert (inner[2:] <= box[2:] + 0.01).all()
        outer = extent_px(possible)
        assert (outer[:2] <= box[:2] + 0.01).all()
        assert (outer[2:] >= box[2:] - 0.01).all()


def test_boxes_of_unhidden_objects_are_exact():
    """The soft edge has half of its change inside: the median error is at most half a pixel."""
    errors = []
    for seed in range(30):
        scene = make_scene(240, 320, 2, np.random.default_rng(seed))
        image, owner = compose(scene)
        without, _ = compose(replace(scene, objects=scene.objects[:-1]))
        difference = np.abs(image.astype(int) - without).sum(axis=2)
        last = len(scene.objects) - 1
        box = visible_boxes(owner, last + 1)[last] * [320, 240, 320, 240]
        errors.append(extent_px(difference > 60) - box)
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
        shifted = replace(thing, centre_px=(x % 1 + side // 2, y % 1 + side // 2))
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
    with pytest.raises(DataError, match="files that tinydet did not generate"):
        generate_dataset(tmp_path / "a", images=3)
    assert tree_bytes(tmp_path / "a") == before
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(DataError, match="tinydet did not generate"):
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
