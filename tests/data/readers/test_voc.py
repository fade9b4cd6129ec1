"""A Pascal VOC data set in each of its usual layouts is read back equal; faults are named."""

import pytest

from tinydet.data.dataset import available_splits, load_dataset
from tinydet.errors import DataError

CLASS_NAMES = ("cat", "dog", "owl")


@pytest.mark.parametrize(
    ("label_folder", "image_folder", "given"),
    [
        ("Annotations", "JPEGImages", "."),
        ("annotations", "images", "."),
        ("Annotations", "JPEGImages", "JPEGImages"),
        (".", ".", "."),
    ],
)
def test_layouts(tmp_path, writers, labelled_images, label_folder, image_folder, given):
    images = [*labelled_images, writers.crowded]
    writers.voc(tmp_path, images, label_folder, image_folder)
    dataset = load_dataset(tmp_path / given)
    writers.assert_equals(dataset, images, ignored=True)
    assert dataset.class_names == CLASS_NAMES
    assert dataset.format == "Pascal VOC"
    assert writers.counts(dataset) == {}


def test_image_sets(tmp_path, writers, labelled_images):
    writers.voc(tmp_path, [*labelled_images, writers.crowded])
    writers.text(tmp_path / "ImageSets/Main/train.txt", "a\nb\n")
    writers.text(tmp_path / "ImageSets/Main/val.txt", "e\ngone\n")
    assert available_splits(tmp_path) == ("train", "val")
    writers.assert_equals(load_dataset(tmp_path, split="train"), labelled_images[:2])
    val = load_dataset(tmp_path, split="val")
    writers.assert_equals(val, [writers.crowded], ignored=True)
    assert writers.counts(val) == {"missing_images": 1}


def test_missing_and_stray_xml(tmp_path, writers, labelled_images):
    writers.voc(tmp_path, labelled_images)
    (tmp_path / "Annotations/b.xml").rename(tmp_path / "Annotations/z.xml")
    dataset = load_dataset(tmp_path)
    writers.assert_equals(dataset, labelled_images)
    assert writers.counts(dataset) == {"unlabelled_images": 1, "orphan_labels": 1}


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("<xmin>5<", "<xmin>nan<", "object 1: .*not four finite numbers"),
        ("<xmin>10<", "<xmin><", "object 2: .*not four finite numbers"),
        ("<xmin>5<", "<xmin>45<", "object 1: .*maximum below its minimum"),
        ("<name>dog</name>", "", "object 1: has no name"),
        ("</annotation>", "", "is not readable XML"),
    ],
)
def test_faulty_xml_is_named(tmp_path, writers, labelled_images, old, new, fault):
    writers.voc(tmp_path, labelled_images)
    path = tmp_path / "Annotations/a.xml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=rf"a\.xml: {fault}"):
        load_dataset(tmp_path)


def test_class_absent_from_a_part_is_no_error(tmp_path, writers):
    """The xml files list no classes: a validation part may lack one. A misspelt one is told."""
    writers.voc(tmp_path, [writers.Labelled("a", (8, 8), [(0, 1, 1, 4, 4, False)])])
    dataset = load_dataset(tmp_path, ["owl", "cat"])
    assert dataset.class_names == ("owl", "cat")
    assert dataset.samples[0].class_ids.tolist() == [1]
    assert dataset.findings.counts == {"absent_classes": 1}
    with pytest.raises(DataError, match=r"no class 'caat'\. Did you mean 'cat'\?"):
        load_dataset(tmp_path, ["caat", "owl"])
