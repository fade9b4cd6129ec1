import json
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydet.errors import UnsupportedError
from tinydet.targets import Footprint, fit, format_fits, load_boards
from tinydet.targets.boards import BOARDS_FILE, Board, RamBank, find_board

KIB = 1024
BOARDS = load_boards()


def footprint(arena_kib, flash_kib, runtime_kib=3):
    return Footprint("cortex-m7", arena_kib * KIB, runtime_kib * KIB, 0, 0, flash_kib * KIB, 0)


def board(name):
    return next(b for b in BOARDS if b.name == name)


def test_every_board_names_its_sources():
    for entry in BOARDS:
        # A data sheet, a note of Arm, or the publisher's own headers.
        assert any(mark in entry.source for mark in (" DS", " DAI ", "Renesas FSP")), entry.name
        assert entry.ram
        assert entry.core in ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m85")
    names = [b["name"] for b in json.loads(BOARDS_FILE.read_text())["boards"]]
    assert len(set(names)) == len(names) == len(BOARDS)


def test_firmware_facts():
    """Each board starts from flash, or names banks it runs from; clock and serial port are told."""
    for entry in BOARDS:
        banks = {bank.name: bank for bank in entry.ram}
        assert bool(entry.flash_bytes) != bool(entry.program_ram), entry.name
        assert all(banks[name].ready for name in entry.program_ram)
        assert 0 < entry.clock_mhz[0] <= entry.clock_mhz[1] <= 1000
        assert "UART" in entry.uart or "USART" in entry.uart
        assert any(bank.ready for bank in entry.ram)
        begin = {
            "mps2-an500": 0,
            "STM32N6570-DK": 0x3400_0400,
            "EK-RA8M1": 0x0200_0000,
            "ALIF-DK-E7": 0x8000_0000,
        }.get(entry.name, 0x0800_0000)
        assert entry.flash_address == begin


def test_a_board_is_found_by_its_name_in_any_case():
    assert find_board("stm32f746g-disco").name == "STM32F746G-DISCO"
    with pytest.raises(UnsupportedError, match="Did you mean 'STM32H747I-DISCO'"):
        find_board("STM32H747-DISCO")


def test_banks_of_a_board_do_not_overlap():
    for entry in BOARDS:
        banks = sorted(entry.ram, key=lambda bank: bank.address)
        for low, high in pairwise(banks):
            assert low.address + low.size_bytes <= high.address, entry.name


@pytest.mark.parametrize(
    ("name", "largest_kib"),
    [
        ("STM32H747I-DISCO", 512),
        ("STM32H7B3I-DK", 1024),
        ("STM32F746G-DISCO", 320),
        ("STM32F769I-DISCO", 512),
        ("B-U585I-IOT02A", 768),
        ("STM32L4R9I-DISCO", 640),
        ("STM32F469I-DISCO", 320),
        ("NUCLEO-G474RE", 128),
    ],
)
def test_neighbouring_banks_are_one_region(name, largest_kib):
    assert board(name).regions()[0].size_bytes == largest_kib * KIB


def test_verdicts_say_by_how_much():
    assert fit(board("NUCLEO-H743ZI2"), footprint(500, 1000)).verdict() == (
        "fits, 12.0 KiB of RAM (AXI SRAM) and 1048.0 KiB of flash to spare"
    )
    assert fit(board("NUCLEO-F401RE"), footprint(150, 1000)).verdict() == (
        "does not fit: 57.0 KiB of RAM and 488.0 KiB of flash missing"
    )
    assert fit(board("STM32F746G-DISCO"), footprint(400, 1100)).verdict() == (
        "fits with external RAM and flash: 83.0 KiB of RAM and 76.0 KiB of flash missing inside"
    )
    assert fit(board("STM32L4R9I-DISCO"), footprint(700, 1100)).verdict() == (
        "does not fit: 63.0 KiB of RAM missing"
    )


def test_one_line_per_board():
    lines = format_fits([fit(b, footprint(150, 900)) for b in BOARDS]).splitlines()
    assert [line.split()[0] for line in lines] == [b.name for b in BOARDS]


banks = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), min_size=1, max_size=4)


@given(banks, st.integers(1, 60), st.integers(1, 20))
def test_fits_inside_if_and_only_if_there_is_a_place(gaps_and_sizes, arena, runtime):
    """Tried out: any region for the arena, any for the rest, in one region side by side."""
    address, ram = 0, []
    for index, (gap, size) in enumerate(gaps_and_sizes):
        address += gap
        ram.append(RamBank(f"b{index}", address, size))
        address += size
    # Bytes that are backed by RAM, cut where they are not: independent of the code under test.
    backed = {bank.address + i for bank in ram for i in range(bank.size_bytes)}
    regions, run = [], 0
    for at in range(address + 1):
        if at in backed:
            run += 1
        elif run:
            regions.append(run)
            run = 0
    places = product(range(len(regions)), repeat=2)
    possible = any(
        regions[a] >= arena + runtime if a == b else regions[a] >= arena and regions[b] >= runtime
        for a, b in places
    )
    entry = Board("any", "chip", "cortex-m7", 100, tuple(ram), 0, 0, "source")
    found = fit(entry, Footprint("cortex-m7", arena, runtime, 0, 0, 60, 40))
    assert found.inside == found.fits == possible
    assert (found.ram_spare_bytes >= 0) == possible
