"""Reading a linked Cortex-M image: what goes where, what is called how."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydet.targets.toolchain import require_package

THUMB_BIT = 1  # bit 0 of a function's address says: Thumb code
WRITABLE, ALLOCATED = 0x1, 0x2  # section flags


@dataclass(frozen=True)
class Symbol:
    """A function or an object.

    Attributes:
        address: Without the Thumb bit.
        size_bytes: As the linker states it.
    """

    address: int
    size_bytes: int

    @property
    def end(self) -> int:
        """Address behind it."""
        return self.address + self.size_bytes


@dataclass(frozen=True)
class Section:
    """A part of the image.

    Attributes:
        name: As in the linker script.
        address: Where the program sees it.
        size_bytes: Its length.
        writable: It lies in RAM.
        loaded: It has content in the file, which takes flash.
    """

    name: str
    address: int
    size_bytes: int
    writable: bool
    loaded: bool


@dataclass(frozen=True)
class Image:
    """A linked program.

    Attributes:
        segments: ``(load address, content)`` of what a programmer writes to flash.
        sections: By name, without empty ones.
        symbols: By name.
        entry: Address of the first instruction, without the Thumb bit.
    """

    segments: tuple[tuple[int, bytes], ...]
    sections: Mapping[str, Section]
    symbols: Mapping[str, Symbol]
    entry: int

    def model_code(self) -> Symbol:
        """The code of the model's own C file, without the kernels."""
        begin, end = (self.symbols[f"td_model_code_{side}"].address for side in ("begin", "end"))
        return Symbol(begin, end - begin)

    def function_at(self, address: int) -> str:
        """Name of the function, or of the object, that contains an address, or ``"?"``."""
        for name, symbol in self.symbols.items():
            if symbol.address <= address < symbol.end:
                return name
        return "?"


def read_image(path: Path) -> Image:
    """Read a linked ELF file.

    Raises:
        MissingToolError: pyelftools is not installed.
    """
    require_package("elftools", "reading the linked image")
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as file:
        elf: Any = ELFFile(file)
        segments = tuple(
            (segment["p_paddr"], segment.data())
            for segment in elf.iter_segments("PT_LOAD")
            if segment["p_filesz"]
        )
        sections = {
            section.name: Section(
                section.name,
                section["sh_addr"],
                section["sh_size"],
                bool(section["sh_flags"] & WRITABLE),
                section["sh_type"] != "SHT_NOBITS",
            )
            for section in elf.iter_sections()
            if section["sh_flags"] & ALLOCATED and section["sh_size"]
        }
        symbols = {
            symbol.name: Symbol(_address(symbol), symbol["st_size"])
            for symbol in elf.get_section_by_name(".symtab").iter_symbols()
            if symbol.name and not symbol.name.startswith("$")  # $t, $d: mapping symbols
        }
        return Image(segments, sections, symbols, elf["e_entry"] & ~THUMB_BIT)


def _address(symbol: Any) -> int:
    is_function = symbol["st_info"]["type"] == "STT_FUNC"
    return int(symbol["st_value"]) & (~THUMB_BIT if is_function else ~0)
