"""The kernels, built once per session.

zig ships no run time for the address sanitizer; where GCC has one, the same tests run under it:
``TINYDET_ASAN=1 ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD=$(gcc -print-file-name=libasan.so) pytest
tests/compiler/kernels``.
"""

import os

import pytest

from tests.compiler.kernels.native import ASAN, SANITIZE, Native, compile_library


@pytest.fixture(scope="session")
def kernels(tmp_path_factory):
    """All kernels, built by zig cc with the undefined-behaviour sanitizer trapping."""
    folder = tmp_path_factory.mktemp("kernels")
    if os.environ.get("TINYDET_ASAN"):
        return Native(compile_library(folder, "-O1", *ASAN, compiler=("gcc",)))
    return Native(compile_library(folder, "-O1", *SANITIZE))
