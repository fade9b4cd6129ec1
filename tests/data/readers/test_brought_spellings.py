"""One meaning, written in another way: lists with holes, flags as text, names of other systems.

Each law stands for a kind of faults that gave wrong labels, or none, without a word.
"""

import json
import unicodedata

import pytest

from tests.data.readers.brought import BOX, YOLO_LINE, boxes_of, coco, picture
from tinydet.data.dataset import available_splits, load_dataset
from tinydet.errors import DataError

UPRIGHT = [[0.1, 0.2, 0.4, 0.6]]  # of BOX, and of YOLO_LINE


def classes_of(dataset):
    return {s.path.name: [dataset.class_names[c] for c in s.class_ids] for s in dataset.samples}


@pytest.mark.parametrize("gap", ["\n", " \n", "\n\n\n"])
def test_an_empty_line_in_a_list_of_names_is_a_number(tmp_path, writers, gap):
    picture(writers, tmp_path, "a.png")
    number = 1 + gap.count("\n")
    writers.text(tmp_path / "classes.txt", f"cat\n{gap}owl\n\n")
    writers.text(tmp_path / "a.txt", YOLO_LINE.replace("0 ", f"{number} ", 1))
    assert classes_of(load_dataset(tmp_path)) == {"a.png": ["owl"]}
    writers.text(tmp_path / "a.txt", YOLO_LINE.replace("0 ", "1 ", 1))
    with pytest.raises(DataError, match="class id 1 is out of range"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("[a, '']", "not empty"),
        ("{0: a, 1: ' '}", "not empty"),
        ("[a]\nnames: [b]", "'?names'? stands there twice"),
        ("{0: a, 0: b}", "'?0'? stands there twice"),
    ],
)
def test_names_without_a_meaning(tmp_path, writers, names, found):
    picture(writers, tmp_path, "images/a.png")
    writers.text(tmp_path / "labels/a.txt", YOLO_LINE)
    writers.text(tmp_path / "data.yaml", f"train: images\nnames: {names}\n")
    with pytest.raises(DataError, match=found):
        load_dataset(tmp_path)


def test_images_of_two_parts_are_read_once(tmp_path, writers):
    picture(writers, tmp_path, "images/a.png", "images/b.png")
    writers.text(tmp_path / "labels/a.txt", "0 .1 .1 .3 .1 .3 .4\n")
    writers.text(tmp_path / "data.yaml", "train: images\nval: images\nnames: [a]\n")
    assert writers.counts(load_dataset(tmp_path)) == {"polygons": 1, "unlabelled_images": 1}
    writers.text(tmp_path / "labels/a.txt", "1 .5 .5 .1 .1\n")
    with pytest.raises(DataError, match="1 error in the labels"):
        load_dataset(tmp_path)


def test_labels_that_lie_less_deep_than_their_images_are_counted(tmp_path, writers):
    picture(writers, tmp_path, "images/day/a.png", "images/b.png", "images/c.png")
    writers.text(tmp_path / "labels/a.txt", YOLO_LINE)
    writers.text(tmp_path / "labels/c.txt", YOLO_LINE)
    writers.text(tmp_path / "data.yaml", "train: images/day\nnames: [a]\n")
    dataset = load_dataset(tmp_path)
    assert writers.counts(dataset)["orphan_labels"] == 1
    assert dataset.findings.examples["orphan_labels"] == [str(tmp_path / "labels/a.txt")]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("kind", ["yolo", "coco", "voc"])
def test_accents_as_one_character_or_two(tmp_path, writers, kind, form):
    other = "NFD" if form == "NFC" else "NFC"
    image, label = (unicodedata.normalize(f, "é1") for f in (form, other))
    if kind == "yolo":
        picture(writers, tmp_path, f"images/{image}.png")
        writers.text(tmp_path / f"labels/{label}.txt", YOLO_LINE)
    elif kind == "coco":
        picture(writers, tmp_path, f"images/{image}.png")
        writers.text(tmp_path / "labels.json", coco([f"{label}.png"]))
    else:
        picture(writers, tmp_path, f"JPEGImages/{image}.png")
        box = "<xmin>10</xmin><ymin>10</ymin><xmax>40</xmax><ymax>30</ymax>"
        text = f"<annotation><object><name>a</name><bndbox>{box}</bndbox></object></annotation>"
        writers.text(tmp_path / f"Annotations/{label}.xml", text)
    assert boxes_of(load_dataset(tmp_path)) == {f"{image}.png": UPRIGHT}


@pytest.mark.parametrize(
    ("flag", "is_set"),
    [("0", False), ("false", False), (0.0, False), (None, False), ("1", True), (True, True)],
)
@pytest.mark.parametrize("key", ["iscrowd", "ignore"])
def test_flags_as_text(tmp_path, writers, key, flag, is_set):
    picture(writers, tmp_path, "a.png")
    entry = {"id": 1, "image_id": 0, "category_id": 1, "bbox": BOX, key: flag}
    writers.text(tmp_path / "labels.json", coco(["a.png"], annotations=[entry]))
    [sample] = load_dataset(tmp_path).samples
    assert sample.ignored.tolist() == [is_set]


def test_masks_keypoints_and_addresses_of_coco(tmp_path, writers):
    picture(writers, tmp_path, "train2017/1.png")
    entries = [
        {"segmentation": {"counts": "abc", "size": [50, 100]}},
        {"bbox": BOX, "keypoints": [1, 2, 2], "num_keypoints": 1},
    ]
    entries = [{"id": i, "image_id": 0, "category_id": 1, **e} for i, e in enumerate(entries)]
    image = {"id": 0, "coco_url": "http://host/train2017/1.png", "width": 100, "height": 50}
    writers.text(tmp_path / "a_train.json", coco([], images=[image], annotations=entries))
    dataset = load_dataset(tmp_path)
    assert boxes_of(dataset) == {"1.png": UPRIGHT}
    counts = writers.counts(dataset)
    assert (counts["other_shapes"], counts["keypoints"]) == (1, 1)


def test_a_name_that_several_files_have_is_said(tmp_path, writers):
    picture(writers, tmp_path, "images/a/1.png", "images/b/1.png")
    writers.text(tmp_path / "labels.json", coco(["1.png"]))
    with pytest.raises(DataError, match=r"a name that several files have: 1\.png"):
        load_dataset(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "header",
    [
        "filename,class,xmin,ymin,xmax,ymax",
        " File_Name , Class Name,X min,Y min,X max,Y max",
        "image,label,x1,y1,x2,y2",
        "img;category;left;top;right;bottom",
        "path\tname\tx_min\ty_min\tx_max\ty_max",
    ],
)
def test_headers_of_tables(tmp_path, writers, header, encoding):
    picture(writers, tmp_path, "images/a.png")
    delimiter = next(d for d in ";\t," if d in header)
    corners = ["10,0", "10", "40", "30,0"] if delimiter != "," else ["10.0", "10", "40", "30"]
    row = delimiter.join(["a.png", "ball", *corners])
    (tmp_path / "labels.csv").write_bytes(f"{header}\n{row}\n".encode(encoding))
    assert boxes_of(load_dataset(tmp_path)) == {"a.png": UPRIGHT}


def test_parts_that_a_column_tells(tmp_path, writers):
    picture(writers, tmp_path, "a.png", "b.png", "c.png")
    rows = "".join(
        f"{n}.png,ball,10,10,40,30,{p}\n"
        for n, p in zip("abc", ("TRAIN", "test", "x"), strict=True)
    )
    writers.text(tmp_path / "train.csv", "filename,class,xmin,ymin,xmax,ymax,split\n" + rows)
    assert available_splits(tmp_path) == ("train", "test")
    for part, name in (("train", "a.png"), ("test", "b.png")):
        assert boxes_of(load_dataset(tmp_path, split=part)) == {name: UPRIGHT}
    dataset = load_dataset(tmp_path)
    assert sorted(boxes_of(dataset)) == ["a.png", "b.png"]
    assert dataset.findings.examples["partless_images"] == ["c.png"]


def test_voc_lists_of_each_class_tell_the_parts(tmp_path, writers):
    for name in "abcd":
        picture(writers, tmp_path, f"JPEGImages/{name}.png")
        writers.text(tmp_path / f"Annotations/{name}.xml", "<annotation></annotation>")
    for part, names in (("train", "ab"), ("val", "cd")):
        for kind in ("cat", "dog"):
            lines = "".join(f"{name} {flag:2}\n" for name, flag in zip(names, (1, -1), strict=True))
            writers.text(tmp_path / f"ImageSets/Main/{kind}_{part}.txt", lines)
    assert available_splits(tmp_path) == ("train", "val")
    assert sorted(boxes_of(load_dataset(tmp_path, split="val"))) == ["c.png", "d.png"]


def region(kind="rectanglelabels", **changes):
    value = {"x": 10, "y": 20, "width": 30, "height": 40, kind: ["ball"]}
    return {"original_width": 100, "original_height": 50, "value": value, "id": "r", **changes}


SHAPE = {"x": 10, "y": 20, "width": 30, "height": 40}


@pytest.mark.parametrize(
    ("results", "counts"),
    [
        ([region(value=SHAPE), region("labels")], {}),
        ([region("labels", value={"labels": ["ball"]}), region(value=SHAPE)], {}),
        ([region(), region(value={**SHAPE, "choices": ["wet"]})], {}),
        ([region(), region(id="s", value=SHAPE)], {"unnamed_shapes": 1}),
        ([region(), region(value={**SHAPE, "x": 50, "rectanglelabels": ["box"]})], "both"),
    ],
)
def test_a_shape_and_its_label_may_be_two_results(tmp_path, writers, results, counts):
    picture(writers, tmp_path, "a.png")
    task = {"data": {"photo": "a.png", "site": "north"}, "annotations": [{"result": results}]}
    writers.text(tmp_path / "export.json", json.dumps([task]))
    dataset = load_dataset(tmp_path)
    [sample] = dataset.samples
    assert len(sample.boxes) == (2 if counts == "both" else 1)
    assert boxes_of(dataset)["a.png"][0] == UPRIGHT[0]
    assert {k: v for k, v in writers.counts(dataset).items() if "shapes" in k} == (
        {} if counts == "both" else counts
    )


def test_predictions_and_old_exports_of_label_studio(tmp_path, writers):
    picture(writers, tmp_path, "a.png", "b.png")
    tasks = [
        {"data": {"image": "a.png"}, "completions": [{"result": [region()]}]},
        {"data": {"image": "b.png"}, "completions": [], "predictions": [{"result": [region()]}]},
    ]
    writers.text(tmp_path / "export.json", json.dumps(tasks))
    dataset = load_dataset(tmp_path)
    assert boxes_of(dataset) == {"a.png": UPRIGHT, "b.png": []}
    assert writers.counts(dataset)["cancelled_labels"] == 1


def test_an_image_inside_its_label_file_is_said(tmp_path, writers):
    shape = {"label": "ball", "points": [[10, 10], [40, 30]], "shape_type": "rectangle"}
    content = {"shapes": [shape], "imagePath": "b.png", "imageHeight": 50, "imageWidth": 100}
    writers.text(tmp_path / "b.json", json.dumps({**content, "imageData": "aGk="}))
    picture(writers, tmp_path, "a.png")
    writers.text(tmp_path / "a.json", json.dumps({**content, "imagePath": "a.png"}))
    assert writers.counts(load_dataset(tmp_path))["embedded_images"] == 1


CVAT_IMAGE = '<image id="0" name="{0}.png" width="100" height="50"{1}>{2}</image>'


def test_a_turned_ellipse_and_tracks_of_cvat(tmp_path, writers):
    picture(writers, tmp_path, "a.png")
    shape = '<ellipse label="a" cx="50" cy="25" rx="20" ry="10" rotation="90"/>'
    content = CVAT_IMAGE.format("a", "", shape) + '<track id="0" label="a"/>'
    writers.text(tmp_path / "annotations.xml", f"<annotations>{content}</annotations>")
    dataset = load_dataset(tmp_path)
    assert boxes_of(dataset) == {"a.png": [[0.4, 0.1, 0.6, 0.9]]}
    assert writers.counts(dataset) == {"rotated_boxes": 1, "other_shapes": 1}


def test_subsets_of_cvat_lead_over_the_name_of_the_file(tmp_path, writers):
    picture(writers, tmp_path, "a.png", "b.png", "c.png")
    subsets = zip("abc", (' subset="Train"', ' subset="Validation"', ""), strict=True)
    images = "".join(CVAT_IMAGE.format(name, subset, "") for name, subset in subsets)
    writers.text(tmp_path / "train.xml", f"<annotations>{images}</annotations>")
    assert available_splits(tmp_path) == ("train", "val")
    dataset = load_dataset(tmp_path)
    assert sorted(boxes_of(dataset)) == ["a.png", "b.png"]
    assert dataset.findings.examples["partless_images"] == ["c.png"]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("labels/a.txt", "Big apple 10 10 40 30\n", "OIDv4"),
        ("gt/gt.txt", "1,1,10,10,30,20,1,1,1\n", "MOT"),
        ("wider_face_train_bbx_gt.txt", "images/a.png\n", "WIDER"),
        ("labels.json", '{"images": [], "annotations": []}', "without categories"),
        ("labels.json", '[{"image_id": 0, "bbox": [1, 2, 3, 4]}]', "COCO results"),
        ("a.csv", "image_id,width,bbox\n", "columns imageid, width, bbox"),
        ("in.zip", "x", "an archive and not unpacked"),
        ("a.json", '{"items": [], "categories": {}}', "Datumaro"),
        ("a.json", '{"asset": {}, "regions": []}', "VoTT"),
        ("a.json", '{"metadata": {}, "instances": []}', "SuperAnnotate"),
        ("a.json", '[{"Labeled Data": "a.png", "Label": {}}]', "Labelbox"),
    ],
)
def test_what_it_is_and_not_only_that_it_is_none(tmp_path, writers, name, text, found):
    picture(writers, tmp_path, "images/a.png")
    writers.text(tmp_path / name, text)
    with pytest.raises(DataError, match=found):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("points", "box"),
    [
        ("<pt><x>10</x><y>30</y></pt><pt><x>40</x><y>10</y></pt>", UPRIGHT),
        ("<x1>10</x1><y1>10</y1><x2>40</x2><y2>10</y2><x3>40</x3><y3>30</y3>", UPRIGHT),
        ("<x1>10</x1><y1>10</y1><x2>a</x2><y2>10</y2>", None),
        ("", None),
    ],
)
def test_voc_with_polygons_only(tmp_path, writers, points, box):
    picture(writers, tmp_path, "a.png")
    item = "<object><name>a</name>{0}<polygon>" + points + "</polygon></object>"
    items = item.format("<deleted>0</deleted>") + item.format("<deleted>1</deleted>")
    writers.text(tmp_path / "a.xml", f"<annotation>{items}</annotation>")
    if box is None:
        with pytest.raises(DataError, match="object 1: has neither a bndbox nor a polygon"):
            load_dataset(tmp_path)
    else:
        dataset = load_dataset(tmp_path)
        assert boxes_of(dataset) == {"a.png": box}
        assert writers.counts(dataset)["polygons"] == 1
        assert writers.counts(dataset)["cancelled_labels"] == 1


def test_a_missing_part_is_not_another_one(tmp_path, writers):
    """``valid/images`` of another machine is not the ``images`` that are trained on."""
    picture(writers, tmp_path, "images/a.png")
    writers.text(tmp_path / "labels/a.txt", YOLO_LINE)
    keys = "train: /home/me/set/images\nval: /home/me/set/valid/images\n"
    writers.text(tmp_path / "data.yaml", keys + "names: [a]\n")
    dataset = load_dataset(tmp_path)
    assert dataset.splits == ("train",)
    assert writers.counts(dataset) == {"moved_parts": 1, "missing_parts": 1}


def test_thumbnails_of_a_file_server_are_no_images(tmp_path, writers):
    picture(writers, tmp_path, "images/a.png", "images/@eaDir/a.png/THUMB.png", "__MACOSX/b.png")
    writers.text(tmp_path / "labels/a.txt", YOLO_LINE)
    assert list(boxes_of(load_dataset(tmp_path))) == ["a.png"]


def test_data_sets_in_a_folder_are_named(tmp_path, writers):
    for year in ("VOC2007", "VOC2012"):
        picture(writers, tmp_path, f"VOCdevkit/{year}/JPEGImages/a.png")
        writers.text(tmp_path / f"VOCdevkit/{year}/Annotations/a.xml", "<annotation></annotation>")
    with pytest.raises(DataError, match=r"contains 2 data sets \(VOC2007, VOC2012\)"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "found"),
    [("labels.json", "is not UTF-8 text"), ("labels.csv", "is not UTF-8 text")],
)
def test_the_encoding_is_what_is_wrong(tmp_path, writers, name, found):
    picture(writers, tmp_path, "a.png")
    text = coco(["a.png"]).replace("ball", "Größe") if "json" in name else "Größe,class\n"
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=found):
        load_dataset(tmp_path)


def test_pointers_of_git_lfs(tmp_path, writers):
    """Of any file: label, table, zip."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    picture(writers, tmp_path, "images/a.png")
    for name in ("labels/a.txt", "d.zip", "d.json"):
        path = writers.text(tmp_path / name, pointer)
        with pytest.raises(DataError, match="pointer of Git LFS"):
            load_dataset(tmp_path if name.endswith("txt") else path)
        path.unlink()
