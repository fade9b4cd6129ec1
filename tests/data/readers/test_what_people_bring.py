"""Data sets as people bring them: read as they are meant, or refused in one true sentence.

Each test makes its own input, a member of a kind of faults that public bug reports are about.
"""

import json
import os
import time

import pytest

from tinydet.data.check import check_dataset, format_check
from tinydet.data.dataset import available_splits, load_dataset
from tinydet.errors import DataError

BOX = [10, 10, 30, 20]  # x, y, width, height of 100 x 50 pixels
FRACTIONS = [0.1, 0.2, 0.4, 0.6]
YOLO_LINE = "0 0.25 0.4 0.3 0.4\n"
SIZE = (50, 100)


def picture(writers, root, *names):
    for number, name in enumerate(names):
        writers.picture(root / name, SIZE, seed=number)


def boxes_of(dataset):
    return {
        sample.path.name: [[round(v, 4) for v in box] for box in sample.boxes.tolist()]
        for sample in dataset.samples
    }


def coco(names, **changes):
    content = {
        "images": [
            {"id": i, "file_name": n, "width": 100, "height": 50} for i, n in enumerate(names)
        ],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": BOX} for i in range(len(names))
        ],
        "categories": [{"id": 1, "name": "ball"}, {"id": 2, "name": "box"}],
    }
    return json.dumps({**content, **changes})


def voc(name, namespace="", head=""):
    x, y, width, height = BOX
    return (
        f"{head}<annotation{namespace}><filename>{name}</filename><size><width>100</width>"
        f"<height>50</height></size><object><name>ball</name><bndbox><xmin>{x}</xmin>"
        f"<ymin>{y}</ymin><xmax>{x + width}</xmax><ymax>{y + height}</ymax></bndbox></object>"
        "</annotation>"
    )


# --- YOLO -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 3), (2, 2)])
def test_keypoints_are_not_polygons(tmp_path, writers, shape):
    """The number of values of a line with keypoints is odd, as that of a polygon."""
    picture(writers, tmp_path, "images/a.png")
    number, values = shape
    points = " ".join((["0.3 0.4 2", "0.2 0.3"][values == 2]) for _ in range(number))
    writers.text(tmp_path / "labels/a.txt", f"{YOLO_LINE.strip()} {points}\n")
    text = f"train: images\nkpt_shape: [{number}, {values}]\nnames: [echo]\n"
    writers.text(tmp_path / "data.yaml", text)
    dataset = load_dataset(tmp_path)
    assert boxes_of(dataset) == {"a.png": [FRACTIONS]}
    assert writers.counts(dataset) == {"keypoints": 1}


def test_a_line_that_can_be_both_is_refused(tmp_path, writers):
    picture(writers, tmp_path, "images/a.png")
    label = writers.text(tmp_path / "labels/a.txt", "0 0.5 0.5 0.4 0.4 0.4 0.4 0.6 0.6 0.5 0.5\n")
    yaml = writers.text(tmp_path / "data.yaml", "train: images\nnames: [a]\n")
    with pytest.raises(DataError, match=rf"{label}:1: polygons or boxes with keypoints\?.*kpt_sha"):
        load_dataset(tmp_path)
    yaml.write_text("train: images\nnames: [a]\ntask: segment\n")
    assert boxes_of(load_dataset(tmp_path)) == {"a.png": [[0.4, 0.4, 0.6, 0.6]]}
    yaml.write_text("train: images\nnames: [a]\nkpt_shape: [3, 2]\n")
    assert boxes_of(load_dataset(tmp_path)) == {"a.png": [[0.3, 0.3, 0.7, 0.7]]}


def test_polygons_of_different_length_are_polygons(tmp_path, writers):
    picture(writers, tmp_path, "a.png")
    lines = "0 0.5 0.5 0.4 0.4 0.4 0.6\n0 0.5 0.5 0.4 0.4 0.4 0.4 0.6 0.6\n"
    writers.text(tmp_path / "a.txt", lines)
    assert writers.counts(load_dataset(tmp_path)) == {"polygons": 2}


def test_visibility_without_kpt_shape_is_refused(tmp_path, writers):
    picture(writers, tmp_path, "a.png")
    writers.text(tmp_path / "a.txt", "0 0.62 0.54 0.1 0.06 0.58 0.52 2 0.64 0.52 2\n")
    with pytest.raises(DataError, match="kpt_shape"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("[yes, no]", ("yes", "no")),
        ("[007, 1.10]", ("007", "1.10")),
        ("{0: on, 1: ~}", ("on", "~")),
    ],
)
def test_class_names_are_what_stands_there(tmp_path, writers, names, expected):
    picture(writers, tmp_path, "images/a.png")
    writers.text(tmp_path / "labels/a.txt", YOLO_LINE)
    writers.text(tmp_path / "data.yaml", f"train: images\nnames: {names}\n")
    assert load_dataset(tmp_path).class_names == expected


@pytest.mark.parametrize(
    "names",
    [
        pytest.param("*a7", id="aliases"),
        pytest.param("[" * 4000, id="deep"),
        pytest.param("{a: {b: " * 3000, id="deep_maps"),
        pytest.param("[[a], [b]]", id="nested"),
        pytest.param("{999999999: a}", id="huge"),
    ],
)
def test_hostile_yaml_is_one_short_line(tmp_path, writers, names):
    """A few lines of aliases stand for gigabytes of text."""
    picture(writers, tmp_path, "images/a.png")
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 8)]
    writers.text(tmp_path / "data.yaml", "\n".join(lines) + f"\ntrain: images\nnames: {names}")
    with pytest.raises(DataError) as caught:
        load_dataset(tmp_path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_a_test_part_is_nothing_to_train_on(tmp_path, writers):
    picture(writers, tmp_path, "images/a.png")
    writers.text(tmp_path / "labels/a.txt", YOLO_LINE)
    writers.text(tmp_path / "data.yaml", "test: images\nnames: [a]\n")
    assert available_splits(tmp_path) == ("test",)
    report = check_dataset(load_dataset(tmp_path))
    assert report["has_train_part"] is False
    assert "nothing to train on" in format_check(report)


def test_images_of_two_parts_are_counted(tmp_path, writers):
    """The file itself, and the same pixels under another name."""
    picture(writers, tmp_path, "images/a.png", "images/b.png")
    writers.picture(tmp_path / "val/c.bmp", SIZE, seed=1)  # b.png
    for name in ("images/a.txt", "images/b.txt", "val/c.txt"):
        writers.text(tmp_path / name, YOLO_LINE)
    text = "train: images\nval: [images/a.png, val]\nnames: [a]\n"
    writers.text(tmp_path / "data.yaml", text)
    report = check_dataset(load_dataset(tmp_path))
    [finding] = [f for f in report["findings"] if f["kind"] == "shared_images"]
    assert finding["count"] == 2
    assert report["parts"] == {"train": 2, "val": 2}
    assert "2 images that also occur in another part" in format_check(report)


def test_no_box_anywhere_is_said_loudly(tmp_path, writers):
    picture(writers, tmp_path, "a.png")
    writers.text(tmp_path / "a.txt", "")
    text = format_check(check_dataset(load_dataset(tmp_path, ["a"])))
    assert "WARNING: there are no boxes" in text


def test_labels_beside_the_images_and_an_empty_labels_folder(tmp_path, writers):
    picture(writers, tmp_path, "images/a.png", "images/b.png")
    writers.text(tmp_path / "images/a.txt", YOLO_LINE)
    writers.text(tmp_path / "labels/b.txt", YOLO_LINE)
    dataset = load_dataset(tmp_path)
    assert boxes_of(dataset) == {"a.png": [FRACTIONS], "b.png": [FRACTIONS]}
    assert writers.counts(dataset) == {}


def test_two_label_files_of_one_image_are_counted(tmp_path, writers):
    picture(writers, tmp_path, "images/a.png")
    writers.text(tmp_path / "images/a.txt", "0 0.5 0.5 0.1 0.1\n")
    writers.text(tmp_path / "labels/a.txt", YOLO_LINE)
    dataset = load_dataset(tmp_path)
    assert boxes_of(dataset) == {"a.png": [FRACTIONS]}
    assert writers.counts(dataset) == {"second_labels": 1}


@pytest.mark.parametrize("labels", ["labels", "images"])
@pytest.mark.parametrize("name", ["train", "val", "classes", "requirements", "test"])
def test_an_image_may_be_called_like_a_list(tmp_path, writers, name, labels):
    picture(writers, tmp_path, f"images/{name}.png", "images/bus.png")
    for stem in (name, "bus"):
        writers.text(tmp_path / labels / f"{stem}.txt", YOLO_LINE)
    writers.text(tmp_path / "data.yaml", "train: images\nnames: [ball]\n")
    dataset = load_dataset(tmp_path)
    assert boxes_of(dataset) == {f"{name}.png": [FRACTIONS], "bus.png": [FRACTIONS]}
    assert writers.counts(dataset) == {}


def test_a_list_of_names_is_no_label_of_an_image(tmp_path, writers):
    picture(writers, tmp_path, "images/classes.png", "images/a.png")
    writers.text(tmp_path / "labels/a.txt", YOLO_LINE)
    writers.text(tmp_path / "labels/classes.txt", "ball\nbox\n")
    dataset = load_dataset(tmp_path)
    assert dataset.class_names == ("ball", "box")
    assert writers.counts(dataset) == {"unlabelled_images": 1}


@pytest.mark.parametrize(
    ("images", "labels", "suffix", "classes"),
    [("images", "labels", ".TXT", "classes.txt"), ("Images", "Labels", ".txt", "classes.txt")],
)
def test_upper_case(tmp_path, writers, images, labels, suffix, classes):
    picture(writers, tmp_path, f"{images}/A.PNG")
    writers.text(tmp_path / labels / f"A{suffix}", YOLO_LINE)
    writers.text(tmp_path / classes, "ball\n")
    dataset = load_dataset(tmp_path)
    assert boxes_of(dataset) == {"A.PNG": [FRACTIONS]}
    assert dataset.class_names == ("ball",)


def test_cvat_yolo_keeps_its_parts(tmp_path, writers):
    """The lists name images by a folder ``data`` that the export does not have."""
    for part, list_name in (("train", "train"), ("valid", "valid")):
        picture(writers, tmp_path, f"obj_{part}_data/{part}.png")
        writers.text(tmp_path / f"obj_{part}_data/{part}.txt", YOLO_LINE)
        writers.text(tmp_path / f"{list_name}.txt", f"data/obj_{part}_data/{part}.png\n")
    writers.text(tmp_path / "obj.names", "ball\nbox\n")
    text = "classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\n"
    data = writers.text(tmp_path / "obj.data", text)
    for _ in ("with obj.data", "lists only"):
        assert available_splits(tmp_path) == ("train", "val")
        assert boxes_of(load_dataset(tmp_path, split="train")) == {"train.png": [FRACTIONS]}
        assert boxes_of(load_dataset(tmp_path, split="val")) == {"valid.png": [FRACTIONS]}
        assert load_dataset(tmp_path).class_names == ("ball", "box")
        data.unlink(missing_ok=True)
    for name in ("train.txt", "valid.txt"):  # and folders only
        (tmp_path / name).unlink()
    assert available_splits(tmp_path) == ("train", "val")


def test_lists_of_images_are_parts_also_without_a_train_list(tmp_path, writers):
    """A test list beside the images must not be trained on, whatever else there is."""
    for name in "abc":
        picture(writers, tmp_path, f"{name}.png")
        writers.text(tmp_path / f"{name}.txt", YOLO_LINE)
    writers.text(tmp_path / "test.txt", "c.png\n")
    assert available_splits(tmp_path) == ("test",)
    assert writers.counts(load_dataset(tmp_path)) == {"partless_images": 2}
    writers.text(tmp_path / "trainval.txt", "a.png\nb.png\n")
    assert list(boxes_of(load_dataset(tmp_path, split="train"))) == ["a.png", "b.png"]
    writers.text(tmp_path / "train.txt", "a.png\n")
    writers.text(tmp_path / "val.txt", "b.png\n")
    assert list(boxes_of(load_dataset(tmp_path, split="train"))) == ["a.png"]


@pytest.mark.parametrize(
    "listed", ["images\\a.png", "data/images/a.png", "C:\\x\\images\\a.png", "/srv/s/images/a.png"]
)
def test_lists_of_another_machine(tmp_path, writers, listed):
    """Backslashes, CRLF, a byte order mark, absolute paths: found by the longest tail, told."""
    picture(writers, tmp_path, "images/a.png", "images/b.png", "old/a.png")
    for name in ("images/a.txt", "images/b.txt", "old/a.txt"):
        writers.text(tmp_path / name, YOLO_LINE)
    (tmp_path / "train.txt").write_bytes(f"\ufeff{listed}\r\nimages/b.png\r\n".encode())
    writers.text(tmp_path / "data.yaml", "path: .\ntrain: train.txt\nnames: [ball]\n")
    dataset = load_dataset(tmp_path)
    assert [s.path for s in dataset.samples] == [tmp_path / f"images/{n}.png" for n in "ab"]
    assert writers.counts(dataset) == {"moved_images": 1, "partless_images": 1}


def test_an_image_that_is_not_there_is_named_with_the_place(tmp_path, writers):
    picture(writers, tmp_path, "images/a.png", "old/b.png", "older/b.png")
    writers.text(tmp_path / "images/a.txt", YOLO_LINE)
    writers.text(tmp_path / "train.txt", "images/a.png\n/x/gone.png\n/x/b.png\n")
    writers.text(tmp_path / "data.yaml", "train: train.txt\nnames: [ball]\n")
    dataset = load_dataset(tmp_path)
    assert writers.counts(dataset)["missing_images"] == 1
    assert writers.counts(dataset)["ambiguous_images"] == 1
    [example] = dataset.findings.examples["missing_images"]
    assert example == f"/x/gone.png (no x/gone.png or gone.png below {tmp_path})"
    writers.text(tmp_path / "train.txt", "/x/gone.png\n")
    with pytest.raises(DataError, match=r"no image found.*gone\.png.*below"):
        load_dataset(tmp_path)


def test_an_image_of_another_part_is_not_taken_by_its_name(tmp_path, writers):
    picture(writers, tmp_path, "images/train/a.png", "images/train/b.png")
    for name in "ab":
        writers.text(tmp_path / f"labels/train/{name}.txt", YOLO_LINE)
    writers.text(tmp_path / "val.txt", "data/images/val/b.png\n")
    writers.text(tmp_path / "data.yaml", "train: images/train\nval: val.txt\nnames: [ball]\n")
    with pytest.raises(DataError, match="no image found"):
        load_dataset(tmp_path, split="val")


def test_a_picture_beside_the_parts_does_not_mix_them(tmp_path, writers):
    for part in ("train", "val"):
        picture(writers, tmp_path, f"{part}/{part}.png")
        writers.text(tmp_path / f"{part}/{part}.txt", YOLO_LINE)
    picture(writers, tmp_path, "preview.png", "extra/x.png")
    assert available_splits(tmp_path) == ("train", "val")
    assert writers.counts(load_dataset(tmp_path)) == {"partless_images": 2}


def test_label_studio_yolo_export_with_marks(tmp_path, writers):
    """It puts a mark before the name of each upload; the user has the pictures without it."""
    picture(writers, tmp_path, "images/a.png")
    writers.text(tmp_path / "labels/90fbb0c7-a.txt", YOLO_LINE)
    writers.text(tmp_path / "classes.txt", "ball\n")
    writers.text(tmp_path / "notes.json", '{"categories": [{"id": 0, "name": "ball"}], "info": {}}')
    dataset = load_dataset(tmp_path)
    assert boxes_of(dataset) == {"a.png": [FRACTIONS]}
    assert writers.counts(dataset) == {}


# --- COCO -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "found"),
    [
        ([{"id": 7, "file_name": "a.png"}, {"id": 7, "file_name": "b.png"}], "the id 7 (a.png and"),
        ([{"file_name": "a.png"}], "has no id"),
        ([{"id": [1], "file_name": "a.png"}], "has no id"),
    ],
)
def test_images_without_an_id_of_their_own(tmp_path, writers, images, found):
    picture(writers, tmp_path, "a.png", "b.png")
    writers.text(tmp_path / "labels.json", coco([], images=images))
    with pytest.raises(DataError) as caught:
        load_dataset(tmp_path)
    assert found in str(caught.value)
    assert "labels.json" in str(caught.value)


@pytest.mark.parametrize(
    "annotation",
    [
        {"image_id": 0, "category_id": [1], "bbox": BOX},
        {"image_id": 0, "category_id": {"a": 1}, "bbox": BOX},
        {"image_id": [0], "category_id": 1, "bbox": BOX},
        {"image_id": 0, "category_id": 1, "bbox": [10**400, 1, 2, 3]},
        {"image_id": 0, "category_id": 1, "bbox": ["x" * 100_000, 1, 2, 3]},
        {"image_id": 0, "category_id": True, "bbox": BOX},
    ],
)
def test_hostile_values_in_json_are_one_short_line(tmp_path, writers, annotation):
    picture(writers, tmp_path, "a.png")
    writers.text(tmp_path / "labels.json", coco(["a.png"], annotations=[{"id": 1, **annotation}]))
    with pytest.raises(DataError, match=r"1 error in the labels: .*labels\.json") as caught:
        load_dataset(tmp_path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 10_000, '"\\ud800', "\0"])
def test_json_that_breaks_parsers(tmp_path, writers, text):
    path = writers.text(tmp_path / "a.json", text)
    with pytest.raises(DataError, match="is not valid JSON"):
        load_dataset(path)


@pytest.mark.parametrize("ids", [("c-ball", "c-box"), (2, 1), ("10", "9"), (1.0, 2.0)])
def test_category_ids_of_any_kind(tmp_path, writers, ids):
    picture(writers, tmp_path, "a.png")
    categories = [{"id": i, "name": n} for i, n in zip(ids, ("ball", "box"), strict=True)]
    annotations = [{"id": 0, "image_id": "0", "category_id": ids[0], "bbox": BOX}]
    text = coco(["a.png"], categories=categories, annotations=annotations)
    writers.text(tmp_path / "labels.json", text)
    dataset = load_dataset(tmp_path)
    assert [dataset.class_names[i] for i in dataset.samples[0].class_ids] == ["ball"]


@pytest.mark.parametrize(
    "name", ["images\\90fbb0c7-a.png", "/data/upload/1/90fbb0c7-a.png", "s3://b/x/90fbb0c7-a.png"]
)
def test_coco_of_another_machine(tmp_path, writers, name):
    picture(writers, tmp_path, "images/a.png")
    writers.text(tmp_path / "result.json", coco([name]))
    dataset = load_dataset(tmp_path)
    assert boxes_of(dataset) == {"a.png": [FRACTIONS]}
    assert writers.counts(dataset) == {"moved_images": 1}


def test_a_coco_file_of_no_part_beside_parts(tmp_path, writers):
    for part in ("Train", "Test", "default"):
        picture(writers, tmp_path, f"images/{part}.png")
        writers.text(tmp_path / f"annotations/instances_{part}.json", coco([f"{part}.png"]))
    assert available_splits(tmp_path) == ("train", "test")
    assert boxes_of(load_dataset(tmp_path, split="train")) == {"Train.png": [FRACTIONS]}
    assert boxes_of(load_dataset(tmp_path, split="test")) == {"Test.png": [FRACTIONS]}
    everything = load_dataset(tmp_path)
    assert len(everything) == 2
    assert writers.counts(everything) == {"partless_files": 1, "unlisted_images": 1}


def test_an_upper_case_suffix_of_json(tmp_path, writers):
    picture(writers, tmp_path, "images/a.png")
    writers.text(tmp_path / "annotations/instances_train.JSON", coco(["a.png"]))
    assert boxes_of(load_dataset(tmp_path)) == {"a.png": [FRACTIONS]}


def test_roboflow_coco_has_a_root_category(tmp_path, writers):
    categories = [
        {"id": 0, "name": "things", "supercategory": "none"},
        {"id": 1, "name": "ball", "supercategory": "things"},
    ]
    for part in ("train", "valid", "test"):
        picture(writers, tmp_path, f"{part}/{part}.png")
        text = coco([f"{part}.png"], categories=categories)
        writers.text(tmp_path / part / "_annotations.coco.json", text)
    dataset = load_dataset(tmp_path, split="val")
    assert boxes_of(dataset) == {"valid.png": [FRACTIONS]}
    assert dataset.class_names == ("ball",)
    assert writers.counts(dataset) == {"root_categories": 1}
    assert available_splits(tmp_path) == ("train", "val", "test")


def test_a_group_with_boxes_is_a_class(tmp_path, writers):
    picture(writers, tmp_path, "a.png")
    categories = [
        {"id": 1, "name": "ball", "supercategory": "none"},
        {"id": 2, "name": "red ball", "supercategory": "ball"},
    ]
    writers.text(tmp_path / "labels.json", coco(["a.png"], categories=categories))
    assert load_dataset(tmp_path).class_names == ("ball", "red ball")


def test_an_image_listed_twice_has_all_its_boxes(tmp_path, writers):
    picture(writers, tmp_path, "a.png", "b.png")
    for name, box in (("one", BOX), ("two", [0, 0, 50, 25])):
        annotation = {"id": 1, "image_id": 0, "category_id": 1, "bbox": box}
        text = coco(["a.png"], annotations=[annotation])
        writers.text(tmp_path / f"{name}.json", text)
    dataset = load_dataset(tmp_path)
    assert boxes_of(dataset) == {"a.png": [FRACTIONS, [0.0, 0.0, 0.5, 0.5]]}
    assert writers.counts(dataset) == {"repeated_images": 1, "unlisted_images": 1}


def test_classes_that_differ_in_case_are_told(tmp_path, writers):
    picture(writers, tmp_path, "a.png")
    categories = [{"id": 1, "name": "Ball"}, {"id": 2, "name": "ball"}]
    writers.text(tmp_path / "labels.json", coco(["a.png"], categories=categories))
    assert writers.counts(load_dataset(tmp_path)) == {"similar_classes": 2}


# --- XML --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("namespace", "head"),
    [
        (' xmlns="http://www.example.org/voc"', ""),
        ("", '<?xml version="1.0" encoding="utf8mb4"?>'),
        ("", '<?xml version="1.0" encoding="latin-1"?>'),
    ],
)
def test_voc_xml_of_any_kind(tmp_path, writers, namespace, head):
    picture(writers, tmp_path, "JPEGImages/a.png")
    writers.text(tmp_path / "Annotations/a.xml", voc("a.png", namespace, head))
    dataset = load_dataset(tmp_path)
    assert boxes_of(dataset) == {"a.png": [FRACTIONS]}
    assert writers.counts(dataset) == {}


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY x "lol"><!ENTITY y "&x;&x;&x;">]><annotation>&y;</annotation>',
        "<labels/>",
        '<?xml version="1.0" encoding="nonsense"?><annotation>\xe4</annotation>',
        "<annotation>\0</annotation>",
        "<a>" * 100_000,
    ],
)
def test_xml_that_is_no_label_is_named(tmp_path, writers, text):
    picture(writers, tmp_path, "a.png", "b.png")
    writers.text(tmp_path / "b.xml", voc("b.png"))
    (tmp_path / "a.xml").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"1 error in the labels: .*a\.xml") as caught:
        load_dataset(tmp_path)
    assert len(str(caught.value)) < 1000


def test_voc_lists_with_blanks_suffixes_and_flags(tmp_path, writers):
    names = ["my car (1)", "b", "c", "d"]
    for name in names:
        picture(writers, tmp_path, f"JPEGImages/{name}.png")
        writers.text(tmp_path / f"Annotations/{name}.xml", voc(f"{name}.png"))
    lists = tmp_path / "ImageSets/Main"
    writers.text(lists / "train.txt", "my car (1)\nb.png\n")
    writers.text(lists / "val.txt", "JPEGImages/c.png\nd  1\n")
    train, val = (load_dataset(tmp_path, split=split) for split in ("train", "val"))
    assert list(boxes_of(train)) == ["my car (1).png", "b.png"]
    assert list(boxes_of(val)) == ["c.png", "d.png"]
    assert writers.counts(train) == writers.counts(val) == {}


def test_voc_test_list_is_never_trained_on(tmp_path, writers):
    for name in "abcde":
        picture(writers, tmp_path, f"JPEGImages/{name}.png")
        writers.text(tmp_path / f"Annotations/{name}.xml", voc(f"{name}.png"))
    writers.text(tmp_path / "ImageSets/Main/trainval.txt", "a\nb\nc\n")
    writers.text(tmp_path / "ImageSets/Main/test.txt", "d\n")
    assert available_splits(tmp_path) == ("train", "test")
    assert list(boxes_of(load_dataset(tmp_path, split="train"))) == ["a.png", "b.png", "c.png"]
    everything = load_dataset(tmp_path)
    assert list(boxes_of(everything)) == ["a.png", "b.png", "c.png", "d.png"]
    assert writers.counts(everything) == {"partless_images": 1}


def test_roboflow_voc_keeps_its_parts(tmp_path, writers):
    for part in ("train", "valid"):
        picture(writers, tmp_path, f"{part}/{part}.png")
        writers.text(tmp_path / part / f"{part}.xml", voc(f"{part}.png"))
    assert available_splits(tmp_path) == ("train", "val")
    assert boxes_of(load_dataset(tmp_path, split="val")) == {"valid.png": [FRACTIONS]}


def test_voc_xml_that_names_its_image_inside(tmp_path, writers):
    picture(writers, tmp_path, "JPEGImages/photo.png", "JPEGImages/b.png")
    writers.text(tmp_path / "Annotations/000001.xml", voc("photo.png"))
    writers.text(tmp_path / "Annotations/b.xml", voc("b.png"))
    dataset = load_dataset(tmp_path)
    assert boxes_of(dataset) == {"b.png": [FRACTIONS], "photo.png": [FRACTIONS]}
    assert writers.counts(dataset) == {}


CVAT = (
    "<annotations><version>1.1</version><meta><task><labels><label><name>ball</name></label>"
    "<label><name>box</name></label></labels></task></meta>{images}</annotations>"
)


@pytest.mark.parametrize("place", ["annotations.xml", "annotations/annotations.xml"])
def test_cvat_for_images(tmp_path, writers, place):
    picture(writers, tmp_path, "images/a.png")
    shapes = (
        '<box label="ball" xtl="10" ytl="10" xbr="40" ybr="30"/>'
        '<box label="box" xtl="10" ytl="10" xbr="40" ybr="30" rotation="90"/>'
        '<polygon label="box" points="10,10;40,20;20,30"/><points label="box" points="1,1"/>'
    )
    image = f'<image id="0" name="a.png" width="100" height="50">{shapes}</image>'
    writers.text(tmp_path / place, CVAT.format(images=image))
    dataset = load_dataset(tmp_path)
    expected = [FRACTIONS, [0.15, 0.1, 0.35, 0.7], FRACTIONS]
    assert boxes_of(dataset) == {"a.png": expected}
    assert dataset.class_names == ("ball", "box")
    counts = {"rotated_boxes": 1, "polygons": 1, "other_shapes": 1}
    assert writers.counts(dataset) == counts


def test_cvat_subsets_are_parts(tmp_path, writers):
    images = ""
    for part in ("Train", "Validation", "default"):
        picture(writers, tmp_path, f"images/{part}/a.png")
        images += (
            f'<image name="a.png" subset="{part}" width="100" height="50">'
            '<box label="ball" xtl="10" ytl="10" xbr="40" ybr="30"/></image>'
        )
    writers.text(tmp_path / "annotations.xml", CVAT.format(images=images))
    assert available_splits(tmp_path) == ("train", "val")
    [sample] = load_dataset(tmp_path, split="val").samples
    assert sample.path == tmp_path / "images/Validation/a.png"
    assert load_dataset(tmp_path).findings.counts["partless_images"] >= 1


def test_cvat_video_is_refused_by_name(tmp_path, writers):
    writers.text(tmp_path / "annotations.xml", '<annotations><track label="a"/></annotations>')
    with pytest.raises(DataError, match=r"CVAT export of a video.*CVAT for images"):
        load_dataset(tmp_path)


# --- any file ---------------------------------------------------------------------------------


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
        ("set.tar", "x", "tar archive"),
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
