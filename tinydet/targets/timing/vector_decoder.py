"""Machine code of Armv8.1-M that capstone does not know: Helium, loops with a count, selection.

Encodings: Arm, Armv8-M Architecture Reference Manual, DDI 0553, as LLVM's assembler writes them.
Units and latencies: llvm/lib/Target/ARM/ARMScheduleM55.td, https://github.com/llvm/llvm-project.
"""

from dataclasses import dataclass
from functools import lru_cache

from tinydet.targets.timing.instructions import FLAGS, PREDICATE, Instruction, Kind

# Name, unit, latency, the bits that are fixed, their values, fields written, fields read. The first
# row that fits counts. Fields: vector registers D, N, M; general ones n, c (three bits), m, t, a
# (even) and h (odd) for sums over vectors, e (even), s for selections, x and y for shifts of 64
# bits, l for the loop counter; p predicate; f flags. _w: moves its base on; _r: has a general
# register for one of its operands.
_ROWS = """
vldrb load 1 ff701f80 ed101e00 D n
vldrb load 1 ef781e00 ed100e00 D c
vldrb_w load 1 fe701f80 ec301e00 Dn n
vldrb_w load 1 ee781e00 ec300e00 Dc c
vldrh load 1 ff701f80 ed101e80 D n
vldrh load 1 ef781f80 ed180f00 D c
vldrh_w load 1 fe701f80 ec301e80 Dn n
vldrh_w load 1 ee781f80 ec380f00 Dc c
vldrw load 1 ff701f80 ed101f00 D n
vldrw_w load 1 fe701f80 ec301f00 Dn n
vldrb_gather gather 2 eff01e71 ec900e00 D nM
vldrh_gather gather 2 eff01e70 ec900e10 D nM
vldrw_gather gather 2 fff01ff0 fc900f40 D nM
vldrw_gather gather 2 ff711f80 fd101e00 D N
vldrw_gather_w gather 2 ff711f80 fd301e00 DN N
vld2 load 1 fff01e5f fc901e00 D n
vld2_w load 1 fff01e5f fcb01e00 Dn n
vld4 load 1 fff01e1f fc901e01 D n
vld4_w load 1 fff01e1f fcb01e01 Dn n
vstrb store 0 ff701f80 ed001e00 - nD
vstrb store 0 ff781e00 ed000e00 - cD
vstrb_w store 0 fe701f80 ec201e00 n nD
vstrb_w store 0 fe781e00 ec200e00 c cD
vstrh store 0 ff701f80 ed001e80 - nD
vstrh store 0 ff781f80 ed080f00 - cD
vstrh_w store 0 fe701f80 ec201e80 n nD
vstrh_w store 0 fe781f80 ec280f00 c cD
vstrw store 0 ff701f80 ed001f00 - nD
vstrw_w store 0 fe701f80 ec201f00 n nD
vstrb_scatter scatter 0 fff01e71 ec800e00 - nMD
vstrh_scatter scatter 0 fff01e70 ec800e10 - nMD
vstrw_scatter scatter 0 fff01ff0 ec800f40 - nMD
vstrw_scatter scatter 0 ff711f80 fd001e00 - ND
vst2 store 0 fff01e5f fc801e00 - nD
vst2_w store 0 fff01e5f fca01e00 n nD
vst4 store 0 fff01e1f fc801e01 - nD
vst4_w store 0 fff01e1f fca01e01 n nD
vadd int 1 ffc11ff1 ef000840 D NM
vadd_r int 1 ffc11ff0 ee010f40 D Nm
vsub int 1 ffc11ff1 ff000840 D NM
vsub_r int 1 ffc11ff0 ee011f40 D Nm
vqadd int 1 efc11ff1 ef000050 D NM
vqadd_r int 1 efc11ff0 ee000f60 D Nm
vqsub int 1 efc11ff1 ef000250 D NM
vqsub_r int 1 efc11ff0 ee001f60 D Nm
vhadd int 1 efc11ff1 ef000040 D NM
vrhadd int 1 efc11ff1 ef000140 D NM
vhsub int 1 efc11ff1 ef000240 D NM
vabd int 1 efc11ff1 ef000740 D NM
vabs int 1 fff31ff1 ffb10340 D M
vneg int 1 fff31ff1 ffb103c0 D M
vmin int 1 efc11ff1 ef000650 D NM
vmax int 1 efc11ff1 ef000640 D NM
vand int 1 fff11ff1 ef000150 D NM
vbic int 1 fff11ff1 ef100150 D NM
vorr int 1 fff11ff1 ef200150 D NM
vorn int 1 fff11ff1 ef300150 D NM
veor int 1 fff11ff1 ff000150 D NM
vmvn int 1 ffff1ff1 ffb005c0 D M
vpsel int 1 fff11ff1 fe310f01 D NMp
vrev int 1 fff31e71 ffb00040 D M
vclz int 1 fff31ff1 ffb004c0 D M
vcls int 1 fff31ff1 ffb00440 D M
vdup int 1 ffb10fdf eea00b10 N t
vidup int 1 ffc10f7e ee010f6e De e
vorr_imm int 1 eff811d0 ef800150 D D
vmov_imm int 1 eff811d0 ef800050 D -
vmovl int 1 efe70ff1 eea00f40 D M
vmovn int 3 fffb0ff1 fe310e81 D DM
vqmovn int 3 effb0ff1 ee330e01 D DM
vqmovun int 3 fffb0ff1 ee310e81 D DM
vshl_imm int 1 ffc01ff1 ef800550 D M
vshl_r int 1 eff31ff0 ee311e60 D Dm
vshl int 1 efc11ff1 ef000440 D MN
vrshl int 2 efc11ff1 ef000540 D MN
vqshl int 2 efc11ff1 ef000450 D MN
vqrshl int 2 efc11ff1 ef000550 D MN
vrshl_r int 2 eff31ff0 ee331e60 D Dm
vqshl_r int 2 eff31ff0 ee311ee0 D Dm
vqrshl_r int 2 eff31ff0 ee331ee0 D Dm
vqshl_imm int 2 efc01ff1 ef800750 D M
vshr int 1 efc01ff1 ef800050 D M
vrshr int 2 efc01ff1 ef800250 D M
vsli int 1 ffc01ff1 ff800550 D DM
vsri int 1 ffc01ff1 ff800450 D DM
vshrn int 3 ffe00ff1 ee800fc1 D DM
vrshrn int 3 ffe00ff1 fe800fc1 D DM
vqshrn int 3 efe00ff1 ee800f40 D DM
vqrshrn int 3 efe00ff1 ee800f41 D DM
vshll int 2 efe00ff1 eea00f40 D M
vshlc int 2 ffe01ff1 eea00fc0 Dm Dm
vadc int 2 fff10ff1 ee300f00 D NM
vmaxv int 3 eff30f71 eee20f00 t tM
vaddv mul 2 eff31ff1 eef10f00 a M
vaddva mul 2 eff31ff1 eef10f20 a aM
vmlav mul 2 eff00ef1 eef00e00 a NM
vmlava mul 2 eff00ef1 eef00e20 a aNM
vmlsdav mul 2 eff01ff1 eef00e01 a NM
vmlsdava mul 2 eff01ff1 eef00e21 a aNM
vmlalv mul 2 ef801ff1 ee800e00 ah NM
vmlalva mul 2 ef801ff1 ee800e20 ah ahNM
vmla mul 2 efc11ff0 ee010e40 D DNm
vmlas mul 2 efc11ff0 ee011e40 D DNm
vmul mul 2 ffc11ff1 ef000950 D NM
vmul_r mul 2 ffc11ff0 ee011e60 D Nm
vmulh mul 2 efc10ff1 ee010e01 D NM
vmull mul 2 efc10ff1 ee010e00 D NM
vqdmulh mul 2 ffc11ff1 ef000b40 D NM
vqrdmulh mul 2 ffc11ff1 ff000b40 D NM
vqdmulh_r mul 2 ffc11ff0 ee010e60 D Nm
vqrdmulh_r mul 2 ffc11ff0 fe010e60 D Nm
vqdmlah mul 2 ffc10fd0 ee000e40 D DNm
vpnot sys 1 ffffffff fe310f4d p p
vpst sys 1 ffbf1fff fe310f4d - p
vcmp mul 1 ffc1ef70 fe010f00 p NM
vcmp_r mul 1 ffc1ef50 fe010f40 p Nm
vmov_from_lane mul 1 ff100f9f ee100b10 t N
vmov_to_lane mul 2 ff900f9f ee000b10 N Nt
vmov_from_2_lanes mul 1 fff01fe0 ec000f00 mn D
vmov_to_2_lanes mul 2 fff01fe0 ec100f00 D Dmn
vadd_f mul 2 ffc11ff1 ef000d40 D NM
vmul_f mul 2 ffe11ff1 ff000d50 D NM
vfma mul 2 ffc11ff1 ef000c50 D DNM
vcvt mul 2 ffff1e71 ffbb0640 D M
vctp sys 1 ffc0ffff f000e801 p n
vmsr_p0 sys 1 ffff0fff eeed0a10 p t
vmrs_p0 sys 1 ffff0fff eefd0a10 t p
vstr_p0 sys 1 ff70ff80 ed40af80 - np
vldr_p0 sys 1 ff70ff80 ed50af80 p n
le loop 0 fffff001 f00fc001 - l
letp loop 0 fffff001 f01fc001 - l
dls start 1 fff0ffff f040e001 l n
dlstp start 1 ffc0ffff f000e001 l n
wls start 1 fff0f001 f040c001 l n
wlstp start 1 ffc0f001 f000c001 l n
lsll_r long 2 fff101df ea50010d xy xyt
csel select 1 fff0c000 ea508000 s nmf
lsll long 2 fff1810f ea50010f xy xy
"""
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
    for line in _ROWS.strip().splitlines():
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
