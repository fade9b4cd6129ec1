"""Helium to instructions: machine code of LLVM's assembler, and of GNU's for random operands."""

import random
import re
import shutil
import subprocess

import pytest

from tinydet.targets.timing.decoder import Decoder
from tinydet.targets.timing.instructions import PREDICATE

AS = "arm-none-eabi-as"
R0, SP, LR, Q0 = 66, 12, 10, 50
# Text of GNU's assembler, and what it decodes to. Registers in braces are chosen anew.
TEXTS = {
    "vldrb.u8 {q}, [{r}], #32": ("vldrb_w", "vec_load"),
    "vldrb.s16 {q}, [{low}, #5]": ("vldrb", "vec_load"),
    "vldrw.u32 {q}, [{r}, #-8]": ("vldrw", "vec_load"),
    "vldrb.u16 {q}, [{r}, {p}]": ("vldrb_gather", "vec_load"),
    "vstrb.16 {q}, [{r}, {p}]": ("vstrb_scatter", "vec_store"),
    "vstrw.32 {q}, [{r}], #16": ("vstrw_w", "vec_store"),
    "vmladava.s8 {even}, {q}, {p}": ("vmlava", "vec_mul"),
    "vmladav.s8 {even}, {q}, {p}": ("vmlav", "vec_mul"),
    "vmlaldava.s32 {even}, {odd}, {q}, {p}": ("vmlalva", "vec_mul"),
    "vmla.s32 {q}, {p}, {r}": ("vmla", "vec_mul"),
    "vmullb.s8 {q}, {p}, {o}": ("vmull", "vec_mul"),
    "vqrdmulh.s32 {q}, {p}, {r}": ("vqrdmulh_r", "vec_mul"),
    "vrshl.s32 {q}, {p}, {o}": ("vrshl", "vec_int"),
    "vqmovnb.s32 {q}, {p}": ("vqmovn", "vec_int"),
    "vadd.i32 {q}, {p}, {r}": ("vadd_r", "vec_int"),
    "vmovlb.s8 {q}, {p}": ("vmovl", "vec_int"),
    "vdup.16 {q}, {r}": ("vdup", "vec_int"),
    "vshr.u32 {q}, {p}, #31": ("vshr", "vec_int"),
    "vcmp.i16 eq, {q}, {p}": ("vcmp", "vec_mul"),
    "vmov {q}[2], {q}[0], {r}, {s}": ("vmov_to_2_lanes", "vec_mul"),
    "vctp.8 {r}": ("vctp", "vec_sys"),
    "vpst\nvaddt.i8 {q}, {q}, {q}": ("vpst", "vec_sys"),
    "csel {r}, {s}, {t}, eq": ("csel", "alu"),
    "dls lr, {r}": ("dls", "alu"),
}


def _number(name):
    if name == "lr":
        return LR
    return (R0 if name[0] == "r" else Q0) + int(name[1:])


@pytest.fixture(scope="module")
def decode():
    pytest.importorskip("capstone")
    decoder = Decoder(m_profile_v8=True, helium=True)
    return lambda code: decoder.decode(bytes.fromhex(code), 0x1000)


def test_sums_over_vectors(decode):
    """They add to a general register."""
    (vmlava,) = decode("f2ee20cf")  # vmlava.s8 r12, q1, q0
    assert (vmlava.kind, vmlava.accumulator) == ("vec_mul", {R0 + 12})
    assert (vmlava.late, vmlava.writes) == ({Q0, Q0 + 1}, {R0 + 12})


def test_loads_move_their_base(decode):
    (vldrb,) = decode("b2ec201e")  # vldrb.u8 q0, [r2], #32
    assert (vldrb.early, vldrb.base_update, vldrb.writes) == ({R0 + 2}, R0 + 2, {Q0, R0 + 2})


def test_what_capstone_knows_stays_between(decode):
    """A load of 16 bits, a vector, a condition over a move, the end of a loop."""
    code = decode("0b6802ef500008bf01200ff00bc8")
    assert [i.kind for i in code] == ["load", "vec_int", "it", "alu", "loop"]
    assert code[3].conditional
    assert code[4].late == {LR}
    assert [i.address for i in code] == [0x1000, 0x1002, 0x1006, 0x1008, 0x100A]


def test_masks_in_memory(decode):
    store, load, move = decode("cded83afdded83afedee107a")  # vstr, vldr, vmsr of p0
    assert store.late == {PREDICATE, SP}
    assert load.writes == move.writes == {PREDICATE}


def test_registers_are_those_of_the_text(decode, tmp_path):
    """Oracle: GNU's assembler, with registers drawn at random."""
    if shutil.which(AS) is None:
        pytest.skip(f"{AS} is not installed")
    draw, lines = random.Random(7), []
    for text in TEXTS:
        q, p, o = draw.sample(range(8), 3)
        r, s, t = draw.sample(range(8, 12), 3)
        even, odd, low = draw.choice((0, 2, 4, 6)), draw.choice((1, 3, 5, 7)), draw.randrange(8)
        names = {"q": f"q{q}", "p": f"q{p}", "o": f"q{o}", "r": f"r{r}", "s": f"r{s}", "t": f"r{t}"}
        names |= {"even": f"r{even}", "odd": f"r{odd}", "low": f"r{low}"}
        lines.append(re.sub(r"{(\w+)}", lambda found, names=names: names[found[1]], text))
    source, target = tmp_path / "code.s", tmp_path / "code.o"
    source.write_text("\n".join([".syntax unified", ".thumb", *lines, ""]))
    options = ["-march=armv8.1-m.main+mve.fp", "-mthumb"]
    subprocess.run([AS, *options, "-o", target, source], check=True)
    raw = tmp_path / "code.bin"
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", target, raw], check=True)
    found = [i for i in decode(raw.read_bytes().hex()) if i.name != "vadd"]
    for line, instruction, expected in zip(lines, found, TEXTS.values(), strict=True):
        assert (instruction.name, instruction.kind) == expected, line
        if "\n" in line:
            continue  # a mask for the next instruction: no register of its own
        numbers = {_number(r) for r in re.findall(r"\b(?:[rq]\d+|lr)\b", line)}
        registers = {k for k in instruction.reads | instruction.writes if k >= 0}
        assert registers == numbers, line
