"""The network: MobileNetV2 backbone, feature pyramid, prediction heads. Pure Keras 3."""

import os

# TensorFlow prints its start-up notes from C++ before Python can silence them.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from tinydet.model.detector import build_detector, split_outputs

__all__ = ["build_detector", "split_outputs"]
