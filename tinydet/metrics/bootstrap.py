"""How far an AP could be off because of which images happened to be measured.

The bootstrap: the images are drawn anew, with replacement, as often as there are images, many
times over; the AP of each draw is what another set of images of the same kind might have given.
An image is drawn whole, since its detections stand or fall together. Two detectors are compared
on the same draws, so that what makes an image hard for both cancels out.

Reference:
    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile
    intervals).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tinydet.boxes import IntArray
from tinydet.metrics.matching import HIT, IGNORED, BoolArray, DoubleArray, GroundTruth, Matches

RESAMPLES = 500  # the ends of the interval then move by about a twentieth of its width
SEED = 0  # the same figures give the same interval
COVERAGE = 0.95  # of the interval
CHUNK = 16  # draws at a time: memory stays at a few of them times the number of detections


class Interval(NamedTuple):
    """Ends of a 95 % interval, in the unit of what it is about."""

    low: float
    high: float


def draw_images(num_images: int, resamples: int = RESAMPLES, seed: int = SEED) -> IntArray:
    """How often each image is in each draw.

    Args:
        num_images: Images there are, and images in each draw.
        resamples: Number of draws.
        seed: The same seed gives the same draws.

    Returns:
        ``[resamples, num_images]`` int64; each row sums to ``num_images``.
    """
    shares = np.full(num_images, 1 / max(num_images, 1))
    return np.random.default_rng(seed).multinomial(num_images, shares, size=resamples)


def resampled_ap(
    matches: Matches,
    ground_truth: Sequence[GroundTruth],
    iou_threshold: float,
    draws: IntArray,
) -> DoubleArray:
    """Mean AP over the classes for each draw of images.

    An image drawn twice counts as two images with the same detections and objects.

    Args:
        matches: Of these images.
        ground_truth: One per image.
        iou_threshold: In (0, 1].
        draws: From ``draw_images``, ``[R, images]``.

    Returns:
        ``[R]`` float64 in [0, 1]; nan for a draw without a counted object.
    """
    outcomes = matches.outcomes(iou_threshold)
    num_classes = len(matches.num_objects)
    objects = np.zeros((len(ground_truth), num_classes), np.int64)
    for index, truth in enumerate(ground_truth):
        objects[index] = np.bincount(truth.class_ids[~truth.ignored], minlength=num_classes)
    ap = np.full((len(draws), num_classes), np.nan)
    for class_id in range(num_classes):
        span = matches.class_range(class_id)
        judged = outcomes[span] != IGNORED
        images = matches.image_index[span][judged]
        hit = outcomes[span][judged] == HIT
        for start in range(0, len(draws), CHUNK):
            chunk = draws[start : start + CHUNK]
            ap[start : start + CHUNK, class_id] = _ap(
                chunk[:, images], hit, chunk @ objects[:, class_id]
            )
    known = ~np.isnan(ap)
    total = np.where(known, ap, 0.0).sum(axis=1)
    mean: DoubleArray = np.where(
        known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan
    )
    return mean


def interval_of(values: DoubleArray) -> Interval | None:
    """The interval that holds the middle 95 % of the values; None where none is known.

    >>> [round(end, 6) for end in interval_of(np.arange(401.0))]
    [10.0, 390.0]
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(known, (tail, 1 - tail))
    return Interval(float(low), float(high))


def _ap(weights: IntArray, hit: BoolArray, num_objects: IntArray) -> DoubleArray:
    """All-point AP of detections in falling order of score, each there ``weights`` times."""
    places = np.cumsum(weights, axis=1)[:, hit]
    gained = weights[:, hit]
    hits = np.cumsum(gained, axis=1)
    precision = hits / np.maximum(places, 1)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    area = (gained * envelope).sum(axis=1)
    ap: DoubleArray = np.where(num_objects > 0, area / np.maximum(num_objects, 1), np.nan)
    return ap
