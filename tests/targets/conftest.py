"""Builds of the stand-in model, once per test run."""

import importlib.util
import sys
from pathlib import Path

import pytest


def _load_stand_in():
    # importlib import mode gives test folders no package: load the neighbour by its path.
    name = "tests_targets_stand_in"
    if name not in sys.modules:
        path = Path(__file__).with_name("stand_in.py")
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def stand_in():
    """The module of the tiny hand-written model."""
    return _load_stand_in()


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
