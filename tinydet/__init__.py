"""Train, int8-quantize, evaluate and deploy SSD MobileNetV2 FPN-lite detectors.

The stages are functions, with the names of the commands:

=================================================== ==============================================
``run(config, *, run_folder=None)``                 a whole configuration: the stages of its
                                                    ``operation_mode`` and the report
``resume(run_folder)``                              go on with a run that was killed
``train(model, spec, training, validation, ...)``   a network on samples, to saved models
``quantize(model_path, calibration_images, ...)``   a float model to an int8 ``.tflite``
``evaluate(detector, dataset, ...)``                AP, curves, confusion, pictures
``predict(detector, source, ...)``                  objects in images, a video, a camera
``write_report(run_folder)``                        ``report.html`` of a run folder
``check_dataset(dataset, output=None)``             counts and faults of a data set
``generate_dataset(output, ...)``                   rendered objects with labels
=================================================== ==============================================

with what they are given: ``load_config``, ``load_dataset``, ``build_detector``, ``load_detector``,
``detect``, ``make_augmentation``, and the settings ``DetectorSpec``, ``PostprocessSpec``,
``PreprocessSpec``, ``TrainingOptions``, ``QuantizationOptions``, ``EvaluationSettings``. Whatever
the user can mend is raised as a ``TinydetError``. ``help(tinydet.train)`` tells the rest.

Everything is imported on first use, so that ``import tinydet`` is quick and loads no training
framework; what needs none (a ``.tflite`` evaluated or run) never loads one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinydet.config.detector_spec import DetectorSpec as DetectorSpec
    from tinydet.config.detector_spec import PostprocessSpec as PostprocessSpec
    from tinydet.config.detector_spec import PreprocessSpec as PreprocessSpec
    from tinydet.config.loader import load_config as load_config
    from tinydet.data.augment import make_augmentation as make_augmentation
    from tinydet.data.check import check_dataset as check_dataset
    from tinydet.data.dataset import load_dataset as load_dataset
    from tinydet.data.generate import generate_dataset as generate_dataset
    from tinydet.errors import TinydetError as TinydetError
    from tinydet.evaluation import EvaluationSettings as EvaluationSettings
    from tinydet.evaluation import evaluate as evaluate
    from tinydet.inference import detect as detect
    from tinydet.inference import load_detector as load_detector
    from tinydet.model import build_detector as build_detector
    from tinydet.pipeline import resume as resume
    from tinydet.pipeline import run as run
    from tinydet.prediction import predict as predict
    from tinydet.quantization import QuantizationOptions as QuantizationOptions
    from tinydet.quantization import quantize as quantize
    from tinydet.report import write_report as write_report
    from tinydet.training import TrainingOptions as TrainingOptions
    from tinydet.training import train as train

_HOMES = {
    "DetectorSpec": "tinydet.config.detector_spec",
    "EvaluationSettings": "tinydet.evaluation",
    "PostprocessSpec": "tinydet.config.detector_spec",
    "PreprocessSpec": "tinydet.config.detector_spec",
    "QuantizationOptions": "tinydet.quantization",
    "TinydetError": "tinydet.errors",
    "TrainingOptions": "tinydet.training",
    "build_detector": "tinydet.model",
    "check_dataset": "tinydet.data.check",
    "detect": "tinydet.inference",
    "evaluate": "tinydet.evaluation",
    "generate_dataset": "tinydet.data.generate",
    "load_config": "tinydet.config.loader",
    "load_dataset": "tinydet.data.dataset",
    "load_detector": "tinydet.inference",
    "make_augmentation": "tinydet.data.augment",
    "predict": "tinydet.prediction",
    "quantize": "tinydet.quantization",
    "resume": "tinydet.pipeline",
    "run": "tinydet.pipeline",
    "train": "tinydet.training",
    "write_report": "tinydet.report",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tinydet' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
