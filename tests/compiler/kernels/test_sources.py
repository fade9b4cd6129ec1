"""The kernels' sources: warnings, freestanding, C++."""

import re
import shutil
import subprocess

import pytest
from elftools.elf.elffile import ELFFile

from tests.compiler.kernels.native import (
    HEADER,
    KERNELS,
    WARNINGS,
    ZIG_CC,
    kernel_names,
    kernel_sources,
)

FLOAT_FILES = {"td_dequantize", "td_quantize"}
UNWINDING = {"__aeabi_unwind_cpp_pr0", "__aeabi_unwind_cpp_pr1"}  # marks, never called
WRITE = 1  # ELF: the section can be written
CORES = ("cortex_m4", "cortex_m7", "cortex_m33")


def compile_objects(directory, compiler, *flags, sources=None):
    """Object files of the sources (all); zig makes one of several, gcc one each."""
    directory.mkdir(exist_ok=True)
    paths = [str(source) for source in (sources or kernel_sources())]
    command = [*compiler, *WARNINGS, "-pedantic", *flags, "-c", *paths]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    objects = sorted(directory.glob("*.o"))
    assert objects
    return objects


def undefined_symbols(path):
    with path.open("rb") as stream:
        symbols = ELFFile(stream).get_section_by_name(".symtab").iter_symbols()
        return {s.name for s in symbols if s["st_shndx"] == "SHN_UNDEF" and s.name}


def test_every_declared_kernel_is_defined_in_the_file_of_its_name():
    """What a caller needs besides the headers is told by the kernel's name."""
    defined = []
    for source in kernel_sources():
        names = re.findall(r"^void (td_\w+)\(", source.read_text(), re.M)
        assert all(re.fullmatch(rf"{source.stem}(_[su]8)+", name) for name in names), source
        defined += names
    assert sorted(defined) == sorted(kernel_names())


@pytest.mark.parametrize("core", CORES)
def test_no_kernel_calls_anything(tmp_path, core):
    """No libc, no 64-bit division, no memcpy; soft-float routines in the two float files only."""
    flags = ["-target", "thumb-freestanding-eabi", f"-mcpu={core}", "-O2", "-ffreestanding"]
    flags += ["-fno-sanitize=all", "-fno-unwind-tables", "-fno-exceptions"]
    with_float = [source for source in kernel_sources() if source.stem in FLOAT_FILES]
    integer = [source for source in kernel_sources() if source.stem not in FLOAT_FILES]
    for path in compile_objects(tmp_path / "integer", ZIG_CC, *flags, sources=integer):
        assert undefined_symbols(path) <= UNWINDING
    for path in compile_objects(tmp_path / "float", ZIG_CC, *flags, sources=with_float):
        called = undefined_symbols(path) - UNWINDING
        assert all(re.fullmatch(r"__aeabi_(i2f|f\w+)", name) for name in called), called


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.parametrize("level", ["-O0", "-O3", "-Os"])
def test_gcc_accepts_the_sources_and_calls_nothing(tmp_path, level):
    """GCC turns copy loops into memcpy even in freestanding code unless it is kept from it."""
    flags = ["-ffreestanding", "-fno-pic", "-fno-stack-protector"]
    for path in compile_objects(tmp_path, ["gcc"], level, *flags):
        assert not undefined_symbols(path), path.stem


def test_for_a_compiler_that_is_not_gnu_the_sources_are_plain_c11(tmp_path):
    """Attributes, assembler and vectors are for GCC and clang, and hidden from all others."""
    compile_objects(tmp_path, ZIG_CC, "-fgnuc-version=0", "-O1")
    everything = tmp_path / "everything.c"
    everything.write_text("".join(f'#include "{source}"\n' for source in kernel_sources()))
    command = [*ZIG_CC, "-std=c11", "-fgnuc-version=0", "-E", "-P", str(everything)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "td_conv_s8" in text
    assert not re.findall(
        r"__asm|__builtin|\b(?:may_alias|always_inline|noinline|vector_size)", text
    )


def test_header_is_cpp_safe(tmp_path):
    source = tmp_path / "caller.cpp"
    source.write_text(
        f'#include "{HEADER.name}"\nint main() {{ return td_concat_s8 == nullptr; }}\n'
    )
    command = [
        *ZIG_CC[:-1],
        "c++",
        "-std=c++11",
        "-Wall",
        "-Wextra",
        "-Wno-unused",
        "-I",
        str(KERNELS),
    ]
    done = subprocess.run(
        [*command, "-c", str(source), "-o", str(tmp_path / "caller.o")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_sources_stay_inside_the_language(tmp_path):
    """Only headers of C and of the compiler are included, and nothing static is mutable."""
    own = {f'"{header.name}"' for header in KERNELS.glob("*.h")}
    for path in [*KERNELS.glob("*.h"), *kernel_sources()]:
        text = path.read_text()
        includes = {
            line.split(maxsplit=1)[1] for line in text.splitlines() if line[:8] == "#include"
        }
        vectors = {"<arm_neon.h>", "<immintrin.h>", "<arm_mve.h>", "<wasm_simd128.h>"}
        allowed = {"<stdint.h>", "<stddef.h>", *vectors, *own}
        assert includes <= allowed, path
    for path in compile_objects(tmp_path, ZIG_CC, "-O1", "-fno-sanitize=all"):
        with path.open("rb") as stream:
            writable = [s for s in ELFFile(stream).iter_sections() if s["sh_flags"] & WRITE]
            assert sum(s["sh_size"] for s in writable) == 0
