"""What a first configuration takes from the data set and from the number of epochs."""

from pathlib import Path

import numpy as np

from tinydet.anchors import make_anchors
from tinydet.boxes import iou_matrix
from tinydet.config.schema.training import ANCHOR_PRESETS
from tinydet.data.dataset import Dataset, load_dataset
from tinydet.pipeline.datasets import training_split

INPUT_SIZE = (192, 192)  # of the template
FITTING_ANCHORS = 10  # an object is learnt well by many anchors, not by its best one alone
MOST_OBJECTS = 2000  # looked at, evenly taken
DEFAULT_ANCHORS = "wide"


def facts_of(data: Path) -> tuple[tuple[str, ...], str]:
    """Class names of a data set, and the anchors for its objects.

    Raises:
        DataError: It cannot be read.
    """
    dataset = load_dataset(data, split=training_split(data))
    return dataset.class_names, anchors_for(dataset, *INPUT_SIZE)


def anchors_for(dataset: Dataset, height: int, width: int) -> str:
    """The preset whose anchors fit the objects best: not one anchor each, but ten.

    The best anchor of an object says little about how well it is learnt: boxes become tight where
    many anchors fit. So the presets are compared by the IoU of the tenth best anchor, averaged
    over the objects. On people, blood cells and the demo's objects this order is that of the AP
    that was measured.

    Args:
        dataset: Its labelled boxes.
        height: Network input height, pixels; the image is stretched to it.
        width: Network input width, pixels.

    Returns:
        Value of ``training.model.anchors``; ``wide`` where nothing is labelled.
    """
    boxes = np.concatenate(
        [np.zeros((0, 4), np.float32), *(s.boxes[~s.ignored] for s in dataset.samples)]
    )
    boxes = boxes[:: -(-len(boxes) // MOST_OBJECTS) or 1]
    if not len(boxes):
        return DEFAULT_ANCHORS
    fits = {}
    for name, preset in ANCHOR_PRESETS.items():
        anchors = make_anchors(height, width, preset.smallest, preset.largest, preset.aspect_ratios)
        best = [np.partition(iou_matrix(box[None], anchors)[0], -FITTING_ANCHORS) for box in boxes]
        fits[name] = float(np.mean([iou[-FITTING_ANCHORS] for iou in best]))
    return max(fits, key=lambda name: fits[name])


def fitted_defaults(epochs: int | None) -> dict[str, int]:
    """The schedule of the defaults, fitted to another number of epochs.

    One that ends early or late costs accuracy: the learning rate must come down at the end.
    """
    if epochs is None:
        return {}
    warmup = min(3, epochs // 10)
    key = "training.callbacks.LRWarmupCosineDecay"
    return {f"{key}.warmup_steps": warmup, f"{key}.decay_steps": max(1, epochs - warmup)}
