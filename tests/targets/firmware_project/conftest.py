"""A small network and its firmware, written for board after board into one folder, so that what the
boards share is compiled once.
"""

import numpy as np
import pytest

from tests.compiler.small_detector import small_compiled
from tinydet.targets.firmware_project import write_firmware_project
from tinydet.targets.golden import record_golden_vectors


@pytest.fixture(scope="session")
def model():
    return small_compiled()


@pytest.fixture(scope="session")
def golden(model, tmp_path_factory):
    image = np.random.default_rng(3).integers(0, 256, (40, 60, 3), np.uint8)
    return record_golden_vectors(model, image, tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="session")
def write(model, golden, tmp_path_factory):
    """Writes the firmware of a board; all boards in one folder, so build before the next one."""
    folder = tmp_path_factory.mktemp("firmware")

    def write_for(board):
        return write_firmware_project(model, board, folder, image=golden.image_u8, golden=golden)

    return write_for
