"""What was written is what is read, in every format: nothing lost, nothing added, parts apart."""

import shutil
import tempfile
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.data.readers.written_formats import (
    LOSES_NEGATIVES,
    NAMES,
    WRITERS,
    coco,
    darknet,
    labelme,
    voc,
    yolo,
)
from tinydet.data.dataset import available_splits, load_dataset
from tinydet.errors import DataError


@st.composite
def labelled_images(draw):
    """Part to images: name, (height, width), boxes (class, x_min, y_min, x_max, y_max) px."""
    parts = {}
    for part in draw(st.sampled_from([("train",), ("train", "val"), ("train", "val", "test")])):
        images = []
        for index in range(draw(st.integers(1, 3))):
            height, width = draw(st.integers(4, 40)), draw(st.integers(4, 40))
            boxes = {}
            for _ in range(draw(st.integers(0, 3))):
                x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
                x1, y1 = draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height))
                boxes[draw(st.integers(0, 2)), x0, y0, x1, y1] = None
            images.append((f"{part} {index}", (height, width), list(boxes)))
        parts[part] = images
    first = parts["train"][0]
    parts["train"][0] = (*first[:2], sorted({(0, 0, 0, 1, 1), *first[2]}))  # a label to recognise
    return parts


def as_read(dataset):
    return {
        sample.path.stem: sorted(
            (dataset.class_names[c], *np.round(box, 5).tolist())
            for c, box in zip(sample.class_ids, sample.boxes, strict=True)
        )
        for sample in dataset.samples
    }


def as_written(images, writer):
    return {
        name: sorted(
            (NAMES[c], *np.round(np.float32([x0 / w, y0 / h, x1 / w, y1 / h]), 5).tolist())
            for c, x0, y0, x1, y1 in boxes
        )
        for name, (h, w), boxes in images
        if boxes or writer not in LOSES_NEGATIVES
    }


@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=6, deadline=None)
@given(parts=labelled_images())
@example(parts={"train": [("first pixel alone", (9, 7), [(0, 0, 0, 1, 1)])]})  # 100 / 7 %
def test_what_was_written_is_read(writer, parts):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        writer(root, parts)
        written = {part: as_written(images, writer) for part, images in parts.items()}
        expected_parts = tuple(part for part, images in written.items() if images)
        assert available_splits(root) == tuple(parts)
        for part in expected_parts:
            assert as_read(load_dataset(root, split=part)) == written[part]
        everything = load_dataset(root)
        whole = {name: boxes for images in written.values() for name, boxes in images.items()}
        assert as_read(everything) == whole
        told = {"absent_classes", "moved_images", "moved_parts", "unlabelled_images"}
        told.add("unknown_sizes")  # two kinds of tables have none
        if writer in LOSES_NEGATIVES:
            told.add("unlisted_images")
        assert set(everything.findings.counts) <= told


@pytest.fixture
def example():
    return {
        "train": [("a", (10, 20), [(0, 1, 1, 6, 9), (2, 0, 0, 20, 10)]), ("b", (8, 8), [])],
        "val": [("c", (30, 10), [(1, 2, 3, 10, 30)])],
    }


@pytest.mark.parametrize("writer", WRITERS)
def test_a_zip_of_it_is_the_same(tmp_path, monkeypatch, example, writer):
    """Also where all lies in one folder inside of the zip; it is unpacked once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    writer(tmp_path / "in/set", example)
    path = Path(shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "in"))
    assert available_splits(path) == ("train", "val")
    assert as_read(load_dataset(path)) == as_read(load_dataset(tmp_path / "in/set"))
    [unpacked] = (tmp_path / "cache/tinydet/archives").iterdir()
    before = unpacked.stat().st_mtime_ns
    load_dataset(path, split="val")
    assert unpacked.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("name", "found"),
    [("../a.png", "leaves its folder"), ("/a.png", "leaves its folder"), ("C:/a", "leaves its")],
)
def test_a_zip_that_leaves_its_folder(tmp_path, monkeypatch, name, found):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(DataError, match=found):
        load_dataset(tmp_path / "a.zip")
    assert not (tmp_path / "cache").exists()


def test_a_zip_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tinydet.data.readers.archives.HARMLESS_BYTES", 1 << 16)
    with ZipFile(tmp_path / "a.zip", "w", compression=8) as archive:
        archive.writestr("a.png", bytes(1 << 20))
    with pytest.raises(DataError, match="would unpack to"):
        load_dataset(tmp_path / "a.zip")
    assert not (tmp_path / "cache").exists()


def test_a_damaged_zip(tmp_path, monkeypatch, example):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yolo(tmp_path / "set", example)
    path = Path(shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "set"))
    content = path.read_bytes()
    with ZipFile(path) as archive:
        info = next(i for i in archive.infolist() if i.filename.endswith(".png"))
    start = info.header_offset + 30 + len(info.filename)
    for damaged in (content[: len(content) // 2], content[:start] + b"xxxx" + content[start + 4 :]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="not a readable zip file"):
            load_dataset(path)
    assert not any((tmp_path / "cache").rglob("*.png"))


def test_archives_inside_are_told(tmp_path, monkeypatch, example):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yolo(tmp_path / "set", example)
    (tmp_path / "set/more.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    path = Path(shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "set"))
    assert load_dataset(path).findings.counts["inner_archives"] == 1


@pytest.mark.parametrize("second", [coco, voc, labelme])
def test_several_data_sets_are_joined_by_class_name(tmp_path, example, second):
    yolo(tmp_path / "one", {"train": example["train"]})
    second(tmp_path / "two", {"train": example["val"]})
    joined = load_dataset([tmp_path / "one", tmp_path / "two"])
    assert joined.class_names[:3] == NAMES
    images = [*example["train"], *example["val"]]
    assert as_read(joined) == as_written(images, second)
    chosen = load_dataset([tmp_path / "two", tmp_path / "one"], ["dog"])
    assert chosen.class_names == ("dog",)
    assert chosen.findings.counts["other_class_boxes"] == 2
    assert sum(len(sample.boxes) for sample in chosen.samples) == 1
    with pytest.raises(DataError, match="no class 'horse'"):
        load_dataset([tmp_path / "two", tmp_path / "one"], ["horse"])


def test_classes_by_number_cannot_be_joined(tmp_path, example):
    yolo(tmp_path / "one", {"train": example["train"]})
    darknet(tmp_path / "two", {"train": example["val"]})
    (tmp_path / "two/obj.names").unlink()
    with pytest.raises(DataError, match="without names"):
        load_dataset([tmp_path / "one", tmp_path / "two"])
    joined = load_dataset([tmp_path / "one", tmp_path / "two"], NAMES)
    assert as_read(joined) == as_written([*example["train"], *example["val"]], darknet)


def test_labels_whose_images_lie_elsewhere(tmp_path, example):
    for writer, labels in ((coco, "annotations/instances_train2017.json"), (voc, "Annotations")):
        root = tmp_path / writer.__name__
        writer(root, {"train": example["train"]})
        images = next(p for p in root.iterdir() if p.name in ("train", "JPEGImages"))
        images.rename(tmp_path / f"pictures of {writer.__name__}")
        dataset = load_dataset(
            root / labels, image_folder=tmp_path / f"pictures of {writer.__name__}"
        )
        assert as_read(dataset) == as_written(example["train"], writer)
