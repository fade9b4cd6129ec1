"""Running a detector, float or int8, on images."""

from tinydet.inference.detector import (
    Detector,
    Engine,
    detect,
    detect_batch,
    detect_files,
    load_detector,
)
from tinydet.inference.input_size import read_input_size, read_rescaling
from tinydet.inference.keras_detector import load_keras_model

__all__ = [
    "Detector",
    "Engine",
    "detect",
    "detect_batch",
    "detect_files",
    "load_detector",
    "load_keras_model",
    "read_input_size",
    "read_rescaling",
]
