"""Builds of the stand-in model, once per test run."""

import pytest

from tests.targets import stand_in as stand_in_module


@pytest.fixture(scope="session")
def stand_in():
    """The module of the tiny hand-written model."""
    return stand_in_module


@pytest.fixture(scope="session")
def host_program(stand_in, tmp_path_factory):
    """The stand-in on this machine, sanitizers on."""
    from tinydet.targets import HostTarget

    return HostTarget(sanitize=True).build(stand_in.model(), tmp_path_factory.mktemp("host"))


@pytest.fixture(scope="session", params=["cortex-m7", "cortex-m4", "cortex-m33"])
def cortex_m_program(stand_in, tmp_path_factory, request):
    """The stand-in on each emulated core."""
    from tinydet.targets import CortexMTarget

    return CortexMTarget(request.param).build(
        stand_in.model(), tmp_path_factory.mktemp(request.param)
    )


@pytest.fixture(scope="session")
def m7_program(stand_in, tmp_path_factory):
    """The stand-in on an emulated Cortex-M7."""
    from tinydet.targets import CortexMTarget

    return CortexMTarget("cortex-m7").build(stand_in.model(), tmp_path_factory.mktemp("m7"))
