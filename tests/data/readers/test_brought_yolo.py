"""YOLO folders as people bring them: read as they are meant, or refused in one true sentence.

Each test makes its own input, a member of a kind of faults that public bug reports are about.
"""

import pytest

from tests.data.readers.brought import FRACTIONS, SIZE, YOLO_LINE, boxes_of, picture
from tinydet.data.check import check_dataset, format_check
from tinydet.data.dataset import available_splits, load_dataset
from tinydet.errors import DataError


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
    assert "\n      2  images that also occur in another part" in format_check(report)


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
