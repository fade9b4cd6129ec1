"""Settings of all tests."""

import os

# The arrays of tests are small, and several workers share the cores: threads of NumPy's BLAS would
# mostly wait for each other, in a loop. Read when NumPy is loaded, here and in child processes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import gc
import signal

import pytest
from hypothesis import settings

from tests.fuzz_seed import SAY
from tests.shared_kernels import share_kernels

# Machines that run the tests may be busy with something else: a slow example is no failure.
settings.register_profile("tinydet", deadline=None)
settings.load_profile("tinydet")

# A shell starts background jobs with Ctrl-C ignored, and child processes inherit it; the tests of
# Ctrl-C need what a terminal gives.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What the modules of the tests load stays to the end: the collector need not look at it.

    Of the frameworks that is half a million objects, again and again.
    """
    gc.disable()
    yield
    gc.freeze()
    gc.set_threshold(10_000)
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Long tests first, in both halves of the list that two workers begin with.

    What is short is left for the end, so that both end together; and no module whose tests share a
    training is split between the two.
    """
    modules = list(dict.fromkeys(item.path for item in items if item.get_closest_marker("slow")))
    long = {path: side for side in (0, 1) for path in modules[side::2]}
    halves = [
        [item for item in items if item.get_closest_marker("slow") and long[item.path] == side]
        for side in (0, 1)
    ]
    short = [item for item in items if not item.get_closest_marker("slow")]
    middle = max(len(items) // 2 - len(halves[0]), 0)
    items[:] = [*halves[0], *short[:middle], *halves[1], *short[middle:]]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """A failure of a test that draws from the seed of the day says how to see it again."""
    report = yield
    if report.failed and hasattr(item.module, "SEED"):
        report.sections.append(("seed", f"the same again: {SAY}"))
    return report


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """On a busy machine, work would say how far it is where a test expects no word."""
    monkeypatch.setattr("tinydet.progress.LINE_EVERY_S", float("inf"))


@pytest.fixture(scope="session", autouse=True)
def _shared_kernels():
    """See ``tests/shared_kernels.py``."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        share_kernels(monkeypatch)
        yield


@pytest.fixture
def without_graphs(monkeypatch):
    """Keras models run step by step: to make a graph takes longer than the few steps of a test."""
    import keras

    compile_model = keras.Model.compile
    monkeypatch.setattr(
        keras.Model,
        "compile",
        lambda model, *args, **options: compile_model(model, *args, **options, run_eagerly=True),
    )
