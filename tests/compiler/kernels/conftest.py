"""The kernels, built once per session."""

import pytest

from tests.compiler.kernels.native import SANITIZE, Native, compile_library


@pytest.fixture(scope="session")
def kernels(tmp_path_factory):
    """All kernels, built by zig cc with the undefined-behaviour sanitizer trapping."""
    return Native(compile_library(tmp_path_factory.mktemp("kernels"), "-O1", *SANITIZE))
