"""Where a model comes from: data, seed, versions."""

import platform
from typing import Any

from tinydet.config.schema import UserConfig
from tinydet.data.dataset import Dataset
from tinydet.versions import installed_versions

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
    found = installed_versions(PACKAGES)
    return {"python": platform.python_version(), **{name: found.get(name) for name in PACKAGES}}


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
