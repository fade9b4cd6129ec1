"""Train, int8-quantize, evaluate and deploy SSD MobileNetV2 FPN-lite detectors.

Every command is a function of the same name, with the same options. It takes plain values and
returns a frozen dataclass that can be printed (``str``) or saved (``to_dict``, ``to_json``):

=================================================== ==============================================
``run(config, overrides=(), *, run_folder=None)``   a whole configuration: the stages of its
                                                    ``operation_mode`` and the report
``resume(run_folder)``                              resume an interrupted run
``train(data, output=None, *, ...)``                a data set to a float model
``tune(config, output="tuning", *, ...)``           search for the best configuration
``quantize(model, images, output=..., *, ...)``     a float model to an int8 ``.tflite``
``evaluate(detector, dataset, *, ...)``             AP, curves, confusion, pictures
``predict(detector, source, *, ...)``               objects in images, a video, a camera
``compile(model, output="compiled", *, ...)``       an int8 model to plain C
``footprint(model=None, *, ...)``                   RAM, flash, suitable boards
``benchmark(model, output="benchmark", *, ...)``    instructions per operator, time on a board
``deploy(model, output="deployed", *, ...)``        firmware, a program on Linux, a web page
=================================================== ==============================================

Building blocks: ``load_config``, ``load_dataset``, ``build_detector``, ``load_detector``,
``detect``, ``make_augmentation``, ``check_dataset``, ``generate_dataset``, ``write_report``,
``compile_detector``, ``compile_network``, and the settings ``DetectorSpec``,
``PostprocessSpec``, ``PreprocessSpec``, ``TrainingOptions``, ``QuantizationOptions``,
``EvaluationSettings``, ``CompileOptions``. To
train your own network on your own samples, use ``tinydet.training.train``; to quantize it,
``tinydet.quantization.quantize``, with ``train`` for training with rounding. Errors that the user
can correct are raised as ``TinydetError``. For details see ``help(tinydet.train)`` and so on.

Everything is imported on first use, so that ``import tinydet`` is quick and loads no training
framework; work that needs none (evaluating or running a ``.tflite``) never loads one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinydet.commands.benchmark import benchmark as benchmark
    from tinydet.commands.compile import compile as compile
    from tinydet.commands.deploy import deploy as deploy
    from tinydet.commands.evaluate import evaluate as evaluate
    from tinydet.commands.footprint import footprint as footprint
    from tinydet.commands.predict import predict as predict
    from tinydet.commands.quantize import quantize as quantize
    from tinydet.commands.run import run as run
    from tinydet.commands.train import train as train
    from tinydet.commands.tune import tune as tune
    from tinydet.compiler import CompileOptions as CompileOptions
    from tinydet.compiler import compile_detector as compile_detector
    from tinydet.compiler import compile_network as compile_network
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
    from tinydet.inference import detect as detect
    from tinydet.inference import load_detector as load_detector
    from tinydet.model import build_detector as build_detector
    from tinydet.pipeline import resume as resume
    from tinydet.quantization import QuantizationOptions as QuantizationOptions
    from tinydet.report import write_report as write_report
    from tinydet.training import TrainingOptions as TrainingOptions

_COMMANDS = (
    *("benchmark", "compile", "deploy", "evaluate", "footprint"),
    *("predict", "quantize", "run", "train", "tune"),
)
_HOMES = {
    **{name: f"tinydet.commands.{name}" for name in _COMMANDS},
    "CompileOptions": "tinydet.compiler",
    "DetectorSpec": "tinydet.config.detector_spec",
    "EvaluationSettings": "tinydet.evaluation",
    "PostprocessSpec": "tinydet.config.detector_spec",
    "PreprocessSpec": "tinydet.config.detector_spec",
    "QuantizationOptions": "tinydet.quantization",
    "TinydetError": "tinydet.errors",
    "TrainingOptions": "tinydet.training",
    "build_detector": "tinydet.model",
    "check_dataset": "tinydet.data.check",
    "compile_detector": "tinydet.compiler",
    "compile_network": "tinydet.compiler",
    "detect": "tinydet.inference",
    "generate_dataset": "tinydet.data.generate",
    "load_config": "tinydet.config.loader",
    "load_dataset": "tinydet.data.dataset",
    "load_detector": "tinydet.inference",
    "make_augmentation": "tinydet.data.augment",
    "resume": "tinydet.pipeline",
    "write_report": "tinydet.report",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tinydet' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
