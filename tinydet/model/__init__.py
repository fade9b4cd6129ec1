"""The network: MobileNetV2 backbone, feature pyramid, prediction heads. Pure Keras 3."""

import os

from tinydet.backends import choose_backend
from tinydet.native_log import captured_native_log

# TensorFlow reports on GPUs, oneDNN and CUDA from C++; what is really wrong reaches Python as an
# exception.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with captured_native_log():
    _backend = choose_backend(wish="Keras")
    _backend.keep_memory()
    import keras  # noqa: F401 - with the backend that was chosen

    _backend.gpus()
    if _backend.name != "tensorflow":
        # Keras loads TensorFlow, where it is installed, to look for its types in what it saves.
        from keras.src.utils import module_utils

        module_utils.tensorflow._available = False

from tinydet.model.network import build_detector as build_detector
from tinydet.model.trained_start import detector_to_start_from as detector_to_start_from
from tinydet.model.trained_start import start_from_detector as start_from_detector
