"""AP from detections, for laws that are stated of it."""

import numpy as np

from tinydet.metrics import match_detections, precision_recall


def average_precision(detections, ground_truth, num_classes, iou_threshold):
    """AP of each class at one IoU threshold, nan for a class without a counted object."""
    matches = match_detections(detections, ground_truth, num_classes)
    return np.array([curve.ap for curve in precision_recall(matches, iou_threshold)])
