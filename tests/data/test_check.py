"""The check counts what is there, lists what cannot be read, and draws it."""

import json

import numpy as np
import pytest
from PIL import Image

from tinydet.data.check import check_dataset, format_check
from tinydet.data.dataset import load_dataset
from tinydet.errors import OutputError


@pytest.fixture
def dataset(tmp_path, writers):
    """Five images: two boxes, a negative, a copy, a fake and a truncated one."""
    root = tmp_path / "set"
    boxes = [(0, 10, 10, 40, 20, False), (2, 0, 0, 200, 100, False)]
    for name, labels in (("a", boxes), ("b", []), ("fake", boxes[:1]), ("cut", [])):
        labelled = writers.Labelled(name, (100, 200), labels)
        writers.picture(root / f"{name}.png", labelled.size, seed=len(name))
        writers.text(root / f"{name}.txt", writers.yolo_text(labelled))
    (root / "copy.PNG").write_bytes((root / "a.png").read_bytes())
    (root / "copy.txt").write_text("0 0.5 0.5 0.25 0\n")
    (root / "fake.png").write_text("no image")
    (root / "cut.png").write_bytes((root / "cut.png").read_bytes()[:3000])
    (root / "b.png").unlink()
    writers.picture(root / "b.png", (100, 200), seed=9)
    return load_dataset(root, ["cat", "dog", "owl"])


def test_report(dataset):
    report = check_dataset(dataset)
    root = dataset.samples[0].path.parent
    assert (report["images"], report["boxes"], report["negatives"]) == (5, 3, 3)
    assert report["classes"] == [
        {"name": "cat", "boxes": 2, "ignored": 0, "images": 2},
        {"name": "dog", "boxes": 0, "ignored": 0, "images": 0},
        {"name": "owl", "boxes": 1, "ignored": 0, "images": 1},
    ]
    assert [u["path"] for u in report["unreadable"]] == [
        str(root / "cut.png"),
        str(root / "fake.png"),
    ]
    assert report["unreadable"][1]["fault"].startswith("is not an image of a known format")
    assert report["duplicate_images"] == [[str(root / "a.png"), str(root / "copy.PNG")]]
    assert {f["kind"]: f["count"] for f in report["findings"]} == {
        "zero_area_boxes": 1,
        "absent_classes": 1,
    }
    sizes = report["box_sizes"]
    assert (sizes["small"], sizes["medium"], sizes["large"]) == (1, 0, 1)
    assert sizes["relative_width"]["0"] == 0.15
    assert sizes["relative_height"]["0"] == 0.1
    assert sizes["sqrt_area_px"]["1"] == round(20000**0.5, 4)
    assert report["image_sizes"]["height_px"]["1"] == 100


def test_text(dataset):
    text = format_check(check_dataset(dataset))
    assert text.splitlines()[0] == "YOLO: 5 images, 3 boxes (0 ignored), 3 images without a box"
    assert "\n      1  boxes without area, dropped\n" in text
    assert "\n      2  unreadable images\n" in text
    assert "\n      1  groups of images with the same pixels\n" in text


def test_files(dataset, tmp_path):
    output = tmp_path / "out"
    report = check_dataset(dataset, output)
    assert json.loads((output / "check.json").read_text()) == report
    assert sorted(p.name for p in output.iterdir()) == [
        "box_sizes.png",
        "check.json",
        "class_histogram.png",
        "samples.png",
    ]
    with Image.open(output / "samples.png") as image:
        assert image.width > 400
    for name in ("box_sizes.png", "class_histogram.png"):
        with Image.open(output / name) as image:
            assert np.asarray(image.convert("L")).std() > 5


def test_data_without_boxes_and_with_odd_names(tmp_path, writers):
    writers.flat(tmp_path / "set", [writers.Labelled("a$b", (20, 30))])
    dataset = load_dataset(tmp_path / "set", ["a$x$", "猫"])
    report = check_dataset(dataset, tmp_path / "out")
    assert report["box_sizes"] is None
    assert (tmp_path / "out" / "samples.png").is_file()
    assert format_check(report).startswith("YOLO: 1 images, 0 boxes")


def test_only_unreadable_images(tmp_path, writers):
    writers.flat(tmp_path / "set", [writers.Labelled("a", (20, 30))])
    (tmp_path / "set" / "a.png").write_bytes(b"")
    report = check_dataset(load_dataset(tmp_path / "set"), tmp_path / "out")
    assert report["unreadable"][0]["fault"].startswith("is an empty file")
    assert report["duplicate_images"] == []
    assert not (tmp_path / "out" / "samples.png").exists()


def test_output_that_cannot_be_written(dataset, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        check_dataset(dataset, tmp_path / "file" / "out")


def test_a_jpeg_without_its_end_is_counted(tmp_path, writers):
    writers.picture(tmp_path / "a.jpg", (40, 60))
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[:-2])
    writers.text(tmp_path / "a.txt", "0 0.5 0.5 0.5 0.5\n")
    for most_decoded in (None, 0):
        report = check_dataset(load_dataset(tmp_path), most_decoded=most_decoded)
        assert report["unreadable"] == []
        assert [f["kind"] for f in report["findings"]] == ["mended_images"]


@pytest.mark.parametrize("most_decoded", [None, 1])
def test_shared_images_are_found_without_decoding_too(tmp_path, writers, most_decoded):
    """Of a large set most headers are read only: files of equal bytes are found all the same."""
    for part in ("train", "val"):
        for index in range(4):
            path = tmp_path / "images" / part / f"{part}{index}.png"
            writers.picture(
                path, (20, 30), seed=index if index > 1 else 100 + 10 * index + len(part)
            )
            writers.text(tmp_path / "labels" / part / f"{path.stem}.txt", "0 0.5 0.5 0.5 0.5\n")
    report = check_dataset(load_dataset(tmp_path), most_decoded=most_decoded)
    assert {f["kind"]: f["count"] for f in report["findings"]} == {"shared_images": 2}
