"""Which memory takes what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydet.targets.boards import Board, RamBank, find_board
from tinydet.targets.firmware_project import BoardFitError
from tinydet.targets.firmware_project.placement import Needs, place

KIB = 1024


@pytest.mark.parametrize(
    ("name", "program", "data", "arena"),
    [
        ("STM32H747I-DISCO", 0x0800_0000, "DTCM", "AXI SRAM"),
        ("STM32F746G-DISCO", 0x0800_0000, "DTCM", "SRAM1"),
        ("STM32L4R9I-DISCO", 0x0800_0000, "SRAM1", "SRAM1"),
        ("STM32N6570-DK", 0x3400_0400, "AXISRAM1", "AXISRAM1"),
        ("mps2-an500", 0, "SSRAM2+3", "SSRAM2+3"),
    ],
)
def test_an_arena_of_150_kib_lies_in_the_fastest_bank_that_takes_it(name, program, data, arena):
    board = find_board(name)
    banks = {bank.name: bank for bank in board.ram}
    memory = place(board, Needs(150 * KIB, 12 * KIB))
    offset = 0x400 if board.program_ram else 0
    assert memory.program.address == program
    assert memory.data.address == banks[data].address + offset
    assert memory.arena.address == banks[arena].address + offset


@pytest.mark.parametrize(
    ("name", "arena_bytes", "kernels"),
    [
        ("STM32H747I-DISCO", 100 * KIB, (32, 64 * KIB - 32)),  # a function at 0 would be null
        ("STM32L4R9I-DISCO", 384 * KIB, (0x1000_0000, 64 * KIB)),
        ("STM32L4R9I-DISCO", 400 * KIB, None),  # the arena needs the bank
        ("STM32F469I-DISCO", 100 * KIB, None),
    ],
)
def test_kernels_lie_in_ram_for_code_that_nothing_else_needs(name, arena_bytes, kernels):
    memory = place(find_board(name), Needs(arena_bytes, 12 * KIB))
    found = memory.kernels and (memory.kernels.address, memory.kernels.size_bytes)
    assert found == kernels


banks = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 30), st.integers(0, 2), st.booleans()),
    min_size=1,
    max_size=4,
)


@given(banks, st.integers(1, 50), st.integers(1, 20))
def test_a_place_is_found_wherever_there_is_one(facts, arena, data):
    """Tried out byte by byte: pieces of working RAM, one for both or one for each."""
    address, ram = 0, []
    for index, (gap, size, speed, ready) in enumerate(facts):
        address += gap
        ram.append(RamBank(f"b{index}", address, size, speed, ready))
        address += size
    board = Board("any", "chip", "cortex-m7", 100, tuple(ram), 0, 0, "source")
    speeds = {b.address + i: b.speed for b in ram if b.ready for i in range(b.size_bytes)}
    pieces = [
        range(begin, end)
        for begin in {b.address for b in ram}
        for end in {b.end for b in ram}
        if begin < end and all(at in speeds for at in range(begin, end))
    ]
    possible = [
        max(speeds[at] for at in a)
        for a in pieces
        for d in pieces
        if (a == d and len(a) >= arena + data)
        or (len(a) >= arena and len(d) >= data and not set(a) & set(d))
    ]
    try:
        memory = place(board, Needs(arena, data))
    except BoardFitError:
        assert not possible
        return
    taken = [
        set(range(region.address, region.address + region.size_bytes))
        for region in {memory.data, memory.arena}
    ]
    assert all(part <= set(speeds) for part in taken)
    assert sum(map(len, taken)) == len(set.union(*taken)) >= arena + data
    found = range(memory.arena.address, memory.arena.address + memory.arena.size_bytes)
    assert max(speeds[at] for at in found) == min(possible)
