"""The self-test firmware itself, written to a board through a GDB server and run there."""

import re
from dataclasses import replace

import numpy as np
import pytest

from tests.compiler.small_detector import small_compiled
from tests.targets.gdb_remote.emulated_program import EmulatedProgram
from tests.targets.gdb_remote.fake_board import FakeBoard
from tinydet.targets.boards import find_board
from tinydet.targets.firmware_project import build_firmware, write_firmware_project
from tinydet.targets.gdb_remote import BoardError, benchmark_via_gdb
from tinydet.targets.golden import record_golden_vectors

HOST = "127.0.0.1"
AN500, WITH_FLASH = "mps2-an500", "STM32H747I-DISCO"


@pytest.fixture(scope="module")
def model():
    return small_compiled()


@pytest.fixture(scope="module")
def golden(model, tmp_path_factory):
    image = np.random.default_rng(4).integers(0, 256, (30, 50, 3), np.uint8)
    return record_golden_vectors(model, image, tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="module")
def firmware(model, golden, tmp_path_factory):
    """``firmware(board, expected)``: the self-test ELF that expects these vectors."""

    def build(board, expected=golden):
        project = write_firmware_project(
            model,
            find_board(board),
            tmp_path_factory.mktemp("firmware"),
            image=golden.image_u8,
            golden=expected,
        )
        return build_firmware(project)

    return build


@pytest.fixture(scope="module")
def differing(golden):
    """Vectors of which the fourth is not what the operator computes."""
    outputs = list(golden.outputs)
    outputs[3] = replace(outputs[3], crc32=outputs[3].crc32 ^ 1)
    return replace(golden, outputs=tuple(outputs))


def check(timing, golden):
    assert timing.core == "cortex-m7"
    assert timing.num_operators == len(golden.outputs)
    assert timing.num_detections == len(golden.detections.scores)
    assert timing.cycles is None  # neither emulator has a cycle counter: no time is made up
    assert timing.ms is None
    assert 0 < timing.stack_bytes < 8192


def simulated_board():
    """With the memories of a chip, and its firmware running in Unicorn."""
    board = find_board(WITH_FLASH)
    memories = [("flash", board.flash_address, board.flash_bytes)]
    memories += [("ram", bank.address, bank.size_bytes) for bank in (*board.ram, board.code_ram)]
    return FakeBoard(memories, EmulatedProgram(), block=0x20000, packet_size=0x4000)


def test_the_firmware_in_flash(firmware, golden):
    """What it prints comes through semihosting calls that the server leaves to the client."""
    with simulated_board() as board:
        timing = benchmark_via_gdb(firmware(WITH_FLASH), HOST, board.port, clock_hz=400e6)
    check(timing, golden)
    assert timing.output.startswith("self-test passed: ")


@pytest.mark.device
def test_the_firmware_in_qemu(firmware, golden, differing, qemu_board):
    """Three runs on one board: nothing of the run before is left."""
    sound, name = firmware(AN500), re.escape(golden.outputs[3].operator)
    check(benchmark_via_gdb(sound, HOST, qemu_board, clock_hz=25e6), golden)
    with pytest.raises(BoardError, match=f"self-test failed: operator '{name}' gives"):
        benchmark_via_gdb(firmware(AN500, differing), HOST, qemu_board)
    check(benchmark_via_gdb(sound, HOST, qemu_board), golden)
