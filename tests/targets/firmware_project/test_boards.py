"""Firmware for every board: linked, and run in the memories of that board."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.compiler.small_detector import small_compiled, small_spec
from tinydet.deployment.deploy import deploy_firmware
from tinydet.targets import load_boards
from tinydet.targets.board_emulator import emulated_board, run_firmware
from tinydet.targets.boards import find_board
from tinydet.targets.elf import read_image
from tinydet.targets.firmware_project import (
    build_firmware,
    detection_lines,
    format_memory_use,
    memory_use,
    read_report,
)
from tinydet.targets.gdb_remote.self_test import RESULT, parse_result

KIB = 1024


@pytest.mark.parametrize("board", load_boards(), ids=lambda board: board.name)
def test_every_board_links_and_computes_what_the_pc_computes(board, write, golden):
    """In an emulated core that has this board's memories and no others."""
    board = emulated_board(board)
    project = write(board)
    elf = build_firmware(project)
    run = run_firmware(elf, board, variables=["td_self_test_result"])
    num_operators = len(golden.outputs) - 2
    assert run.success
    assert run.text.startswith(
        f"self-test passed: {num_operators} operators, preprocessing and boxes\n"
    )
    expected = golden.detections
    assert len(expected) > 5
    assert list(read_report(run.text).lines) == detection_lines(
        expected, small_spec().class_names, *golden.image_u8.shape[:2]
    )
    report = read_report(run.text)
    assert report.self_test_passed
    assert report.first_bad_operator is None
    np.testing.assert_array_equal(report.detections.boxes, expected.boxes)
    np.testing.assert_array_equal(report.detections.scores, expected.scores)
    result = parse_result(run.objects["td_self_test_result"][: RESULT.size])
    assert result.passed
    assert result.first_bad_operator == -1
    assert result.stack_bytes == report.stack_bytes > 100
    assert result.cycles is report.cycles is None  # the emulator counts none
    uses = memory_use(project, elf)
    assert all(use.spare_bytes >= 0 for use in uses)
    assert str(round(uses[0].spare_bytes / KIB, 1)) in format_memory_use(uses)


def test_deploying_to_a_core_that_no_emulator_has(tmp_path):
    """The firmware is in Helium; the self-test of the same C runs on the core that is named."""
    detector = small_compiled(core="cortex-m55")
    result = deploy_firmware(detector, find_board("ALIF-DK-E7"), tmp_path)
    assert result.exit_status == 0
    assert (result.core, result.emulated_core) == ("cortex-m55", "cortex-m33")
    assert "on an emulated cortex-m33 in place of the cortex-m55" in str(result)
    for program in (result.program, result.self_test):
        assert "conv_vector_block_mve" in read_image(program).symbols


def test_sections_lie_where_the_board_has_memory(write):
    project = write(find_board("STM32F746G-DISCO"))
    image = read_image(build_firmware(project))
    banks = {bank.name: bank for bank in project.board.ram}
    dtcm, sram = banks["DTCM"], banks["SRAM1"]
    assert image.symbols["td_vectors"].address == 0x0800_0000
    assert dtcm.address <= image.symbols["td_stack_top"].address <= dtcm.end
    arena = image.sections[".td_arena"]
    fast_enough = (dtcm if project.memory.arena.name.startswith("DTCM") else sram).address
    assert arena.address >= fast_enough
    assert arena.size_bytes == project.needs.arena_bytes


def test_kernels_that_ram_for_code_does_not_take_stay_in_flash(write, capsys):
    board = find_board("STM32F769I-DISCO")
    assert board.code_ram is not None
    for size_bytes, begin in ((board.code_ram.size_bytes, 32), (1024, board.flash_address)):
        ram = replace(board.code_ram, size_bytes=size_bytes)
        project = write(replace(board, code_ram=ram))
        kernels = read_image(build_firmware(project)).sections[".td_kernels"]
        assert begin <= kernels.address < begin + board.flash_bytes
        assert ("they stay in flash" in capsys.readouterr().err) == (begin != 32)


def test_banks_in_the_linker_script_do_not_overlap(write):
    for board in load_boards():
        regions = sorted(write(board).memory.regions(), key=lambda region: region.address)
        for low, high in pairwise(regions):
            assert low.address + low.size_bytes <= high.address, board.name
