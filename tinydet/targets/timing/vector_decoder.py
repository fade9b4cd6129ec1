"""Machine code of Armv8.1-M that capstone does not know: Helium, loops with a count, selection.

Encodings: Arm, Armv8-M Architecture Reference Manual, DDI 0553, as LLVM's assembler writes them.
Units and latencies: llvm/lib/Target/ARM/ARMScheduleM55.td, https://github.com/llvm/llvm-project.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tinydet.targets.timing.instructions import FLAGS, PREDICATE, Instruction, Kind

# Names, units, latencies and bits; what they mean stands in the file. The first that fits counts.
_ROWS = Path(__file__).with_name("vector_instructions.txt")
_KINDS: dict[str, Kind] = {
    "load": "vec_load", "gather": "vec_load", "store": "vec_store", "scatter": "vec_store",
    "int": "vec_int", "mul": "vec_mul", "sys": "vec_sys", "loop": "loop", "start": "alu",
    "select": "alu", "long": "mac",
}  # fmt: skip
_LINK, _PROGRAM_COUNTER = 14, 15
WORD_LANES = 4


@dataclass(frozen=True)
class Registers:
    """How registers are numbered.

    Attributes:
        general: Number of each of r0 to r15.
        first_vector: Number of q0; the others follow it.
    """

    general: tuple[int, ...]
    first_vector: int


@dataclass(frozen=True)
class _Row:
    name: str
    unit: str
    latency: int
    mask: int
    value: int
    writes: str
    reads: str


def _rows() -> tuple[_Row, ...]:
    rows = []
    for line in _ROWS.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            name, unit, latency, mask, value, writes, reads = line.split()
            fields = (writes.strip("-"), reads.strip("-"))
            rows.append(_Row(name, unit, int(latency), int(mask, 16), int(value, 16), *fields))
    return tuple(rows)


_TABLE = _rows()


@lru_cache(maxsize=1 << 14)
def _row_of(word: int) -> _Row | None:
    return next((row for row in _TABLE if word & row.mask == row.value), None)


def is_wide(half: int) -> bool:
    """Whether a half word begins an instruction of 32 bits."""
    return half >> 11 in (0b11101, 0b11110, 0b11111)


def decode_vector(word: int, address: int, registers: Registers) -> Instruction | None:
    """An instruction of the table; None for any other.

    Args:
        word: Its first half word in the upper half.
        address: Where it lies.
        registers: How registers are numbered.
    """
    row = _row_of(word)
    if row is None:
        return None

    def numbers(fields: str) -> frozenset[int]:
        found = (_number(word, field, registers) for field in fields)
        return frozenset(number for number in found if number is not None)

    moves = row.unit in ("load", "gather", "store", "scatter")
    base = [_number(word, field, registers) for field in row.reads if field in "nc"]
    pointers = "".join(f for f in row.reads if not (f == "D" and row.unit in ("store", "scatter")))
    early = numbers(pointers) if moves else frozenset()
    both = set(row.reads) & set(row.writes) - {"D"} if row.unit == "mul" else set()
    accumulator = numbers("".join(both))
    return Instruction(
        address,
        4,
        row.name,
        _KINDS[row.unit],
        early=early,
        late=frozenset() if moves else numbers(row.reads) - accumulator,
        accumulator=accumulator,
        data=numbers("D") if row.unit in ("store", "scatter") else frozenset(),
        writes=numbers(row.writes),
        base_update=base[0] if row.name.endswith("_w") and moves and base else None,
        count=_accesses(row, word) if moves else 0,
        register_offset=row.unit in ("gather", "scatter"),
        sets_pc=row.unit == "loop" or row.name in ("wls", "wlstp"),
        latency=row.latency,
    )


def _accesses(row: _Row, word: int) -> int:
    """Addresses that a load or store goes to: one, or one for each lane."""
    if row.unit in ("load", "store"):
        return 1
    return WORD_LANES if row.name.startswith(("vldrw", "vstrw")) else 16 >> (word >> 7 & 3)


def _number(word: int, field: str, registers: Registers) -> int | None:
    """The register that a field names; None for the zero that stands in place of one."""
    if field in "pf":
        return PREDICATE if field == "p" else FLAGS
    if field in "DNM":
        shift = {"D": 13, "N": 17, "M": 1}[field]
        return registers.first_vector + (word >> shift & 7)
    place = _LINK if field == "l" else _GENERAL[field](word)
    return None if place == _PROGRAM_COUNTER else registers.general[place]


_GENERAL = {
    "n": lambda word: word >> 16 & 15,
    "c": lambda word: word >> 16 & 7,
    "m": lambda word: word & 15,
    "t": lambda word: word >> 12 & 15,
    "a": lambda word: word >> 12 & 14,
    "h": lambda word: (word >> 20 & 7) << 1 | 1,
    "e": lambda word: word >> 16 & 14,
    "s": lambda word: word >> 8 & 15,
    "x": lambda word: word >> 16 & 14,
    "y": lambda word: word >> 8 & 14 | 1,
}
