"""Small data sets as people bring them: pictures of 100 x 50 pixels with one box each."""

import json

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
