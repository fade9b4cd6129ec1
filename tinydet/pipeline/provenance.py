"""Where a model comes from: data, seed, versions."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tinydet.config.schema import UserConfig
from tinydet.data.dataset import Dataset

PACKAGES = (
    "tinydet",
    "keras",
    "tensorflow",
    "numpy",
    "ai-edge-litert",
    "opencv-python-headless",
    "ziglang",
    "unicorn",
    "pyelftools",
)


def package_versions() -> dict[str, str | None]:
    """Versions of what a result depends on; None for what is not installed."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return versions


def provenance(
    config: UserConfig, seed: int, training: Dataset, validation: Dataset
) -> dict[str, Any]:
    """What ``detector.json`` says of the training."""
    return {
        "project": config.general.project_name,
        "data": {
            "name": config.dataset.name,
            "training_path": str(config.dataset.training_path),
            "training_images": len(training),
            "validation_images": len(validation),
        },
        "seed": seed,
        "recipe": config.training.recipe,
        "epochs": config.training.epochs,
        "versions": package_versions(),
    }
