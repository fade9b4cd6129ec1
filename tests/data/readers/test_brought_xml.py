"""XML of VOC and CVAT as people bring it: read as it is meant, or refused in one true sentence.

Each test makes its own input, a member of a kind of faults that public bug reports are about.
"""

import pytest

from tests.data.readers.brought import FRACTIONS, boxes_of, picture, voc
from tinydet.data.dataset import available_splits, load_dataset
from tinydet.errors import DataError


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
