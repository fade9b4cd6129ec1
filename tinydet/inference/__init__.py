"""Running a detector, float or int8, on images."""

from tinydet.inference.detection import detect, detect_files, select_in_image
from tinydet.inference.detector import Detector
from tinydet.inference.keras_detector import load_keras_model
from tinydet.inference.model_files import load_detector, model_kind, read_input_size, read_rescaling

__all__ = [
    "Detector",
    "detect",
    "detect_files",
    "load_detector",
    "load_keras_model",
    "model_kind",
    "read_input_size",
    "read_rescaling",
    "select_in_image",
]
