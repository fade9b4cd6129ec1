import json
from pathlib import Path

import pytest

from tinydet.errors import UnsupportedError
from tinydet.targets import load_boards
from tinydet.targets.boards import find_board
from tinydet.targets.timing import MODEL_ERROR
from tinydet.targets.timing.board_memories import EXTERNAL_FLASH, FLASH, board_timing

RESULT = Path(__file__).parents[3] / "benchmarks" / "results" / "timing_validation.json"


def timed():
    for board in load_boards():
        try:
            yield board_timing(board)
        except UnsupportedError:
            continue


def test_waits_are_of_memories_that_the_board_has():
    boards = list(timed())
    assert boards
    for entry in boards:
        banks = {bank.name for bank in entry.board.ram} | {FLASH, EXTERNAL_FLASH}
        assert set(entry.waits) <= banks, entry.board.name
        assert 0 < entry.clock_mhz <= entry.board.clock_mhz[1]
        assert entry.source
        caches = {cache.name for cache in entry.caches}
        for name in entry.waits:
            region = entry.region(name, 0, 1)
            assert {region.data_cache, region.fetch_cache} - {""} <= caches


def test_the_arena_lies_in_the_fastest_bank_that_takes_it():
    timing = board_timing(find_board("STM32H747I-DISCO"))
    assert timing.arena_bank(100 * 1024).name == "DTCM"
    assert timing.arena_bank(200 * 1024).name == "AXI SRAM"
    with pytest.raises(UnsupportedError, match=r"2048 KiB on the STM32H747I-DISCO.*up to 512 KiB"):
        timing.arena_bank(2048 * 1024)


def test_a_chip_without_flash_has_its_arena_beside_its_program():
    """As its firmware has it: not in the DTCM, which would be faster."""
    timing = board_timing(find_board("STM32N6570-DK"))
    assert timing.program_memory == "AXISRAM1"
    kernels = timing.kernels_memory(10_000, 64 * 1024)
    assert timing.arena_bank(64 * 1024, kernels=kernels).name == "AXISRAM1"
    assert timing.weights_memory(external=False) == "AXISRAM1"


def test_the_arena_comes_before_the_kernels():
    """On an STM32L4R9 RAM for code is a bank that a large arena needs too."""
    timing = board_timing(find_board("STM32L4R9I-DISCO"))
    assert timing.kernels_memory(10_000, 384 * 1024) == "SRAM2"
    assert timing.arena_bank(384 * 1024, kernels="SRAM2").name == "SRAM3"
    assert timing.kernels_memory(10_000, 385 * 1024) == FLASH
    assert timing.kernels_memory(65 * 1024, 1024) == FLASH


def test_a_board_without_timing_is_refused_by_name():
    with pytest.raises(UnsupportedError, match="mps2-an500"):
        board_timing(find_board("mps2-an500"))


def test_the_error_is_the_one_that_was_measured():
    summary = json.loads(RESULT.read_text(encoding="utf-8"))["figures"]["summary"]["held_back"]
    assert MODEL_ERROR.points == summary["points"]
    assert MODEL_ERROR.median == pytest.approx(summary["median"], abs=5e-4)
    assert MODEL_ERROR.worst == pytest.approx(summary["worst"], abs=5e-4)
