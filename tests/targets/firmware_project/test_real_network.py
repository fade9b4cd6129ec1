"""The bundled detector on every board: it runs, or what is missing is told in bytes."""

import numpy as np
import pytest

from tests.compiler.real_detector import shipped_detector
from tinydet.compiler import CompileOptions, compile_detector
from tinydet.targets import load_boards
from tinydet.targets.board_emulator import emulated_board, run_firmware
from tinydet.targets.firmware_project import (
    BoardFitError,
    build_firmware,
    read_report,
    write_firmware_project,
)
from tinydet.targets.golden import record_golden_vectors


@pytest.mark.slow
def test_the_real_network_on_every_board(tmp_path):
    path, spec = shipped_detector()
    model = compile_detector(path, CompileOptions(name="person"), spec=spec)
    image = np.random.default_rng(1).integers(0, 256, (*spec.input_size, 3), np.uint8)
    golden = record_golden_vectors(model, image, tmp_path / "pc")
    told, emulated = {}, set()
    boards = [emulated_board(board) for board in load_boards()]
    for board in boards:
        try:
            project = write_firmware_project(
                model, board, tmp_path / "firmware", image=image, golden=golden
            )
            elf = build_firmware(project)
        except BoardFitError as error:
            told[board.name] = str(error)
            continue
        if board.core not in emulated:  # the memories of each board: test_boards.py
            emulated.add(board.core)
            assert read_report(run_firmware(elf, board).text).self_test_passed
    assert emulated == {board.core for board in boards}
    assert "mps2-an500" not in told
    assert "NUCLEO-F401RE" in told  # 96 KiB of RAM
    assert all(" bytes of " in text for text in told.values())
