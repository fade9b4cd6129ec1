"""Boards with flash, and all that can go wrong with them, as a simulated server shows it."""

import os
import signal
import struct
import threading

import pytest

from tests.targets.gdb_remote.fake_board import FakeBoard
from tinydet.targets.elf import read_image
from tinydet.targets.gdb_remote import BoardError, benchmark_via_gdb, client, session

FLASH = 0x0800_0000
HOST = "127.0.0.1"
SP, PC, XPSR = 13, 15, 25
STOPPED = b"T05thread:1;"
ARM_M = """<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0">
<architecture>arm</architecture><feature name="org.gnu.gdb.arm.m-profile">{registers}</feature>
</target>"""


@pytest.fixture
def image(elf):
    """The self-test as linked for flash at 0x08000000."""
    return elf(flash=FLASH)


def ends(path, **changes):
    """A program that writes its result and stands at its end."""
    symbols = read_image(path).symbols
    fields = {"magic": 0x54445354, "status": 0, "bad": -1, "cycles": 4_000_000, "stack": 312}
    fields |= {"found": 2, "operators": 60, "high": 0, "name": 0} | changes

    def program(board):
        result = struct.pack("<IiiIIiiII", *fields.values())
        board.store(symbols["td_self_test_result"].address, result)
        board.started_at = list(board.registers)
        board.registers[PC] = symbols["td_finished"].address
        return STOPPED

    return program


def test_flash_is_erased_programmed_read_back_and_run(image):
    with FakeBoard(program=ends(image)) as board:
        timing = benchmark_via_gdb(image, HOST, board.port, clock_hz=480e6)
    assert timing.ms == pytest.approx(4e6 / 480e3)
    assert (timing.stack_bytes, timing.num_detections, timing.num_operators) == (312, 2, 60)
    for address, content in read_image(image).segments:
        assert board.read(address, len(content)) == content
    vectors = struct.unpack("<2I", board.read(FLASH, 8))
    assert board.started_at[SP] == vectors[0]
    assert board.started_at[PC] == vectors[1] - 1
    assert board.started_at[XPSR] == 1 << 24
    assert not board.breakpoints
    assert board.log[-1] == b"D"
    assert board.registers[PC] == read_image(image).symbols["td_halt"].address
    kinds = [entry[:8] for entry in board.log]
    assert kinds.index(b"qRcmd,72") < kinds.index(b"vFlashEr") < kinds.index(b"vFlashWr")


def test_flash_that_is_not_under_the_program_is_left_alone(image):
    with FakeBoard(program=ends(image)) as board:
        benchmark_via_gdb(image, HOST, board.port)
    end = max(address + len(content) for address, content in read_image(image).segments)
    next_block = -(-end // board.block) * board.block
    assert set(board.read(next_block, 0x100)) == {0x5A}


def test_a_server_that_knows_hexadecimal_writes_only(elf):
    """Without a memory map everything is written as RAM, by the M packet where X is unknown."""
    path = elf()
    board = FakeBoard([("ram", 0, 0x10000), ("ram", 0x2000_0000, 0x10000)], ends(path), no_map=True)
    board.HANDLERS = {k: v for k, v in board.HANDLERS.items() if k != "X"}
    with board:
        benchmark_via_gdb(path, HOST, board.port)
    assert any(entry.startswith(b"M") for entry in board.log)


def test_registers_are_found_by_the_description_of_the_core(image):
    names = [f"r{i}" for i in range(13)] + ["sp", "lr", "pc"]
    registers = "".join(f'<reg name="{name}" bitsize="32"/>' for name in names)
    registers += '<reg name="xpsr" bitsize="32" regnum="19"/>'
    with FakeBoard(program=ends(image), target_xml=ARM_M.format(registers=registers)) as board:
        benchmark_via_gdb(image, HOST, board.port)
    assert board.started_at[19] == 1 << 24


@pytest.mark.parametrize(
    ("xml", "found"),
    [
        (
            "<target><architecture>riscv:rv32</architecture></target>",
            "not a Cortex-M but riscv:rv32",
        ),
        ("<target><architecture>arm</architecture></target>", "the core is not a Cortex-M"),
        ("<target>", "describes its core in a way that cannot be read"),
    ],
)
def test_another_architecture_is_refused(image, xml, found):
    board = FakeBoard(program=ends(image), target_xml=xml)
    board.words[0xE000_ED00] = 0x410FC075  # a Cortex-A7 has nothing of that kind there
    with board, pytest.raises(BoardError, match=found):
        benchmark_via_gdb(image, HOST, board.port)
    assert not any(entry.startswith((b"v", b"X", b"M")) for entry in board.log)


def test_an_elf_larger_than_the_flash_says_by_how_much(image):
    size = max(a + len(c) for a, c in read_image(image).segments) - FLASH
    with (
        FakeBoard([("flash", FLASH, 0x1000), ("ram", 0x2000_0000, 0x10000)]) as board,
        pytest.raises(BoardError) as error,
    ):
        benchmark_via_gdb(image, HOST, board.port)
    assert f"{size - 0x1000} bytes too large for the flash at 0x8000000 (4 KiB)" in str(error.value)
    assert not any(entry.startswith(b"v") for entry in board.log)


def test_a_program_for_another_board_is_refused(image):
    memories = [("flash", 0x1000_0000, 0x100000), ("ram", 0x2000_0000, 0x10000)]
    with (
        FakeBoard(memories) as board,
        pytest.raises(BoardError, match=r"no memory at 0x8000000 \(it has: flash 0x10000000-"),
    ):
        benchmark_via_gdb(image, HOST, board.port)


def test_ram_that_the_program_reserves_must_be_there(image):
    memories = [("flash", FLASH, 0x20000), ("ram", 0x2000_0000, 0x800)]
    with (
        FakeBoard(memories) as board,
        pytest.raises(BoardError, match="too large for the ram at 0x20000000"),
    ):
        benchmark_via_gdb(image, HOST, board.port)


def test_memory_that_keeps_its_value_is_found(image):
    with (
        FakeBoard(program=ends(image), stuck=FLASH + 0x345) as board,
        pytest.raises(BoardError, match="memory at 0x8000345 holds 0x5a after 0x00 was written"),
    ):
        benchmark_via_gdb(image, HOST, board.port)


@pytest.mark.parametrize(
    ("refused", "found"),
    [
        (b"vFlashErase", "0x8000000 could not be erased"),
        (b"vFlashWrite", "0x8000000 could not be programmed"),
        (b"vFlashDone", "0x8000000 could not be programmed"),
        (b"Z", "no breakpoint can be set"),
        (b"P", "register 13 cannot be set"),
        (b"c", "ended with error 1"),
    ],
)
def test_what_the_server_refuses_is_reported(image, refused, found):
    with (
        FakeBoard(program=ends(image), refused=(refused,)) as board,
        pytest.raises(BoardError, match=found),
    ):
        benchmark_via_gdb(image, HOST, board.port)


def test_a_server_that_says_nothing(image, monkeypatch):
    monkeypatch.setattr(session.Session.ask, "__defaults__", (0.1,))  # seconds to wait
    with (
        FakeBoard(ignored=(b"?",)) as board,
        pytest.raises(BoardError, match=r"does not answer\. Look whether the port is that of the"),
    ):
        benchmark_via_gdb(image, HOST, board.port)


def test_a_fault_is_explained(image):
    symbols = read_image(image).symbols

    def program(board):
        board.words[0xE000_ED28] = 1 << 9 | 1 << 15
        board.words[0xE000_ED38] = 0x6000_0000
        board.registers[SP], board.registers[XPSR] = 0x2000_0100, 3
        board.registers[PC] = symbols.get("td_fault", symbols["td_halt"]).address
        place = symbols["td_endless_kernel"].address
        board.store(0x2000_0100 + 24, place.to_bytes(4, "little"))
        return STOPPED

    pattern = r"access to memory that does not answer \(0x60000000\), in td_endless_kernel \(0x8000"
    with FakeBoard(program=program) as board, pytest.raises(BoardError, match=pattern):
        benchmark_via_gdb(image, HOST, board.port)
    assert not board.breakpoints


def test_semihosting_calls_that_reach_the_client(image):
    """Text is printed, the core goes on behind the instruction, and the end is the end."""
    code, text, parameters = 0x2000_2000, 0x2000_3000, 0x2000_4000
    calls = [(4, text, "hello "), (3, text, "h"), (5, parameters, "ell"), (0x13, 0, "")]
    done = ends(image)

    def program(board):
        if board.step:
            assert board.registers[PC] == code + 2
            assert board.registers[0] == (0xFFFFFFFF if calls[board.step - 1][0] == 0x13 else 0)
        if board.step == len(calls):
            return done(board)
        board.store(code, bytes.fromhex("abbe"))
        board.store(text, b"hello \0")
        board.store(parameters, struct.pack("<3I", 1, text + 1, 3))
        board.registers[0], board.registers[1] = calls[board.step][:2]
        board.registers[PC] = code
        board.step += 1
        return STOPPED

    board = FakeBoard(program=program)
    board.step = 0
    with board:
        timing = benchmark_via_gdb(image, HOST, board.port)
    assert timing.output == "".join(text for _, _, text in calls)


def test_output_through_the_server(image):
    """Console packets and file requests of servers that handle semihosting themselves."""
    done = ends(image)

    def program(board):
        board.step += 1
        if board.step == 1:
            board._send(b"O" + b"one ".hex().encode())
            board.store(0x2000_3000, b"two")
            return b"Fwrite,1,20003000,3"
        if board.step == 2:
            assert board.log[-1] == b"F3"
            return b"Fopen,20003000/4,0,0"
        assert board.log[-1] == b"F-1"
        return done(board)

    board = FakeBoard(program=program)
    board.step = 0
    with board:
        assert benchmark_via_gdb(image, HOST, board.port).output == "one two"


def test_ctrl_c_halts_the_board_and_lets_the_server_go(image):
    def program(board):
        board.registers[PC] = read_image(image).symbols["td_endless_kernel"].address
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

    with FakeBoard(program=program) as board, pytest.raises(KeyboardInterrupt):
        benchmark_via_gdb(image, HOST, board.port)
    assert board.interrupted.is_set()
    assert not board.breakpoints
    assert board.log[-1] == b"D"


def test_a_core_that_does_not_obey(image, monkeypatch):
    monkeypatch.setattr(client, "HALT_S", 0.1)
    with (
        FakeBoard(program=lambda _: None, ignored=(b"\x03",)) as board,
        pytest.raises(BoardError, match=r"did not finish within 0\.1 s and cannot be halted"),
    ):
        benchmark_via_gdb(image, HOST, board.port, timeout_s=0.1)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "is not an ELF file"),
        (b"\x7fELF\x02\x01" + bytes(100), "not a program for a Cortex-M"),
        (
            b"\x7fELF\x01\x01\x01" + bytes(11) + b"\x28\x00" + bytes(90),
            "cannot be used as firmware",
        ),
    ],
)
def test_files_that_are_no_firmware(tmp_path, content, found):
    path = tmp_path / "image.elf"
    path.write_bytes(content)
    with pytest.raises(BoardError, match=found):
        benchmark_via_gdb(path, HOST, 1)


def test_a_missing_file(tmp_path):
    with pytest.raises(BoardError, match="cannot be read"):
        benchmark_via_gdb(tmp_path / "none.elf", HOST, 1)


def test_an_image_without_self_test(tmp_path, stand_in):
    from tinydet.targets import CortexMTarget

    path = CortexMTarget("cortex-m7").link(stand_in.model(), tmp_path)
    with pytest.raises(
        BoardError, match=r"is not a self-test firmware \(it has no td_self_test_result\)"
    ):
        benchmark_via_gdb(path, HOST, 1)
