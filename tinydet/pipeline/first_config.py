"""What a first configuration takes from the data set and from the number of epochs."""

from pathlib import Path

import numpy as np

from tinydet.anchors import make_anchors
from tinydet.boxes import iou_matrix
from tinydet.data.dataset import Dataset, load_dataset

INPUT_SIZE = (192, 192)  # of the template
NEAR_IOU = 0.4  # from which an anchor is no background to the object
ENOUGH = 0.9  # of the objects
MOST_OBJECTS = 2000  # looked at, evenly taken


def facts_of(data: Path) -> tuple[tuple[str, ...], str]:
    """Class names of a data set, and the anchors for its objects.

    Raises:
        DataError: It cannot be read.
    """
    dataset = load_dataset(data)
    return dataset.class_names, anchors_for(dataset, *INPUT_SIZE)


def anchors_for(dataset: Dataset, height: int, width: int) -> str:
    """``published`` where its anchors come near to nearly all objects, else ``compact``.

    ``published`` begins with large anchors (0.26 of the side at 192 px) and has very many of them:
    a large object is learnt by dozens. ``compact`` begins at 0.09 and comes near to small ones.

    Args:
        dataset: Its labelled boxes.
        height: Network input height, pixels; the image is stretched to it.
        width: Network input width, pixels.

    Returns:
        Value of ``training.model.anchors``.
    """
    boxes = np.concatenate(
        [np.zeros((0, 4), np.float32), *(s.boxes[~s.ignored] for s in dataset.samples)]
    )
    boxes = boxes[:: -(-len(boxes) // MOST_OBJECTS) or 1]
    if not len(boxes):
        return "compact"
    anchors = make_anchors(height, width)
    best = np.array([iou_matrix(box[None], anchors).max() for box in boxes])
    return "published" if np.mean(best >= NEAR_IOU) >= ENOUGH else "compact"


def fitted_defaults(epochs: int | None) -> dict[str, int]:
    """The schedule of the defaults, fitted to another number of epochs.

    One that ends early or late costs accuracy: the learning rate must come down at the end.
    """
    if epochs is None:
        return {}
    warmup = min(3, epochs // 10)
    key = "training.callbacks.LRWarmupCosineDecay"
    return {f"{key}.warmup_steps": warmup, f"{key}.decay_steps": max(1, epochs - warmup)}
