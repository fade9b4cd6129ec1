"""Which backend a process uses: what is asked for, or a refusal that names it."""

import sys

import keras
import pytest

from tinydet import backends
from tinydet.backends import BACKENDS, Backend, choose_backend
from tinydet.errors import MissingToolError, UnsupportedError


@pytest.fixture
def fresh(monkeypatch):
    """A process that has not loaded Keras, with these backends installed."""

    def process(*installed):
        monkeypatch.delitem(sys.modules, "keras")
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
        for backend in BACKENDS.values():
            there = backend.name in installed
            monkeypatch.setattr(type(backend), "is_installed", lambda _, there=there: there)

    return process


@pytest.mark.parametrize(
    ("installed", "variable", "wanted", "chosen"),
    [
        (("tensorflow", "jax", "torch"), None, "auto", "tensorflow"),
        (("jax", "torch"), None, "auto", "torch"),
        (("jax",), None, "auto", "jax"),
        (("tensorflow", "jax"), "jax", "auto", "jax"),
        (("tensorflow", "torch"), "jax", "torch", "torch"),
    ],
)
def test_the_wanted_one_else_the_variable_else_the_first(
    fresh, monkeypatch, installed, variable, wanted, chosen
):
    fresh(*installed)
    if variable:
        monkeypatch.setenv("KERAS_BACKEND", variable)
    assert choose_backend(wanted) is BACKENDS[chosen]
    assert backends.os.environ["KERAS_BACKEND"] == chosen  # what Keras looks at


@pytest.mark.parametrize("wanted", ["tensorflow", "jax", "torch"])
def test_one_that_is_not_installed(fresh, wanted):
    fresh(*({"tensorflow", "torch"} - {wanted}))
    with pytest.raises(MissingToolError) as caught:
        choose_backend(wanted)
    assert f"tinydet[{BACKENDS[wanted].extra}]" in str(caught.value)
    assert "general.backend=" in str(caught.value)  # what there is instead


def test_none_is_installed(fresh):
    fresh()
    with pytest.raises(MissingToolError, match=r"training needs tensorflow.*tinydet\[train\]"):
        choose_backend()


def test_a_name_that_is_none(fresh, monkeypatch):
    fresh("tensorflow")
    monkeypatch.setenv("KERAS_BACKEND", "pytorch")
    with pytest.raises(UnsupportedError, match=r"KERAS_BACKEND.*tensorflow, torch, jax.*'torch'"):
        choose_backend()


def test_keras_runs_with_another_one():
    running = keras.backend.backend()
    assert choose_backend().name == choose_backend(running).name == running
    other = next(name for name in BACKENDS if name != running)
    with pytest.raises(UnsupportedError, match=rf"{other}.*{running}.*new process"):
        choose_backend(other)


def test_every_backend_has_all_that_is_asked_of_one():
    extras = {backend.extra for backend in BACKENDS.values()}
    assert extras == {"train", "train-jax", "train-torch"}
    assert all(isinstance(backend, Backend) for backend in BACKENDS.values())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("torch", "MPS backend out of memory (MPS allocated: 9.00 GB)"),
        ("jax", "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes."),
    ],
)
def test_out_of_memory_is_told_apart(name, text):
    if name == "torch":
        torch = pytest.importorskip("torch")
        assert BACKENDS[name].is_out_of_memory(torch.cuda.OutOfMemoryError("CUDA out of memory."))
    assert BACKENDS[name].is_out_of_memory(RuntimeError(text))
    assert not BACKENDS[name].is_out_of_memory(RuntimeError("shapes do not agree"))
    assert not BACKENDS[name].is_out_of_memory(ValueError(text))


def test_out_of_memory_of_tensorflow():
    tf = pytest.importorskip("tensorflow")
    tensorflow = BACKENDS["tensorflow"]
    assert tensorflow.is_out_of_memory(tf.errors.ResourceExhaustedError(None, None, "OOM"))
    assert not tensorflow.is_out_of_memory(tf.errors.InvalidArgumentError(None, None, "OOM"))
