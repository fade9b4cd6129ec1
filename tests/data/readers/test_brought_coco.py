"""COCO files as people bring them: read as they are meant, or refused in one true sentence.

Each test makes its own input, a member of a kind of faults that public bug reports are about.
"""

import pytest

from tests.data.readers.brought import BOX, FRACTIONS, boxes_of, coco, picture
from tinydet.data.dataset import available_splits, load_dataset
from tinydet.errors import DataError


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


@pytest.mark.parametrize("text", ["", "[", "{}]", "// note\n[]", '{"images": [1,]}', "\0\0"])
def test_a_broken_file_beside_a_sound_one_may_be_that_of_a_part(tmp_path, writers, text):
    """Its images would be left out as if no file spoke of them."""
    for part in ("train", "valid"):
        picture(writers, tmp_path / part, "a.png")
    writers.text(tmp_path / "train/_annotations.coco.json", coco(["a.png"]))
    writers.text(tmp_path / "valid/_annotations.coco.json", text)
    with pytest.raises(DataError, match=r"valid.*is not valid JSON"):
        load_dataset(tmp_path)


def test_a_broken_file_alone_is_named(tmp_path, writers):
    picture(writers, tmp_path, "a.png")
    writers.text(tmp_path / "labels.json", coco(["a.png"])[:-3])
    with pytest.raises(DataError, match=r"labels\.json: is not valid JSON"):
        load_dataset(tmp_path)


def test_json_of_another_kind_is_counted(tmp_path, writers):
    picture(writers, tmp_path, "a.png")
    writers.text(tmp_path / "labels.json", coco(["a.png"]))
    writers.text(tmp_path / "notes.json", '{"taken": 2020}')
    assert load_dataset(tmp_path).findings.counts["other_files"] == 1


def test_boxes_in_fractions_are_not_boxes_in_pixels(tmp_path, writers):
    picture(writers, tmp_path, "a.png")
    fractions = [{"id": 1, "image_id": 0, "category_id": 1, "bbox": [0.1, 0.2, 0.5, 0.25]}]
    writers.text(tmp_path / "labels.json", coco(["a.png"], annotations=fractions))
    with pytest.raises(DataError, match=r"annotation 1: they seem to be fractions of the image"):
        load_dataset(tmp_path)


def test_a_turned_box_of_cvat(tmp_path, writers):
    """A quarter turn around the centre of 10..40 x 10..30: 15..35 x 5..35."""
    picture(writers, tmp_path, "a.png")
    turned = {"id": 1, "image_id": 0, "category_id": 1, "bbox": BOX}
    turned["attributes"] = {"rotation": 90.0, "occluded": False}
    writers.text(tmp_path / "labels.json", coco(["a.png"], annotations=[turned]))
    dataset = load_dataset(tmp_path)
    assert boxes_of(dataset) == {"a.png": [[0.15, 0.1, 0.35, 0.7]]}
    assert dataset.findings.counts["rotated_boxes"] == 1


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
