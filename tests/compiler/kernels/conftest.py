"""The kernels, built once per session.

zig ships no run time for the address sanitizer; where GCC has one, the same tests run under it:
``TINYDET_ASAN=1 ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD=$(gcc -print-file-name=libasan.so) pytest
tests/compiler/kernels``.
"""

import os
import shutil

import pytest

from tests.compiler.kernels.cortex_m import EmulatedKernels, link_kernels
from tests.compiler.kernels.native import ASAN, SANITIZE, Native, compile_library
from tinydet.targets.qemu import QEMU


@pytest.fixture(scope="session")
def kernels(tmp_path_factory):
    """All kernels, built by zig cc with the undefined-behaviour sanitizer trapping."""
    folder = tmp_path_factory.mktemp("kernels")
    if os.environ.get("TINYDET_ASAN"):
        return Native(compile_library(folder, "-O1", *ASAN, compiler=("gcc",)))
    return Native(compile_library(folder, "-O1", *SANITIZE))


@pytest.fixture(scope="session")
def m7_kernels(tmp_path_factory):
    """All kernels on an emulated Cortex-M7, in their form for its DSP instructions."""
    folder = tmp_path_factory.mktemp("m7_kernels")
    return EmulatedKernels(link_kernels(folder, "cortex-m7"), "cortex-m7", folder)


@pytest.fixture(scope="session")
def m4_kernels(tmp_path_factory):
    """All kernels on an emulated Cortex-M4, in their form for cores of one instruction a cycle."""
    folder = tmp_path_factory.mktemp("m4_kernels")
    return EmulatedKernels(link_kernels(folder, "cortex-m4"), "cortex-m4", folder)


@pytest.fixture(scope="session")
def m7_portable_kernels(tmp_path_factory):
    """All kernels on an emulated Cortex-M7 in their portable form."""
    folder = tmp_path_factory.mktemp("m7_portable_kernels")
    image = link_kernels(folder, "cortex-m7", "-DTD_PORTABLE")
    return EmulatedKernels(image, "cortex-m7", folder)


def helium_kernels(folder, compiler):
    """All kernels in their form for Helium, on an emulated Cortex-M55."""
    for program in (QEMU, *([compiler] if compiler != "zig" else [])):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    return EmulatedKernels(
        link_kernels(folder, "cortex-m55", compiler=compiler), "cortex-m55", folder
    )


@pytest.fixture(scope="session")
def m55_kernels(tmp_path_factory):
    """Built by zig cc."""
    return helium_kernels(tmp_path_factory.mktemp("m55_kernels"), "zig")


@pytest.fixture(scope="session")
def m55_gcc_kernels(tmp_path_factory):
    """Built by GCC."""
    return helium_kernels(tmp_path_factory.mktemp("m55_gcc_kernels"), "arm-none-eabi-gcc")


@pytest.fixture(
    scope="session",
    params=[
        "kernels",
        "m4_kernels",
        "m7_kernels",
        "m7_portable_kernels",
        pytest.param("m55_kernels", marks=pytest.mark.device),
        pytest.param("m55_gcc_kernels", marks=pytest.mark.device),
    ],
)
def any_kernels(request):
    """This machine's build, and all forms on emulated cores."""
    return request.getfixturevalue(request.param)


CORES = [
    ("cortex-m4", "zig"),
    ("cortex-m33", "zig"),
    pytest.param(("cortex-m7", "arm-none-eabi-gcc"), marks=pytest.mark.device),
    pytest.param(("cortex-m4", "arm-none-eabi-gcc"), marks=pytest.mark.device),
]


@pytest.fixture(scope="session", params=CORES, ids="-".join)
def core_kernels(request, tmp_path_factory):
    """The DSP form on other cores, and by the other compiler."""
    core, compiler = request.param
    folder = tmp_path_factory.mktemp("core_kernels")
    return EmulatedKernels(link_kernels(folder, core, compiler=compiler), core, folder)
