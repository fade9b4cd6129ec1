"""A generated data set that all tests of the pipeline share."""

import shutil
from pathlib import Path

import pytest

from tinydet.data.generate import CLASS_NAMES, generate_dataset

IMAGES = 20


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a YOLO data set with train (16) and val (4) images; its path is an unusual one."""
    folder = tmp_path_factory.mktemp("daten mit ü") / "set"
    generate_dataset(folder, images=IMAGES, seed=3)
    return folder


@pytest.fixture(scope="session")
def flat(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training images of ``generated`` as .jpg beside .txt, without class names."""
    folder = tmp_path_factory.mktemp("flat") / "all"
    folder.mkdir()
    for kind in ("images", "labels"):
        for file in (generated / kind / "train").iterdir():
            shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="session")
def class_names() -> tuple[str, ...]:
    return tuple(CLASS_NAMES)
