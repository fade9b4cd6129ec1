"""The memories that a GDB server tells of, and what of a program goes where."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

Kind = Literal["ram", "rom", "flash"]
ALIGNMENT = 64  # most bytes that a linker leaves free between two parts of a program
KINDS: tuple[Kind, ...] = ("ram", "rom", "flash")


@dataclass(frozen=True)
class Region:
    """A range of addresses.

    Attributes:
        kind: ``flash`` must be erased before it is written, ``rom`` cannot be written.
        address: Where it begins.
        size_bytes: Its length.
        block_bytes: Flash is erased in blocks of this size; 0 for the others.
    """

    kind: Kind
    address: int
    size_bytes: int
    block_bytes: int = 0

    @property
    def end(self) -> int:
        """Address behind it."""
        return self.address + self.size_bytes


@dataclass(frozen=True)
class Piece:
    """Bytes for one region.

    Attributes:
        region: Where they go; None where the server tells of no memories.
        address: Of the first byte.
        content: The bytes.
    """

    region: Region | None
    address: int
    content: bytes


class DoesNotFit(Exception):  # noqa: N818 (what it says, not that it is an error)
    """Bytes that no writable memory of the board takes.

    Args:
        address: Of the first such byte.
        size_bytes: How many from there on.
        region: The region they run out of; None for a place that is no memory at all.
    """

    def __init__(self, address: int, size_bytes: int, region: Region | None) -> None:
        super().__init__(f"{size_bytes} bytes at {address:#x}")
        self.address, self.size_bytes, self.region = address, size_bytes, region


def parse_memory_map(xml: str) -> tuple[Region, ...]:
    """The regions of a ``memory-map`` document of a GDB server, by address.

    Raises:
        ValueError: It is no such document.
    """
    try:
        root = ElementTree.fromstring(xml)
        regions = [_region(element) for element in root.iter("memory")]
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise ValueError(f"no memory map ({error})") from None
    return tuple(sorted(regions, key=lambda region: region.address))


def split_by_region(
    segments: Sequence[tuple[int, bytes]], regions: Sequence[Region]
) -> list[Piece]:
    """Cut a program at the borders of the regions.

    Args:
        segments: ``(address, content)``.
        regions: As the server tells; empty where it tells nothing: then nothing is cut.

    Returns:
        The pieces, by address.

    Raises:
        DoesNotFit: Bytes lie outside of every writable region.
    """
    if not regions:
        return [Piece(None, *segment) for segment in sorted(segments)]
    pieces: list[Piece] = []
    for segment_address, content in sorted(segments):
        begin, end = segment_address, segment_address + len(content)
        while begin < end:
            region = next((r for r in regions if r.address <= begin < r.end), None)
            if region is None or region.kind == "rom":
                raise _does_not_fit(begin, segments, regions)
            stop = min(end, region.end)
            offset = begin - segment_address
            pieces.append(Piece(region, begin, content[offset : stop - segment_address]))
            begin = stop
    return pieces


def _does_not_fit(
    address: int, segments: Sequence[tuple[int, bytes]], regions: Sequence[Region]
) -> DoesNotFit:
    """What to say of a program that has bytes at an address where no writable memory is.

    Segments that follow each other, but for alignment, count as one: they run out of the same
    region.
    """
    begin = end = address
    for segment_address, content in sorted(segments):
        segment_end = segment_address + len(content)
        if segment_address <= end + ALIGNMENT and segment_end > end:
            end = segment_end
    for segment_address, content in sorted(segments, reverse=True):
        if segment_address < begin <= segment_address + len(content) + ALIGNMENT:
            begin = segment_address
    region = next((r for r in regions if r.address <= begin < r.end and r.kind != "rom"), None)
    first = region.end if region else address
    return DoesNotFit(first, end - first, region)


def check_reserved(areas: Sequence[tuple[int, int]], regions: Sequence[Region]) -> None:
    """Check that memory which a program only uses (arena, stack) is there.

    Args:
        areas: ``(address, size_bytes)``.
        regions: As the server tells; empty: nothing is checked.

    Raises:
        DoesNotFit: An area is not in RAM.
    """
    zeros = [(address, bytes(size_bytes)) for address, size_bytes in areas]
    split_by_region(zeros, [region for region in regions if region.kind == "ram"])


def blocks_to_erase(pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    """``(address, size_bytes)`` of whole flash blocks under the pieces, neighbours joined."""
    ranges: list[tuple[int, int]] = []
    for piece in pieces:
        region = piece.region
        if region is None or region.kind != "flash":
            continue
        block = region.block_bytes
        begin = region.address + (piece.address - region.address) // block * block
        last = piece.address + len(piece.content) - 1 - region.address
        end = min(region.address + (last // block + 1) * block, region.end)
        if ranges and begin <= sum(ranges[-1]):
            begin = ranges.pop()[0]
        ranges.append((begin, end - begin))
    return ranges


def _region(element: ElementTree.Element) -> Region:
    kind = next((k for k in KINDS if k == element.attrib["type"]), None)
    if kind is None:
        raise KeyError(f"memory type {element.attrib['type']!r}")
    properties = {p.attrib["name"]: p.text for p in element.iter("property")}
    block_bytes = int(properties["blocksize"] or "", 0) if kind == "flash" else 0
    if kind == "flash" and block_bytes <= 0:
        raise KeyError("blocksize")
    return Region(
        kind, int(element.attrib["start"], 0), int(element.attrib["length"], 0), block_bytes
    )
