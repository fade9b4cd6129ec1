"""What was written is what is read, in every format: nothing lost, nothing added, parts apart.

The writers follow what each tool exports and share no code with the readers.
"""

import csv
import io
import json
import shutil
import struct
import tempfile
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tinydet.data.dataset import available_splits, load_dataset
from tinydet.errors import DataError

NAMES = ("cat", "dog", "a b")
PARTS = {"train": "train", "val": "valid", "test": "test"}


@st.composite
def labelled_images(draw):
    """Part to images: name, (height, width), boxes (class, x_min, y_min, x_max, y_max) px."""
    parts = {}
    for part in draw(st.sampled_from([("train",), ("train", "val"), ("train", "val", "test")])):
        images = []
        for index in range(draw(st.integers(1, 3))):
            height, width = draw(st.integers(4, 40)), draw(st.integers(4, 40))
            boxes = {}
            for _ in range(draw(st.integers(0, 3))):
                x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
                x1, y1 = draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height))
                boxes[draw(st.integers(0, 2)), x0, y0, x1, y1] = None
            images.append((f"{part} {index}", (height, width), list(boxes)))
        parts[part] = images
    first = parts["train"][0]
    parts["train"][0] = (*first[:2], sorted({(0, 0, 0, 1, 1), *first[2]}))  # a label to recognise
    return parts


def picture(path, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(path)


def text(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def yolo_lines(size, boxes):
    height, width = size
    return "".join(
        f"{c} {(x0 + x1) / 2 / width!r} {(y0 + y1) / 2 / height!r} {(x1 - x0) / width!r} "
        f"{(y1 - y0) / height!r}\n"
        for c, x0, y0, x1, y1 in boxes
    )


def yolo(root, parts):
    for part, images in parts.items():
        for name, size, boxes in images:
            picture(root / PARTS[part] / "images" / f"{name}.png", size)
            text(root / PARTS[part] / "labels" / f"{name}.txt", yolo_lines(size, boxes))
    keys = "".join(f"{part}: ../{PARTS[part]}/images\n" for part in parts)
    text(root / "data.yaml", keys + "nc: 3\nnames: [cat, dog, a b]\n")


def darknet(root, parts):
    for part, images in parts.items():
        for name, size, boxes in images:
            picture(root / f"obj_{part}_data" / f"{name}.png", size)
            text(root / f"obj_{part}_data" / f"{name}.txt", yolo_lines(size, boxes))
        lines = "".join(f"data/obj_{part}_data/{name}.png\n" for name, *_ in images)
        text(root / f"{PARTS[part]}.txt", lines)
    keys = "".join(f"{PARTS[part]} = data/{PARTS[part]}.txt\n" for part in parts)
    text(root / "obj.data", f"classes = 3\n{keys}names = data/obj.names\n")
    text(root / "obj.names", "cat\ndog\na b\n")


def tfs(root, parts):
    """A TensorProto by hand: dtype, shape, content."""
    for part, images in parts.items():
        for name, size, boxes in images:
            picture(root / part / f"{name}.png", size)
            rows = np.zeros((5, 5), np.float32)
            lines = [line.split() for line in yolo_lines(size, boxes).splitlines()]
            rows[: len(lines)] = np.reshape(np.array(lines, np.float32), (-1, 5))
            shape = b"\x12\x08" + b"\x12\x02\x08\x05" * 2
            content = b"\x22" + struct.pack("B", 100) + rows.tobytes()
            (root / part / f"{name}.tfs").write_bytes(b"\x08\x01" + shape + content)
    text(root / "classes.txt", "cat\ndog\na b\n")


def coco(root, parts):
    for part, images in parts.items():
        content = {"images": [], "annotations": [], "categories": []}
        content["categories"] = [{"id": 9 - i, "name": n} for i, n in enumerate(NAMES)]
        for index, (name, size, boxes) in enumerate(images):
            picture(root / part / f"{name}.png", size)
            entry = {"id": index, "file_name": f"{name}.png", "height": size[0], "width": size[1]}
            content["images"].append(entry)
            content["annotations"] += [
                {"image_id": index, "category_id": 9 - c, "bbox": [x0, y0, x1 - x0, y1 - y0]}
                for c, x0, y0, x1, y1 in boxes
            ]
        text(root / "annotations" / f"instances_{part}2017.json", json.dumps(content))


def voc_xml(name, size, boxes):
    objects = "".join(
        f"<object><name>{NAMES[c]}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>"
        f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        for c, x0, y0, x1, y1 in boxes
    )
    return (
        f"<annotation><filename>{name}</filename><size><width>{size[1]}</width><height>{size[0]}"
        f"</height></size>{objects}</annotation>"
    )


def voc(root, parts):
    for part, images in parts.items():
        for name, size, boxes in images:
            picture(root / "JPEGImages" / f"{name}.png", size)
            text(root / "Annotations" / f"{name}.xml", voc_xml(f"{name}.png", size, boxes))
        text(root / "ImageSets/Main" / f"{part}.txt", "".join(f"{n}\n" for n, *_ in images))


def voc_beside(root, parts):
    for part, images in parts.items():
        for name, size, boxes in images:
            picture(root / PARTS[part] / f"{name}.png", size)
            text(root / PARTS[part] / f"{name}.xml", voc_xml(f"{name}.png", size, boxes))


def labelme(root, parts):
    for part, images in parts.items():
        for name, size, boxes in images:
            picture(root / part / f"{name}.png", size)
            shapes = [
                {"label": NAMES[c], "points": [[x1, y0], [x0, y1]], "shape_type": "rectangle"}
                for c, x0, y0, x1, y1 in boxes
            ]
            content = {"imagePath": f"..\\x\\{name}.png", "shapes": shapes, "imageData": None}
            sizes = {"imageHeight": size[0], "imageWidth": size[1]}
            text(root / part / f"{name}.json", json.dumps({**content, **sizes}))


def label_studio_regions(size, boxes):
    height, width = size
    for c, x0, y0, x1, y1 in boxes:
        value = {"x": x0 * 100 / width, "y": y0 * 100 / height, "rectanglelabels": [NAMES[c]]}
        value |= {"width": (x1 - x0) * 100 / width, "height": (y1 - y0) * 100 / height}
        yield {"value": value, "original_width": width, "original_height": height}


def label_studio(root, parts):
    for part, images in parts.items():
        tasks = []
        for name, size, boxes in images:
            picture(root / "images" / part / f"{name}.png", size)
            result = list(label_studio_regions(size, boxes))
            address = f"/data/local-files/?d=x/images/{part}/{name.replace(' ', '%20')}.png"
            tasks.append({"data": {"image": address}, "annotations": [{"result": result}]})
        text(root / f"{part}.json", json.dumps(tasks))


def label_studio_min(root, parts):
    for part, images in parts.items():
        tasks = []
        for name, size, boxes in images:
            picture(root / part / f"{name}.png", size)
            regions = [{**r.pop("value"), **r} for r in list(label_studio_regions(size, boxes))]
            task = {"image": f"/data/upload/1/01234abc-{name}.png", "id": 1, "annotator": 1}
            tasks.append({**task, "label": regions} if regions else task)
        text(root / f"{part}.json", json.dumps(tasks))


def cvat(root, parts):
    content = "".join(f"<label><name>{name}</name></label>" for name in NAMES)
    content = f"<meta><job><labels>{content}</labels></job></meta>"
    for part, images in parts.items():
        for name, size, boxes in images:
            picture(root / "images" / f"{name}.png", size)
            shapes = "".join(
                f'<box label="{NAMES[c]}" xtl="{x0}" ytl="{y0}" xbr="{x1}" ybr="{y1}"/>'
                for c, x0, y0, x1, y1 in boxes
            )
            content += (
                f'<image name="{name}.png" subset="{part.title()}" width="{size[1]}" '
                f'height="{size[0]}">{shapes}</image>'
            )
    text(root / "annotations.xml", f"<annotations>{content}</annotations>")


def table(rows):
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    return stream.getvalue()


def tensorflow_csv(root, parts):
    header = ["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax"]
    for part, images in parts.items():
        rows = [header]
        for name, (height, width), boxes in images:
            picture(root / PARTS[part] / f"{name}.png", (height, width))
            rows += [[f"{name}.png", width, height, NAMES[c], *box] for c, *box in boxes]
            if not boxes:
                rows.append([f"{name}.png", width, height, "", "", "", "", ""])
        text(root / PARTS[part] / "_annotations.csv", table(rows))


def retinanet_csv(root, parts):
    for part, images in parts.items():
        rows = []
        for name, size, boxes in images:
            picture(root / PARTS[part] / f"{name}.png", size)
            rows += [[f"{name}.png", *box, NAMES[c]] for c, *box in boxes]
            rows += [] if boxes else [[f"{name}.png", "", "", "", "", ""]]
        text(root / PARTS[part] / "_annotations.csv", table(rows))


def listed(root, parts):
    for part, images in parts.items():
        lines = ""
        for name, size, boxes in images:
            picture(root / PARTS[part] / f"{name}.png", size)
            lines += f"{name}.png " + " ".join(
                f"{x0},{y0},{x1},{y1},{c}" for c, x0, y0, x1, y1 in boxes
            )
            lines += "\n"
        text(root / PARTS[part] / "_annotations.txt", lines)
        text(root / PARTS[part] / "_classes.txt", "cat\ndog\na b\n")


def open_images(root, parts):
    words = {"train": "train", "val": "validation", "test": "test"}
    codes = {name: f"/m/{index}" for index, name in enumerate(NAMES)}
    text(root / "class-descriptions-boxable.csv", table([[c, n] for n, c in codes.items()]))
    header = ["ImageID", "Source", "LabelName", "XMin", "XMax", "YMin", "YMax", "IsGroupOf"]
    for part, images in parts.items():
        rows = [header]
        for name, (height, width), boxes in images:
            picture(root / words[part] / f"{name}.jpg", (height, width))
            rows += [
                [name, "x", codes[NAMES[c]], x0 / width, x1 / width, y0 / height, y1 / height, 0]
                for c, x0, y0, x1, y1 in boxes
            ]
        text(root / f"{words[part]}-annotations-bbox.csv", table(rows))


# Open Images lists no image without a box: it cannot be told from one that is not labelled.
LOSES_NEGATIVES = {open_images}
WRITERS = (
    *(yolo, darknet, tfs, coco, voc, voc_beside, labelme, label_studio, label_studio_min),
    *(cvat, tensorflow_csv, retinanet_csv, listed, open_images),
)


def as_read(dataset):
    return {
        sample.path.stem: sorted(
            (dataset.class_names[c], *np.round(box, 5).tolist())
            for c, box in zip(sample.class_ids, sample.boxes, strict=True)
        )
        for sample in dataset.samples
    }


def as_written(images, writer):
    return {
        name: sorted(
            (NAMES[c], *np.round(np.float32([x0 / w, y0 / h, x1 / w, y1 / h]), 5).tolist())
            for c, x0, y0, x1, y1 in boxes
        )
        for name, (h, w), boxes in images
        if boxes or writer not in LOSES_NEGATIVES
    }


@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=6, deadline=None)
@given(parts=labelled_images())
def test_what_was_written_is_read(writer, parts):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        writer(root, parts)
        written = {part: as_written(images, writer) for part, images in parts.items()}
        expected_parts = tuple(part for part, images in written.items() if images)
        assert available_splits(root) == tuple(parts)
        for part in expected_parts:
            assert as_read(load_dataset(root, split=part)) == written[part]
        everything = load_dataset(root)
        whole = {name: boxes for images in written.values() for name, boxes in images.items()}
        assert as_read(everything) == whole
        told = {"absent_classes", "moved_images", "moved_parts", "unlabelled_images"}
        told.add("unknown_sizes")  # two kinds of tables have none
        if writer in LOSES_NEGATIVES:
            told.add("unlisted_images")
        assert set(everything.findings.counts) <= told


@pytest.fixture
def example():
    return {
        "train": [("a", (10, 20), [(0, 1, 1, 6, 9), (2, 0, 0, 20, 10)]), ("b", (8, 8), [])],
        "val": [("c", (30, 10), [(1, 2, 3, 10, 30)])],
    }


@pytest.mark.parametrize("writer", WRITERS)
def test_a_zip_of_it_is_the_same(tmp_path, monkeypatch, example, writer):
    """Also where all lies in one folder inside of the zip; it is unpacked once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    writer(tmp_path / "in/set", example)
    path = Path(shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "in"))
    assert available_splits(path) == ("train", "val")
    assert as_read(load_dataset(path)) == as_read(load_dataset(tmp_path / "in/set"))
    [unpacked] = (tmp_path / "cache/tinydet/archives").iterdir()
    before = unpacked.stat().st_mtime_ns
    load_dataset(path, split="val")
    assert unpacked.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("name", "found"),
    [("../a.png", "leaves its folder"), ("/a.png", "leaves its folder"), ("C:/a", "leaves its")],
)
def test_a_zip_that_leaves_its_folder(tmp_path, monkeypatch, name, found):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(DataError, match=found):
        load_dataset(tmp_path / "a.zip")
    assert not (tmp_path / "cache").exists()


def test_a_zip_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tinydet.data.readers.archives.HARMLESS_BYTES", 1 << 16)
    with ZipFile(tmp_path / "a.zip", "w", compression=8) as archive:
        archive.writestr("a.png", bytes(1 << 20))
    with pytest.raises(DataError, match="would unpack to"):
        load_dataset(tmp_path / "a.zip")
    assert not (tmp_path / "cache").exists()


def test_a_damaged_zip(tmp_path, monkeypatch, example):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yolo(tmp_path / "set", example)
    path = Path(shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "set"))
    content = path.read_bytes()
    with ZipFile(path) as archive:
        info = next(i for i in archive.infolist() if i.filename.endswith(".png"))
    start = info.header_offset + 30 + len(info.filename)
    for damaged in (content[: len(content) // 2], content[:start] + b"xxxx" + content[start + 4 :]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="no zip file that can be read"):
            load_dataset(path)
    assert not any((tmp_path / "cache").rglob("*.png"))


def test_archives_inside_are_told(tmp_path, monkeypatch, example):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yolo(tmp_path / "set", example)
    (tmp_path / "set/more.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    path = Path(shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "set"))
    assert load_dataset(path).findings.counts["inner_archives"] == 1


@pytest.mark.parametrize("second", [coco, voc, labelme])
def test_several_data_sets_are_joined_by_class_name(tmp_path, example, second):
    yolo(tmp_path / "one", {"train": example["train"]})
    second(tmp_path / "two", {"train": example["val"]})
    joined = load_dataset([tmp_path / "one", tmp_path / "two"])
    assert joined.class_names[:3] == NAMES
    images = [*example["train"], *example["val"]]
    assert as_read(joined) == as_written(images, second)
    chosen = load_dataset([tmp_path / "two", tmp_path / "one"], ["dog"])
    assert chosen.class_names == ("dog",)
    assert chosen.findings.counts["other_class_boxes"] == 2
    assert sum(len(sample.boxes) for sample in chosen.samples) == 1
    with pytest.raises(DataError, match="no class 'horse'"):
        load_dataset([tmp_path / "two", tmp_path / "one"], ["horse"])


def test_classes_by_number_cannot_be_joined(tmp_path, example):
    yolo(tmp_path / "one", {"train": example["train"]})
    darknet(tmp_path / "two", {"train": example["val"]})
    (tmp_path / "two/obj.names").unlink()
    with pytest.raises(DataError, match="by number only"):
        load_dataset([tmp_path / "one", tmp_path / "two"])
    joined = load_dataset([tmp_path / "one", tmp_path / "two"], NAMES)
    assert as_read(joined) == as_written([*example["train"], *example["val"]], darknet)


def test_labels_whose_images_lie_elsewhere(tmp_path, example):
    for writer, labels in ((coco, "annotations/instances_train2017.json"), (voc, "Annotations")):
        root = tmp_path / writer.__name__
        writer(root, {"train": example["train"]})
        images = next(p for p in root.iterdir() if p.name in ("train", "JPEGImages"))
        images.rename(tmp_path / f"pictures of {writer.__name__}")
        dataset = load_dataset(
            root / labels, image_folder=tmp_path / f"pictures of {writer.__name__}"
        )
        assert as_read(dataset) == as_written(example["train"], writer)
