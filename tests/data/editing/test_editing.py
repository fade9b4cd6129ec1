"""What was changed in the editor is what the readers read; what was not, stays."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.data.readers.test_every_format import as_read, labelled_images
from tests.data.readers.written_formats import (
    coco,
    cvat,
    darknet,
    labelme,
    picture,
    text,
    voc,
    voc_beside,
    yolo,
)
from tinydet.data.dataset import load_dataset
from tinydet.data.editing import EditableBox, open_editor, version_of
from tinydet.errors import DataError, UnsupportedError

EDITABLE = (yolo, darknet, coco, voc, voc_beside, labelme)


def shown(boxes):
    return sorted((b.class_name, *np.round(np.float32(b.box), 5).tolist()) for b in boxes)


@st.composite
def edits(draw, before, size, names):
    """Some of the objects deleted, renamed, moved; some new ones. Boxes in whole pixels."""
    height, width = size
    after = []

    def whole_pixels():
        x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        x1, y1 = draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height))
        return x0 / width, y0 / height, x1 / width, y1 / height

    for box in before:
        fate = draw(st.sampled_from(["keep", "delete", "rename", "move", "both"]))
        if fate in ("rename", "both"):
            box = replace(box, class_name=draw(st.sampled_from(names)))
        if fate in ("move", "both"):
            box = replace(box, box=whole_pixels())
        if fate != "delete":
            after.append(box)
    for _ in range(draw(st.integers(0, 2))):
        after.append(EditableBox(None, draw(st.sampled_from(names)), whole_pixels()))
    unique = {(box.class_name, box.box): box for box in after}
    return list(unique.values())


@pytest.mark.parametrize("writer", EDITABLE)
@settings(max_examples=8, deadline=None)
@given(parts=labelled_images(), data=st.data())
def test_what_was_changed_is_what_is_read(writer, parts, data):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        writer(root, parts)
        before = load_dataset(root)
        editor = open_editor(root, before)
        files = {f: f.read_bytes() for f in root.rglob("*") if f.is_file()}
        expected = as_read(before)
        used = {name for rows in expected.values() for name, *_ in rows}
        for sample in before.samples:
            objects = editor.read(sample.path)
            assert shown(objects) == expected[sample.path.stem]
            with Image.open(sample.path) as image:
                size = image.size[::-1]
            wanted = data.draw(edits(objects, size, sorted(used)))
            editor.replace(sample.path, wanted, version_of(objects))
            assert shown(editor.read(sample.path)) == shown(wanted)
            expected[sample.path.stem] = shown(wanted)
        if not any(expected.values()):
            return  # without any object a format cannot be told
        assert as_read(load_dataset(root)) == expected
        backups = editor.backups.folder
        for file, content in files.items():
            copy = backups / f"{file.relative_to(root)}.bak"
            assert content in {file.read_bytes(), copy.read_bytes() if copy.exists() else None}


def one_image(root, line):
    picture(root / "images" / "a.png", (10, 20))
    text(root / "labels" / "a.txt", line)
    text(root / "data.yaml", "train: images\nkpt_shape: [1, 3]\nnames: [cat, dog]\n")
    return root / "images" / "a.png"


def test_keypoints_follow_their_box_and_lines_that_stay_are_not_rewritten(tmp_path):
    image = one_image(tmp_path, "0 0.5 0.5 0.2 0.2 0.5 0.5 2\n\n1 .25 .25 1e-1 .1 0.25 0.25 1\n")
    editor = open_editor(tmp_path, load_dataset(tmp_path))
    first, second = editor.read(image)
    assert (first.shape, second.shape) == ("keypoints", "keypoints")
    moved = replace(first, box=(0.1, 0.1, 0.5, 0.5))
    editor.replace(image, [moved, second], version_of([first, second]))
    lines = (tmp_path / "labels" / "a.txt").read_text().splitlines()
    assert lines == [
        "0 0.3 0.3 0.4 0.4 0.5 0.5 2",
        "",
        "1 .25 .25 1e-1 .1 0.25 0.25 1",
    ]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"class_name": "bird"}, "there is no class 'bird'"),
        ({"box": (0.2, 0.2, 0.2, 0.4)}, "has no area"),
        ({"box": (0.2, float("nan"), 0.3, 0.4)}, "not four finite numbers"),
        ({"key": 7}, "there is no object 7"),
        ({"box": (0.1, 0.1, 0.3, 0.4), "ignored": True}, "cannot mark ignored"),
    ],
)
def test_what_is_not_valid_is_refused_and_nothing_is_written(tmp_path, change, found):
    image = one_image(tmp_path, "0 0.5 0.5 0.2 0.2 0.5 0.5 2\n")
    editor = open_editor(tmp_path, load_dataset(tmp_path))
    boxes = editor.read(image)
    before = (tmp_path / "labels" / "a.txt").read_bytes()
    with pytest.raises(DataError, match=found):
        editor.replace(image, [replace(boxes[0], **change)], version_of(boxes))
    assert (tmp_path / "labels" / "a.txt").read_bytes() == before


def test_a_change_of_another_program_is_never_overwritten(tmp_path):
    image = one_image(tmp_path, "0 0.5 0.5 0.2 0.2 0.5 0.5 2\n")
    editor = open_editor(tmp_path, load_dataset(tmp_path))
    boxes = editor.read(image)
    text(tmp_path / "labels" / "a.txt", "1 0.5 0.5 0.2 0.2 0.5 0.5 2\n")
    with pytest.raises(DataError, match="changed by another program"):
        editor.replace(image, [], version_of(boxes))
    assert (tmp_path / "labels" / "a.txt").read_text().startswith("1 ")


def test_labels_of_unturned_pixels_are_written_on_unturned_pixels(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the stored top is seen at the right
    (tmp_path / "train").mkdir()
    Image.new("RGB", (40, 20)).save(tmp_path / "train" / "a.jpg", exif=exif)
    entry = {"id": 1, "file_name": "a.jpg", "height": 20, "width": 40}
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10]}
    content = {"images": [entry], "annotations": [annotation]}
    content["categories"] = [{"id": 1, "name": "cat"}]
    text(tmp_path / "train.json", json.dumps(content))
    dataset = load_dataset(tmp_path)
    editor = open_editor(tmp_path, dataset)
    image = dataset.samples[0].path
    boxes = editor.read(image)
    new = EditableBox(None, "cat", (0.25, 0.5, 0.75, 1.0))
    editor.replace(image, [*boxes, new], version_of(boxes))
    assert shown(editor.read(image)) == shown([*boxes, new])
    assert json.loads((tmp_path / "train.json").read_text())["annotations"][0] == annotation


def test_what_is_only_read_is_named(tmp_path):
    cvat(tmp_path, {"train": [("a", (8, 8), [(0, 0, 0, 4, 4)])]})
    with pytest.raises(UnsupportedError, match=r"CVAT.*only be looked at"):
        open_editor(tmp_path, load_dataset(tmp_path))
