"""Writers of every format, after what each tool exports; they share no code with the readers.

A data set is its parts: name of the part to images ``(name, (height, width), boxes)``, a box being
``(class, x_min, y_min, x_max, y_max)`` in whole pixels.
"""

import csv
import io
import json
import struct

import numpy as np
from PIL import Image

NAMES = ("cat", "dog", "a b")
PARTS = {"train": "train", "val": "valid", "test": "test"}


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
