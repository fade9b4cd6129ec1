import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydet.targets.gdb_remote.memory_map import (
    DoesNotFit,
    Region,
    blocks_to_erase,
    check_reserved,
    parse_memory_map,
    split_by_region,
)

FLASH_1, FLASH_2 = Region("flash", 0x800, 0x400, 0x100), Region("flash", 0xC00, 0x400, 0x200)
RAM = Region("ram", 0x2000, 0x400)
REGIONS = (FLASH_1, FLASH_2, RAM)


@st.composite
def segments(draw):
    """Parts of flash and RAM that do not overlap, with random bytes."""
    drawn = []
    for region_begin, region_end in ((0x800, 0x1000), (0x2000, 0x2400)):
        borders = draw(
            st.lists(st.integers(region_begin, region_end), max_size=6, unique=True).map(sorted)
        )
        for begin, end in zip(borders[::2], borders[1::2], strict=False):
            drawn.append((begin, draw(st.binary(min_size=end - begin, max_size=end - begin))))
    return draw(st.permutations(drawn))


@settings(max_examples=40)
@given(segments())
def test_pieces_are_the_segments_cut_at_borders(program):
    """Each byte is in exactly one piece, at its address, inside of the piece's region."""
    expected = {a + i: byte for a, content in program for i, byte in enumerate(content)}
    found = {}
    for piece in split_by_region(program, REGIONS):
        assert piece.region.address <= piece.address
        assert piece.address + len(piece.content) <= piece.region.end
        for i, byte in enumerate(piece.content):
            assert piece.address + i not in found
            found[piece.address + i] = byte
    assert found == expected


@settings(max_examples=40)
@given(segments())
def test_what_is_erased_is_whole_blocks_under_flash_and_no_more(program):
    pieces = split_by_region(program, REGIONS)
    erased = set()
    for address, size in blocks_to_erase(pieces):
        assert not erased & {*range(address, address + size)}
        erased |= {*range(address, address + size)}
    wanted = set()
    for address in (a + i for a, content in program for i in range(len(content))):
        block = 0x100 if 0x800 <= address < 0xC00 else 0x200 if address < 0x1000 else 0
        if block:
            begin = address // block * block
            wanted |= {*range(begin, begin + block)}
    assert erased == wanted


def test_without_a_map_nothing_is_cut():
    (piece,) = split_by_region([(5, b"abc")], ())
    assert (piece.region, piece.address, piece.content) == (None, 5, b"abc")
    assert blocks_to_erase([piece]) == []
    check_reserved([(0, 1 << 20)], ())


def test_too_large_says_by_how_much_and_where():
    with pytest.raises(DoesNotFit) as problem:
        split_by_region([(0xF00, bytes(0x180))], REGIONS)
    assert (problem.value.size_bytes, problem.value.region) == (0x80, FLASH_2)


@pytest.mark.parametrize("kind", ["rom", "flash"])
def test_reserved_memory_must_be_ram(kind):
    other = Region(kind, 0x4000, 0x100, 0x100)
    check_reserved([(0x2000, 0x400)], (*REGIONS, other))
    with pytest.raises(DoesNotFit):
        check_reserved([(0x4000, 4)], (*REGIONS, other))
    if kind == "rom":
        with pytest.raises(DoesNotFit):
            split_by_region([(0x4000, b"a")], (*REGIONS, other))


def test_a_map_as_openocd_writes_it():
    xml = """<?xml version="1.0"?>
<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN"
 "http://sourceware.org/gdb/gdb-memory-map.dtd">
<memory-map>
<memory type="ram" start="0x00000000" length="0x8000000"/>
<memory type="flash" start="0x8000000" length="0x100000">
<property name="blocksize">0x20000</property>
</memory>
<memory type="ram" start="0x08100000" length="0xf7f00000"/>
</memory-map>
"""
    assert parse_memory_map(xml) == (
        Region("ram", 0, 0x8000000),
        Region("flash", 0x8000000, 0x100000, 0x20000),
        Region("ram", 0x8100000, 0xF7F00000),
    )


@pytest.mark.parametrize(
    "xml",
    [
        "<memory-map>",
        "<m><memory type='flash' start='0' length='4'/></m>",
        "<m><memory type='disk' start='0' length='4'/></m>",
        "<m><memory type='ram' length='4'/></m>",
        "<m><memory type='ram' start='zero' length='4'/></m>",
    ],
)
def test_a_map_that_is_none(xml):
    with pytest.raises(ValueError, match="no memory map"):
        parse_memory_map(xml)
