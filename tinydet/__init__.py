"""Train, int8-quantize, evaluate and deploy SSD MobileNetV2 FPN-lite detectors.

The stages as functions: ``run`` (a whole configuration), ``train``, ``quantize``, ``evaluate``,
``predict``. Everything is imported on first use, so that ``import tinydet`` is quick and loads no
training framework.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "load_config": "tinydet.config.loader",
    "load_dataset": "tinydet.data.dataset",
    "check_dataset": "tinydet.data.check",
    "generate_dataset": "tinydet.data.generate",
    "build_detector": "tinydet.model",
    "load_detector": "tinydet.inference",
    "detect": "tinydet.inference",
    "train": "tinydet.training",
    "quantize": "tinydet.quantization",
    "evaluate": "tinydet.evaluation",
    "predict": "tinydet.prediction",
    "write_report": "tinydet.report",
    "run": "tinydet.pipeline",
    "resume": "tinydet.pipeline",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tinydet' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
