"""Any files as people bring them: read as they are meant, or refused in one true sentence.

Each test makes its own input, a member of a kind of faults that public bug reports are about.
"""

import json
import os
import shutil
import time

import pytest

from tests.data.readers.brought import FRACTIONS, YOLO_LINE, boxes_of, picture
from tinydet.data.check import check_dataset, format_check
from tinydet.data.dataset import load_dataset
from tinydet.errors import DataError


def test_control_characters_do_not_reach_the_terminal(tmp_path, writers):
    name = "x\x1b]0;owned\x07\x1b[31mred.png"
    picture(writers, tmp_path, name)
    (tmp_path / "a.png").write_bytes(b"no image")
    writers.text(tmp_path / "a.txt", YOLO_LINE)
    writers.text(tmp_path / "classes.txt", "b\x1b[31mll\n")
    text = format_check(check_dataset(load_dataset(tmp_path)))
    assert all(line.isprintable() for line in text.splitlines())
    assert "x\\x1b]0;owned" in text


def test_a_huge_label_file_is_not_repeated(tmp_path, writers):
    picture(writers, tmp_path, "a.png", "b.png")
    writers.text(tmp_path / "b.txt", YOLO_LINE)
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(200 << 20)  # NUL bytes that take no room
    start = time.process_time()
    with pytest.raises(DataError, match=r"a\.txt: has 200 MiB") as caught:
        load_dataset(tmp_path)
    assert len(str(caught.value)) < 1000
    assert time.process_time() - start < 5


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_named_pipes_do_not_hang(tmp_path, writers):
    picture(writers, tmp_path, "b.png")
    os.mkfifo(tmp_path / "a.png")
    os.mkfifo(tmp_path / "b.txt")
    writers.text(tmp_path / "a.txt", YOLO_LINE)
    with pytest.raises(DataError, match=r"b\.txt: is a named pipe"):
        load_dataset(tmp_path)
    (tmp_path / "b.txt").unlink()
    report = check_dataset(load_dataset(tmp_path))
    assert [u["fault"] for u in report["unreadable"]] == ["is a named pipe, not a file"]


def test_a_folder_that_may_not_be_read(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    with pytest.raises(DataError, match=r"Permission denied\)\. Correct its permissions"):
        load_dataset(tmp_path)


def test_names_that_are_no_utf8(tmp_path, writers):
    folder = os.fsencode(tmp_path) + b"/\xff\xfe set"
    os.mkdir(folder)
    root = type(tmp_path)(os.fsdecode(folder))
    picture(writers, root, "a.png")
    writers.text(root / "a.txt", YOLO_LINE)
    dataset = load_dataset(root)
    report = check_dataset(dataset, root / "check")
    text = (root / "check/check.json").read_text(encoding="utf-8")
    assert json.loads(text) == report
    assert all(line.isprintable() for line in format_check(report).splitlines())


def test_pictures_of_tinydet_are_never_trained_on(tmp_path, writers):
    picture(writers, tmp_path, "a.png")
    writers.text(tmp_path / "a.txt", YOLO_LINE)
    picture(writers, tmp_path, "predictions/a.jpg", "runs/1/report/a.png")
    writers.text(tmp_path / "predictions/predictions.jsonl", "")
    writers.text(tmp_path / "runs/1/tinydet.log", "")
    check_dataset(load_dataset(tmp_path), tmp_path / "check")
    check_dataset(load_dataset(tmp_path), tmp_path)
    dataset = load_dataset(tmp_path)
    assert list(boxes_of(dataset)) == ["a.png"]
    assert writers.counts(dataset) == {"own_pictures": 7}


def test_suffixes_that_nothing_decodes_are_counted(tmp_path, writers):
    picture(writers, tmp_path, "a.png")
    writers.text(tmp_path / "a.txt", YOLO_LINE)
    for name in ("b.psd", "c.PSD", "d.dng"):
        (tmp_path / name).touch()
    dataset = load_dataset(tmp_path)
    assert writers.counts(dataset) == {"undecodable_pictures": 3}
    first, second = dataset.findings.examples["undecodable_pictures"]
    assert first.startswith("1 .dng")
    assert second.startswith("2 .psd")


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.txt", "Car 0.00 0 -1.5 1 2 3 4 1.5 1.6 3.9 1.8 1.4 8.4 0.01\n", "KITTI"),
        ("a.txt", "1 2 3 4 5 6 7 8 plane 0\n", "DOTA"),
        ("_annotations.createml.json", '[{"image": "a.png", "annotations": []}]', "CreateML"),
        ("info.labels", "{}", "Edge Impulse"),
        ("bounding_boxes.labels", "{}", "Edge Impulse"),
        ("data.tfrecord", "x", "TFRecord"),
        ("via.json", '{"_via_img_metadata": {}}', "VIA"),
        ("via.json", '{"a.png1": {"filename": "a.png", "regions": []}}', "VIA"),
        ("train.jsonl", "{}", "JSON lines"),
        ("set.tar", "x", "archive and not unpacked"),
        ("_classes.csv", "filename, cat, dog\n", "classification"),
    ],
)
def test_formats_that_are_not_read_are_named(tmp_path, writers, name, text, found):
    picture(writers, tmp_path, "images/a.png", "images/b.png")
    writers.text(tmp_path / "labels" / name, text)
    with pytest.raises(DataError, match=found) as caught:
        load_dataset(tmp_path)
    assert str(caught.value).endswith(".")


def test_a_folder_per_class_is_no_detection_set(tmp_path, writers):
    picture(writers, tmp_path, "cat/a.png", "dog/b.png")
    with pytest.raises(DataError, match="one folder of images per class"):
        load_dataset(tmp_path)


HEADER = "filename,width,height,class,xmin,ymin,xmax,ymax\n"
ROW = "a.png,100,50,ball,10,10,40,30\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_of_every_spreadsheet(tmp_path, writers, delimiter):
    picture(writers, tmp_path, "a.png")
    writers.text(tmp_path / "labels.csv", (HEADER + ROW).replace(",", delimiter))
    assert boxes_of(load_dataset(tmp_path)) == {"a.png": [FRACTIONS]}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ((HEADER + ROW).replace(",", ";").replace("10;10", "1,0,5;10"), "labels.csv:2: its box is"),
        (HEADER + "a.png,100,50,ball,0.1,0.2,0.4,0.6\n", "they seem to be fractions of the image"),
        ((HEADER + ROW.replace("ball", "B\xe4lle")).encode("latin-1"), "Save it as CSV in UTF-8"),
    ],
)
def test_tables_that_mean_something_else(tmp_path, writers, content, found):
    picture(writers, tmp_path, "a.png")
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(DataError, match=found):
        load_dataset(tmp_path)


def label_studio_task(region_type, value, **more):
    region = {"type": region_type, "original_width": 100, "original_height": 50, "value": value}
    task = {"id": 1, "data": {"image": "a.png"}, "annotations": [{"result": [region | more]}]}
    return json.dumps([task])


def test_boxes_on_a_picture_that_was_rotated_for_labelling_are_not_guessed(tmp_path, writers):
    picture(writers, tmp_path, "a.png")
    value = {"x": 10, "y": 20, "width": 30, "height": 40, "rectanglelabels": ["ball"]}
    task = label_studio_task("rectanglelabels", value, image_rotation=90)
    writers.text(tmp_path / "p.json", task)
    with pytest.raises(DataError, match="rotated by 90 degrees for labelling"):
        load_dataset(tmp_path)


def test_the_box_around_a_turned_ellipse(tmp_path, writers):
    """Half axes of 20 x 5 pixels, turned by a quarter: 5 x 20."""
    picture(writers, tmp_path, "a.png")
    value = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 10, "rotation": 90}
    task = label_studio_task("ellipselabels", value | {"ellipselabels": ["ball"]})
    writers.text(tmp_path / "p.json", task)
    dataset = load_dataset(tmp_path)
    assert boxes_of(dataset) == {"a.png": [[0.45, 0.1, 0.55, 0.9]]}
    assert dataset.findings.counts["rotated_boxes"] == 1


def test_files_are_named_from_the_folder_of_the_data(tmp_path, writers):
    picture(writers, tmp_path, "a.png", "b.png")
    shutil.copy(tmp_path / "a.png", tmp_path / "same.png")
    for name in ("a", "same"):
        writers.text(tmp_path / f"{name}.txt", YOLO_LINE)
    (tmp_path / "broken.png").write_bytes(b"no image")
    writers.text(tmp_path / "broken.txt", YOLO_LINE)
    text = format_check(check_dataset(load_dataset(tmp_path)), tmp_path)
    assert "a.png = same.png" in text
    assert "\n         broken.png: " in text
    assert str(tmp_path) not in text
