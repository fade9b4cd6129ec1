"""Vector forms of the kernels against their portable twins, on every processor that they are for.

The twins are held against formulas in unbounded integers elsewhere; so is the form for this
machine, between guard pages.
"""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.compiler.kernels.host_library import KERNELS, STRICT, ZIG_CC
from tinydet.targets.linux.boards import ARCHITECTURES

PROGRAM = Path(__file__).with_name("tile_cases.c")
SOURCES = ("td_conv.c", "td_depthwise.c", "td_depthwise_planar.c", "td_add.c")
FUNCTIONS = ("td_conv_s8", "td_conv_u8", "td_depthwise_s8", "td_depthwise_u8",
             "td_depthwise_planar_s8", "td_add_s8")  # fmt: skip
FREESTANDING = ("-O2", "-ffreestanding", "-nostdlib", "-fno-sanitize=all", "-fno-unwind-tables",
                "-fno-asynchronous-unwind-tables", "-static")  # fmt: skip
# Kernel set: target, processor of the compiler, QEMU's user mode and the processor it plays.
SETS = {
    "neon": ("aarch64-linux-none", "cortex_a53", "qemu-aarch64", "cortex-a53"),
    "dotprod": ("aarch64-linux-none", "generic+dotprod", "qemu-aarch64", "max"),
    "i8mm": ("aarch64-linux-none", "generic+dotprod+i8mm", "qemu-aarch64", "max"),
    "neon-32": ("arm-linux-eabihf", "cortex_a7", "qemu-arm", "cortex-a7"),
    "riscv64": ("riscv64-linux-none", "baseline_rv64+v", "qemu-riscv64", "rv64,v=true"),
    "riscv32": ("riscv32-linux-none", "baseline_rv32", "qemu-riscv32", "rv32"),
}
HERE = {"avx2": "x86_64_v3", "avx512_vnni": "x86_64_v4+avx512vnni", "native": "native"}
STAND_IN = Path(__file__).with_name("avx_vnni_stand_in.h")


def build(folder, target, cpu, *flags):
    machine = [*ZIG_CC, *(["-target", target] if target else []), f"-mcpu={cpu}", *STRICT, *flags]
    objects = []
    for kind in ("vector", "portable"):
        objects.append(folder / f"{kind}.o")
        renamed = [f"-D{name}={name}_portable" for name in FUNCTIONS]
        options = ["-DTD_PORTABLE", *renamed] if kind == "portable" else []
        files = [str(KERNELS / name) for name in SOURCES]
        subprocess.run(
            [*machine, *FREESTANDING, *options, "-r", *files, "-o", str(objects[-1])], check=True
        )
    program = folder / "cases"
    command = [*machine, *FREESTANDING, f"-I{KERNELS}", str(PROGRAM), *map(str, objects)]
    subprocess.run([*command, "-o", str(program)], check=True)
    return program


@pytest.mark.device
@pytest.mark.parametrize("name", SETS)
def test_the_same_bytes_as_the_portable_kernels(name, tmp_path):
    target, cpu, qemu, played = SETS[name]
    emulator = shutil.which(qemu) or shutil.which(f"{qemu}-static")
    if emulator is None:
        pytest.skip(f"there is no {qemu}")
    program = build(tmp_path, target, cpu)
    assert subprocess.run([emulator, "-cpu", played, program]).returncode == 0


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="for x86-64")
@pytest.mark.parametrize("name", HERE)
def test_the_same_bytes_on_this_machine(name, tmp_path):
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    if name != "native" and name not in flags:
        pytest.skip(f"this machine has no {name}")
    program = build(tmp_path, None, HERE[name])
    assert subprocess.run([program]).returncode == 0


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="for x86-64")
def test_avx_vnni_without_the_processor(tmp_path):
    """Its one instruction by definition: few processors have it without AVX-512."""
    if "avx2" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this machine has no avx2")
    program = build(tmp_path, None, HERE["avx2"], "-include", str(STAND_IN), "-fno-strict-aliasing")
    assert subprocess.run([program]).returncode == 0


def test_every_kernel_set_of_linux_programs_is_tested():
    known = {set_.name for each in ARCHITECTURES.values() for set_ in each.kernel_sets}
    assert known <= {*SETS, *HERE, "avx_vnni"}
