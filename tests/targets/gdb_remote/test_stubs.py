"""The client against GDB servers of others: udbserver over Unicorn, QEMU's own stub."""

import re
import socket

import pytest

from tests.targets.gdb_remote.programs import CYCLES
from tinydet.targets.gdb_remote import BoardError, benchmark_via_gdb, format_board_timing

HOST = "127.0.0.1"
CLOCK_HZ = 400e6


def check_timing(timing):
    assert timing.core == "cortex-m7"
    assert (timing.cycles, timing.stack_bytes) == (CYCLES, 248)
    assert (timing.num_operators, timing.num_detections) == (20, 3)
    assert timing.ms == pytest.approx(CYCLES / 400_000)
    assert timing.image_bytes > 5000


def test_timing_on_an_emulated_core(elf, emulated_board):
    """The program that was written is the one that runs: its cycles are made of its own bytes."""
    check_timing(benchmark_via_gdb(elf(), HOST, emulated_board, clock_hz=CLOCK_HZ))


def test_a_wrong_result_names_the_operator(elf, emulated_board):
    with pytest.raises(BoardError, match="self-test failed: operator 'block_3_expand' differs"):
        benchmark_via_gdb(elf("DIFFER"), HOST, emulated_board)


def test_a_program_that_leaves_no_result_is_refused(elf, emulated_board):
    with pytest.raises(BoardError, match="left no result"):
        benchmark_via_gdb(elf("SILENT"), HOST, emulated_board)


def test_a_server_that_dies_is_reported(elf, emulated_board):
    """An undefined instruction ends the emulator, and with it the connection."""
    with pytest.raises(BoardError, match="the connection was lost"):
        benchmark_via_gdb(elf("FAULT"), HOST, emulated_board)


def test_nobody_listens(elf):
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(BoardError, match=rf"gdb://{HOST}:{port}: cannot be reached \(Connection"):
        benchmark_via_gdb(elf(), HOST, port)


@pytest.mark.device
class TestQemu:
    def test_timing(self, elf, qemu_board):
        timing = benchmark_via_gdb(
            elf("PASS", "-DSEMIHOSTING"), HOST, qemu_board, clock_hz=CLOCK_HZ
        )
        check_timing(timing)
        text = format_board_timing(timing)
        assert "10737.42 ms at 400 MHz (4,294,968" in text
        assert re.search(r"stack +248 bytes", text)

    def test_twice_on_one_board(self, elf, qemu_board):
        """What the first run left (result, breakpoints, registers) does not reach the second."""
        check_timing(benchmark_via_gdb(elf(), HOST, qemu_board, clock_hz=CLOCK_HZ))
        with pytest.raises(BoardError, match="left no result"):
            benchmark_via_gdb(elf("SILENT"), HOST, qemu_board)
        check_timing(benchmark_via_gdb(elf(), HOST, qemu_board, clock_hz=CLOCK_HZ))

    def test_a_fault_names_instruction_and_function(self, elf, qemu_board):
        pattern = "an instruction that this core does not have, in td_broken_kernel"
        with pytest.raises(BoardError, match=pattern):
            benchmark_via_gdb(elf("FAULT"), HOST, qemu_board)

    def test_an_endless_program_is_halted(self, elf, qemu_board):
        with pytest.raises(
            BoardError, match=r"did not finish within 2 s; it is in td_endless_kernel"
        ):
            benchmark_via_gdb(elf("LOOP"), HOST, qemu_board, timeout_s=2)
        check_timing(benchmark_via_gdb(elf(), HOST, qemu_board, clock_hz=CLOCK_HZ))
