"""Boxes and preprocessing compile everywhere, without a warning, and call nothing."""

import shutil
import sys

import pytest
from elftools.elf.elffile import ELFFile

from tests.compiler.kernels.host_library import KERNELS, STRICT, ZIG_CC, compile_c

SOURCES = (
    "td_boxes.c",
    "td_box_voting.c",
    "td_ssd_boxes.c",
    "td_preprocess.c",
    "td_placement.c",
)
HEADERS = ("td_boxes.h", "td_box_voting.h", "td_preprocess.h", "td_placement.h")
OTHER_KERNELS = {
    *("td_place", "td_make_heap", "td_sift_down", "td_sort_heap", "td_anchor_corners"),
    *("td_next_candidates", "td_decode_candidate", "td_box_area", "td_box_overlap"),
}
# The float unit of each core has single precision: double arithmetic would call a routine.
CORES = {
    "cortex_m4+vfp4d16sp": "thumb-freestanding-eabihf",
    "cortex_m7+fp_armv8d16sp": "thumb-freestanding-eabihf",
    "cortex_m33+fp_armv8d16sp": "thumb-freestanding-eabihf",
    "cortex_m0plus": "thumb-freestanding-eabi",
}
BARE = ("-ffreestanding", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables")


def called_by(path):
    """What an object file needs besides the other kernels."""
    with path.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".symtab").iter_symbols()
        names = {s.name for s in symbols if s.name and s["st_shndx"] == "SHN_UNDEF"}
    return names - OTHER_KERNELS


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("source", SOURCES)
def test_nothing_is_called(tmp_path, core, source):
    """With a float unit: only other kernels. Without: besides the compiler's float routines."""
    path = tmp_path / "kernel.o"
    machine = "-target", CORES[core], f"-mcpu={core}"
    compile_c([source], path, *machine, *STRICT, *BARE, "-Os", "-c")
    called = called_by(path)
    if core == "cortex_m0plus":
        allowed = {f"__aeabi_{name}" for name in ("fadd", "fsub", "fmul", "fdiv", "i2f")}
        allowed |= {f"__aeabi_{name}" for name in ("fcmplt", "fcmpgt", "fcmple", "fcmpge")}
        allowed |= {f"__aeabi_{name}" for name in ("idiv", "uidiv", "idivmod", "uidivmod")}
        called -= allowed
    assert called == set()


@pytest.mark.parametrize("source", SOURCES)
def test_gcc_finds_no_fault_and_calls_nothing(tmp_path, source):
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    path = tmp_path / "kernel.o"
    for level in ("-Os", "-O3"):
        compile_c([source], path, *STRICT, "-ffreestanding", level, "-c", compiler=("gcc",))
        assert called_by(path) <= {"_GLOBAL_OFFSET_TABLE_"}


def test_headers_serve_cpp(tmp_path):
    unit = tmp_path / "all.cpp"
    unit.write_text("".join(f'#include "{KERNELS / name}"\n' for name in HEADERS))
    compiler = (sys.executable, "-m", "ziglang", "c++")
    flags = ("-std=c++11", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-c")
    compile_c([unit], tmp_path / "all.o", *flags, compiler=compiler)


def test_fast_math_is_refused(tmp_path):
    with pytest.raises(AssertionError, match="needs IEEE arithmetic"):
        compile_c(["td_boxes.c"], tmp_path / "kernel.o", "-ffast-math", "-c", compiler=ZIG_CC)
