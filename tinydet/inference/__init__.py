"""Running a detector, float or int8, on images."""

from tinydet.inference.detector import (
    Detector,
    Engine,
    detect,
    detect_batch,
    detect_files,
    load_detector,
)

__all__ = ["Detector", "Engine", "detect", "detect_batch", "detect_files", "load_detector"]
