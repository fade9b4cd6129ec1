"""How well detections agree with ground truth. No plotting, no files.

A detection hits an object of its class when their IoU reaches a threshold and no detection with
a higher score has hit it before; ``matching`` states the law in full.
"""

from tinydet.metrics.bootstrap import Interval as Interval
from tinydet.metrics.bootstrap import draw_images as draw_images
from tinydet.metrics.bootstrap import interval_of as interval_of
from tinydet.metrics.bootstrap import resampled_ap as resampled_ap
from tinydet.metrics.confusion import confusion_matrix as confusion_matrix
from tinydet.metrics.confusion import image_f1 as image_f1
from tinydet.metrics.curves import BestF1 as BestF1
from tinydet.metrics.curves import PrecisionRecall as PrecisionRecall
from tinydet.metrics.curves import ScoreCounts as ScoreCounts
from tinydet.metrics.curves import best_f1 as best_f1
from tinydet.metrics.curves import mean_ap as mean_ap
from tinydet.metrics.curves import pooled_curve as pooled_curve
from tinydet.metrics.curves import precision_recall as precision_recall
from tinydet.metrics.curves import score_counts as score_counts
from tinydet.metrics.matching import GroundTruth as GroundTruth
from tinydet.metrics.matching import Matches as Matches
from tinydet.metrics.matching import match_detections as match_detections
