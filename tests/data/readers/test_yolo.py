"""A YOLO data set in each of its usual layouts is read back equal; faulty lines are named."""

import pytest

from tinydet.data.dataset import available_splits, load_dataset
from tinydet.errors import DataError

CLASS_NAMES = ("cat", "dog", "owl")


@pytest.mark.parametrize("names", ["[cat, dog, owl]", "{0: cat, 1: dog, 2: owl}"])
@pytest.mark.parametrize("root_key", ["path: .\n", "", "path: {absolute}\n"])
@pytest.mark.parametrize("given", ["", "data.yaml"])
def test_data_yaml(tmp_path, writers, labelled_images, names, root_key, given):
    root = tmp_path / "ein Ördner"
    writers.yolo(root, "train", labelled_images)
    writers.yolo(root, "val", [writers.crowded], ".JPG")
    text = f"train: images/train\nval: images/val\ntest:\nnames: {names}\n"
    writers.text(root / "data.yaml", root_key.replace("{absolute}", str(root)) + text)
    path = root / given
    assert available_splits(path) == ("train", "val")
    writers.assert_equals(load_dataset(path, split="train"), labelled_images)
    writers.assert_equals(load_dataset(path, split="val"), [writers.crowded])
    everything = load_dataset(path)
    writers.assert_equals(everything, [*labelled_images, writers.crowded])
    assert everything.class_names == CLASS_NAMES
    assert everything.format == "YOLO"
    assert writers.counts(everything) == {}
    with pytest.raises(DataError, match=r"no part 'test'\. It has: train, val"):
        load_dataset(path, split="test")


def test_relative_path_key(tmp_path, writers, labelled_images):
    writers.yolo(tmp_path / "pictures", "train", labelled_images)
    writers.text(
        tmp_path / "data.yaml", "path: pictures\ntrain: images/train\nnames: [cat, dog, owl]"
    )
    writers.assert_equals(load_dataset(tmp_path / "data.yaml"), labelled_images)


def test_path_of_another_machine_is_counted(tmp_path, writers, labelled_images):
    writers.yolo(tmp_path, "train", labelled_images)
    text = "path: /no/such/place\ntrain: images/train\nval: images/val\nnames: [cat, dog, owl]"
    writers.text(tmp_path / "data.yaml", text)
    dataset = load_dataset(tmp_path)
    writers.assert_equals(dataset, labelled_images)
    assert writers.counts(dataset) == {"replaced_roots": 1, "missing_parts": 1}


def test_list_of_folders_and_list_file(tmp_path, writers, labelled_images):
    first, *rest = labelled_images
    writers.yolo(tmp_path, "one", [first])
    writers.yolo(tmp_path, "two", rest)
    listed = "./images/two/b.png\n\nimages/two/c d.png\nimages/two/gone.png\n"
    writers.text(tmp_path / "lists" / "val.txt", "../images/one/a.png\n")
    writers.text(tmp_path / "val.txt", listed)
    writers.text(
        tmp_path / "data.yaml",
        "train: [images/one, images/two]\nval: val.txt\ntest: lists/val.txt\n"
        "names: [cat, dog, owl]\n",
    )
    writers.assert_equals(load_dataset(tmp_path, split="train"), labelled_images)
    val = load_dataset(tmp_path, split="val")
    writers.assert_equals(val, rest)
    assert writers.counts(val) == {"missing_images": 1}
    writers.assert_equals(load_dataset(tmp_path, split="test"), [first])


def test_roboflow_layout(tmp_path, writers, labelled_images):
    for labelled in labelled_images:
        writers.picture(tmp_path / "train/images" / f"{labelled.name}.png", labelled.size)
        writers.text(
            tmp_path / "train/labels" / f"{labelled.name}.txt", writers.yolo_text(labelled)
        )
    writers.text(tmp_path / "data.yaml", "train: ../train/images\nnames: [cat, dog, owl]\nnc: 3\n")
    for path in (tmp_path, tmp_path / "train", tmp_path / "train/images"):
        writers.assert_equals(load_dataset(path), labelled_images)


def test_image_folder_takes_names_from_above(tmp_path, writers, labelled_images):
    writers.yolo(tmp_path, "train", labelled_images)
    writers.yolo(tmp_path, "val", [writers.crowded])
    writers.text(
        tmp_path / "data.yaml", "train: images/train\nval: images/val\nnames: [cat, dog, owl]"
    )
    part = tmp_path / "images" / "train"
    assert available_splits(part) == ()
    writers.assert_equals(load_dataset(part), labelled_images)
    assert available_splits(tmp_path / "images") == ("train", "val")
    writers.assert_equals(load_dataset(tmp_path / "images", split="val"), [writers.crowded])


def test_foreign_yaml_above_is_not_asked(tmp_path, writers, labelled_images):
    writers.yolo(tmp_path / "other", "train", labelled_images)
    writers.text(tmp_path / "data.yaml", "path: other\ntrain: images/train\nnames: [x]")
    writers.flat(tmp_path / "mine", labelled_images)
    assert load_dataset(tmp_path / "mine").class_names == ("class_0", "class_1", "class_2")


def test_split_folders_without_yaml(tmp_path, writers, labelled_images):
    writers.yolo(tmp_path, "train", labelled_images)
    writers.yolo(tmp_path, "valid", [writers.crowded])
    writers.text(tmp_path / "classes.txt", "cat\ndog\nowl\n")
    writers.picture(tmp_path / "preview.png", (5, 5))
    assert available_splits(tmp_path) == ("train", "val")
    writers.assert_equals(load_dataset(tmp_path, split="train"), labelled_images)
    writers.assert_equals(load_dataset(tmp_path), [*labelled_images, writers.crowded])


@pytest.mark.parametrize("names_file", ["classes.txt", "obj.names", None])
def test_flat_folder(tmp_path, writers, labelled_images, names_file):
    """Names come from class_names where no file gives them."""
    writers.flat(tmp_path, labelled_images)
    if names_file:
        writers.text(tmp_path / names_file, "cat\ndog\nowl\n")
    dataset = load_dataset(tmp_path, None if names_file else CLASS_NAMES, split="train")
    writers.assert_equals(dataset, labelled_images)
    assert available_splits(tmp_path) == ()
    assert writers.counts(dataset) == {}


def test_flat_folder_without_names_is_numbered(tmp_path, writers, labelled_images):
    writers.flat(tmp_path, labelled_images)
    dataset = load_dataset(tmp_path)
    assert dataset.class_names == ("class_0", "class_1", "class_2")
    assert dataset.samples[0].class_ids.tolist() == [1, 0]


def test_missing_and_stray_label_files(tmp_path, writers, labelled_images):
    writers.flat(tmp_path, labelled_images)
    (tmp_path / "b.txt").unlink()
    writers.text(tmp_path / "lost.txt", "0 0.5 0.5 0.5 0.5")
    writers.text(tmp_path / "README.txt", "hello")
    dataset = load_dataset(tmp_path, CLASS_NAMES)
    writers.assert_equals(dataset, labelled_images)
    assert writers.counts(dataset) == {"unlabelled_images": 1, "orphan_labels": 1}
    assert dataset.findings.examples["orphan_labels"] == [str(tmp_path / "lost.txt")]


def test_polygon_is_read_as_its_box(tmp_path, writers):
    writers.picture(tmp_path / "a.png", (8, 8))
    writers.text(tmp_path / "a.txt", "0 0.5 0.125 0.75 0.5 0.25 0.375\n")
    dataset = load_dataset(tmp_path)
    assert dataset.samples[0].boxes.tolist() == [[0.25, 0.125, 0.75, 0.5]]
    assert writers.counts(dataset) == {"polygons": 1}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("3 0.5 0.5 0.1 0.1", r"class id 3 is out of range \(the 3 classes are 0 to 2\)"),
        ("-1 0.5 0.5 0.1 0.1", "class id -1 is not a non-negative integer"),
        ("0.5 0.5 0.5 0.1 0.1", r"class id 0\.5 is not a non-negative integer"),
        ("0 0.5 nan 0.1 0.1", "a value is not finite"),
        ("inf 0.5 0.5 0.1 0.1", "a value is not finite"),
        ("0 0.5 0.5 0.1", "4 columns instead of 5"),
        ("0 0.5 0.5 0.1 0.1 0.9", "6 columns instead of 5"),
        ("cat 0.5 0.5 0.1 0.1", "'cat' is not a number"),
        ("0 0.5 0.5 -0.1 0.1", "width or height is negative"),
        ("0 120 80 40 30", "a value is not a fraction of the image.*pixels"),
    ],
)
def test_faulty_line_is_named(tmp_path, writers, line, fault):
    writers.picture(tmp_path / "a.png", (8, 8))
    writers.text(tmp_path / "a.txt", f"1 0.5 0.5 0.1 0.1\n\n{line}\n")
    with pytest.raises(DataError, match=rf"a\.txt:3: {fault}") as caught:
        load_dataset(tmp_path, CLASS_NAMES)
    assert "1 error in the labels" in str(caught.value)


def test_all_faults_are_counted_and_ten_shown(tmp_path, writers):
    writers.flat(tmp_path, [writers.Labelled("a", (8, 8)), writers.Labelled("b", (8, 8))])
    writers.text(tmp_path / "a.txt", "7 0.5 0.5 0.1 0.1\n" * 8)
    writers.text(tmp_path / "b.txt", "0 nan 0.5 0.1 0.1\n" * 5)
    with pytest.raises(DataError, match="13 errors in the labels, the first 10") as caught:
        load_dataset(tmp_path, CLASS_NAMES)
    assert str(caught.value).count("a.txt:") == 8
    assert str(caught.value).count("b.txt:") == 2


def test_label_file_that_is_no_text(tmp_path, writers):
    writers.flat(tmp_path, [writers.Labelled("a", (8, 8))])
    (tmp_path / "a.txt").write_bytes(b"\xc3\x28")
    with pytest.raises(DataError, match=r"a\.txt: is not UTF-8 text"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("train: [images", "cannot be read"),
        ("- train", "is not a mapping"),
        ("train: images/none\nnames: [a]", "names no images that exist"),
        ("train: {a: b}\nnames: [a]", "train is neither a path"),
        ("train: images\nnames: {a: 0}", "names is neither a list"),
        ("train: images\nnames: [a, b, a]", "class 'a' is given twice"),
    ],
)
def test_faulty_data_yaml(tmp_path, writers, text, fault):
    writers.picture(tmp_path / "images" / "a.png", (8, 8))
    writers.text(tmp_path / "data.yaml", text)
    with pytest.raises(DataError, match=rf"data\.yaml: .*{fault}"):
        load_dataset(tmp_path)
