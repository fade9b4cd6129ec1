"""A COCO data set in each of its usual layouts is read back equal; faults are named."""

import json

import pytest

from tinydet.data.dataset import available_splits, load_dataset
from tinydet.errors import DataError

CLASS_NAMES = ("cat", "dog", "owl")


@pytest.mark.parametrize("image_folder", ["train2017", "images/train2017", "images", "train", "."])
def test_folder(tmp_path, writers, labelled_images, image_folder):
    images = [*labelled_images, writers.crowded]
    for labelled in images:
        writers.picture(tmp_path / image_folder / f"{labelled.name}.png", labelled.size)
    content = writers.coco_content(images)
    writers.text(tmp_path / "annotations/instances_train2017.json", json.dumps(content))
    writers.text(tmp_path / "annotations/captions_train2017.json", "{}")
    dataset = load_dataset(tmp_path, split="train")
    writers.assert_equals(dataset, images, ignored=True)
    assert dataset.class_names == CLASS_NAMES
    assert dataset.format == "COCO"
    assert writers.counts(dataset) == {"other_files": 1}  # the captions
    single = load_dataset(tmp_path / "annotations/instances_train2017.json")
    writers.assert_equals(single, images, ignored=True)


def test_images_in_a_folder_of_their_own(tmp_path, writers, labelled_images):
    """Found where the user says, and nowhere else: another folder may hold other pixels."""
    for folder in ("labels/train2017", "pictures"):
        for labelled in labelled_images:
            writers.picture(tmp_path / folder / f"{labelled.name}.png", labelled.size)
    file = tmp_path / "labels" / "instances_train2017.json"
    writers.text(file, json.dumps(writers.coco_content(labelled_images)))
    dataset = load_dataset(file, image_folder=tmp_path / "pictures")
    writers.assert_equals(dataset, labelled_images, ignored=True)
    assert {sample.path.parent.name for sample in dataset.samples} == {"pictures"}


def test_parts_share_their_classes_by_name(tmp_path, writers, labelled_images):
    for part, images in (("train2017", labelled_images), ("val2017", [writers.crowded])):
        content = writers.coco_content(images)
        if part == "val2017":  # other ids for the same names
            for category in content["categories"]:
                category["id"] += 1
            for annotation in content["annotations"]:
                annotation["category_id"] += 1
        for labelled in images:
            writers.picture(tmp_path / part / f"{labelled.name}.png", labelled.size)
        writers.text(tmp_path / f"annotations/instances_{part}.json", json.dumps(content))
    assert available_splits(tmp_path) == ("train", "val")
    writers.assert_equals(load_dataset(tmp_path, split="val"), [writers.crowded], ignored=True)
    writers.assert_equals(load_dataset(tmp_path), [*labelled_images, writers.crowded], ignored=True)


def test_roboflow_layout(tmp_path, writers, labelled_images):
    for labelled in labelled_images:
        writers.picture(tmp_path / "valid" / f"{labelled.name}.png", labelled.size)
    content = json.dumps(writers.coco_content(labelled_images))
    writers.text(tmp_path / "valid/_annotations.coco.json", content)
    writers.text(tmp_path / "package.json", '{"images": 5}')
    assert available_splits(tmp_path) == ("val",)
    writers.assert_equals(load_dataset(tmp_path, split="val"), labelled_images)
    writers.assert_equals(load_dataset(tmp_path / "valid"), labelled_images)


def test_missing_images_and_orphan_annotations_are_counted(tmp_path, writers, labelled_images):
    content = writers.coco_content(labelled_images)
    content["annotations"].append({"image_id": 5, "category_id": 7, "bbox": [0, 0, 1, 1]})
    writers.text(tmp_path / "all.json", json.dumps(content))
    for labelled in labelled_images[1:]:
        writers.picture(tmp_path / f"{labelled.name}.png", labelled.size)
    dataset = load_dataset(tmp_path)
    writers.assert_equals(dataset, labelled_images[1:])
    assert writers.counts(dataset) == {"missing_images": 1, "orphan_labels": 1}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"bbox": [1, 2, float("nan"), 3]}, "is not four finite numbers"),
        ({"bbox": [1, 2, 3]}, "is not four finite numbers"),
        ({"bbox": [1, 2, -3, 4]}, "negative width"),
        ({"category_id": 4}, "category_id 4 is not in categories"),
    ],
)
def test_faulty_annotation_is_named(tmp_path, writers, labelled_images, change, fault):
    content = writers.coco_content(labelled_images)
    content["annotations"][1].update(change)
    path = writers.text(tmp_path / "all.json", json.dumps(content))
    for labelled in labelled_images:
        writers.picture(tmp_path / f"{labelled.name}.png", labelled.size)
    with pytest.raises(DataError, match=rf"all\.json: annotation 1: .*{fault}"):
        load_dataset(path)


@pytest.mark.parametrize("text", ["{", "[]", '{"images": []}', '{"images": 1, "categories": []}'])
def test_other_json(tmp_path, writers, text):
    path = writers.text(tmp_path / "a.json", text)
    with pytest.raises(DataError, match=r"is not valid JSON|is neither COCO nor"):
        load_dataset(path)
