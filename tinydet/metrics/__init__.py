"""How well detections agree with ground truth. No plotting, no files.

A detection hits an object of its class when their IoU reaches a threshold and no detection with
a higher score has hit it before; ``matching`` states the law in full.
"""

from tinydet.metrics.bootstrap import Interval, draw_images, interval_of, resampled_ap
from tinydet.metrics.confusion import confusion_matrix, image_f1
from tinydet.metrics.curves import (
    BestF1,
    PrecisionRecall,
    best_f1,
    mean_ap,
    pooled_curve,
    precision_recall,
)
from tinydet.metrics.matching import GroundTruth, Matches, match_detections

__all__ = [
    "BestF1",
    "GroundTruth",
    "Interval",
    "Matches",
    "PrecisionRecall",
    "best_f1",
    "confusion_matrix",
    "draw_images",
    "image_f1",
    "interval_of",
    "match_detections",
    "mean_ap",
    "pooled_curve",
    "precision_recall",
    "resampled_ap",
]
