"""A small network that keeps the output contract, generated images, and slow, plain oracles."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from tinydet.config.detector_spec import AnchorSpec, DetectorSpec, PreprocessSpec
from tinydet.data.augment import make_augmentation
from tinydet.data.dataset import Sample

HEIGHT, WIDTH = 64, 96
CLASS_NAMES = ("disc", "bar")


@pytest.fixture
def spec():
    return DetectorSpec(
        class_names=CLASS_NAMES,
        preprocess=PreprocessSpec(height=HEIGHT, width=WIDTH),
        anchors=AnchorSpec(smallest=(0.2, 0.3)),
    )


@pytest.fixture
def augmentation():
    return make_augmentation(
        {
            "random_flip": {"mode": "horizontal", "change_rate": 0.5},
            "random_brightness": {"factor": 0.2, "change_rate": 0.7},
        }
    )


@pytest.fixture
def make_samples(tmp_path):
    """Write images of bright rectangles (0 to 2 each) and give their samples."""

    def make(count, seed=3, folder="images", boxes_per_image=None, height=70):
        rng = np.random.default_rng(seed)
        samples = []
        for index in range(count):
            pixels = rng.integers(0, 90, (height, 100, 3)).astype(np.uint8)
            boxes, class_ids = [], []
            number = index % 3 if boxes_per_image is None else boxes_per_image
            for _ in range(number):
                x, y = rng.integers(0, 50), rng.integers(0, 30)
                w, h = rng.integers(25, 45), rng.integers(20, 38)
                class_ids.append(int(rng.integers(0, 2)))
                pixels[y : y + h, x : x + w, class_ids[-1]] = 250
                boxes.append((x / 100, y / 70, (x + w) / 100, (y + h) / 70))
            path = tmp_path / folder / f"{index}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(path)
            samples.append(
                Sample(
                    path,
                    np.array(boxes, np.float32).reshape(-1, 4),
                    np.array(class_ids, np.int64),
                    np.zeros(len(boxes), bool),
                )
            )
        return tuple(samples)

    return make


@pytest.fixture
def build_small():
    """A stand-in for ``build_detector`` that trains in seconds, with batch norm and dropout."""

    def build(seed=5, num_classes=2, dropout=0.3):
        import keras
        from keras import layers

        from tinydet.training import seed_everything

        seed_everything(seed)
        x = inputs = keras.Input((HEIGHT, WIDTH, 3))
        for _ in range(3):  # stride 8
            x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
            x = layers.BatchNormalization(momentum=0.9)(x)
            x = layers.ReLU(6.0)(x)
        x = layers.Dropout(dropout)(x)
        logits, deltas = [], []
        for level in range(5):
            if level:
                x = layers.DepthwiseConv2D(3, strides=2, padding="same")(x)
            for columns, levels in ((num_classes + 1, logits), (4, deltas)):
                levels.append(layers.Reshape((-1, columns))(layers.Conv2D(5 * columns, 1)(x)))
        parts = [layers.Concatenate(axis=1)(levels) for levels in (logits, deltas)]
        joined = layers.Concatenate(axis=2, name="class_logits_and_box_deltas")(parts)
        return keras.Model(inputs, joined, name="small")

    return build


def iou_and_cover(box, anchor):
    """IoU of two boxes and the share of the anchor that the box covers, exact."""
    box, anchor = [Fraction(float(v)) for v in box], [Fraction(float(v)) for v in anchor]
    sides = [max(min(box[i + 2], anchor[i + 2]) - max(box[i], anchor[i]), 0) for i in (0, 1)]
    shared = sides[0] * sides[1]
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, anchor)]
    return shared / (areas[0] + areas[1] - shared), shared / areas[1]


@pytest.fixture
def assign_plainly():
    """The law of the matcher's docstring in plain loops, for one image.

    Gives one entry per anchor: the index of the ground truth row it learns, "background" or None.
    """

    def assign(rows, anchors, positive_iou, negative_iou, anchors_per_object=1):
        objects = [i for i, row in enumerate(rows) if row[5] == 1]
        regions = [i for i, row in enumerate(rows) if row[5] == 2]
        iou = {
            (i, a): iou_and_cover(rows[i][:4], anchor)[0]
            for i in objects + regions
            for a, anchor in enumerate(anchors)
        }
        claims, spared = {}, set()  # anchor -> objects that it is one of the best anchors of
        for i in objects + regions:
            ranked = sorted(range(len(anchors)), key=lambda a, i=i: (-iou[i, a], a))
            for best in ranked[:anchors_per_object]:
                if iou[i, best] > 0 and i in objects:
                    claims.setdefault(best, []).append(i)
                elif iou[i, best] > 0:
                    spared.add(best)
        result = []
        for a, anchor in enumerate(anchors):
            candidates = claims.get(a, objects)
            best = max(candidates, key=lambda i, a=a: (iou[i, a], -i), default=None)
            overlap = iou[best, a] if best is not None else -1
            covered = a in spared or any(
                iou[i, a] >= negative_iou or iou_and_cover(rows[i][:4], anchor)[1] > Fraction(1, 2)
                for i in regions
            )
            if a in claims or overlap >= positive_iou:
                result.append(best)
            elif overlap >= negative_iou or covered:
                result.append(None)
            else:
                result.append("background")
        return result

    return assign
