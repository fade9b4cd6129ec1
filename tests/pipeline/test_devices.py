"""CPU or GPU, one of several, with less memory: what is asked for happens, or is told."""

import pytest

from tinydet.backends import BACKENDS, Gpu, choose_backend
from tinydet.config.schema import UserConfig
from tinydet.errors import UnsupportedError
from tinydet.pipeline import devices
from tinydet.pipeline.devices import join_group, use_device
from tinydet.training.distribution import Cluster


@pytest.fixture
def chosen(monkeypatch):
    """What is chosen on a machine with these GPUs, and what the user is told."""

    def choose(num_gpus, device, limit_gb=None, *, process=None, obeys=True):
        calls, said = [], []
        backend = type(choose_backend())
        gpus = [Gpu(f"gpu {index}") for index in range(num_gpus)]
        monkeypatch.setattr(backend, "gpus", lambda _: gpus)
        monkeypatch.setattr(backend, "use_cpu", lambda _: calls.append("cpu"))
        monkeypatch.setattr(
            backend, "use_gpu", lambda _, *given: calls.append(given) is None and obeys
        )
        use_device(device, limit_gb, said.append, process=process)
        return calls, " ".join(said)

    return choose


def test_auto_takes_the_first_gpu_and_cpu_leaves_it_alone(chosen):
    assert chosen(1, "auto", 2.0) == ([(0, 2.0)], "")
    assert chosen(1, "cpu") == (["cpu"], "")
    assert chosen(0, "auto") == (["cpu"], "")


def test_of_several_gpus_one_is_taken_and_the_others_are_told_of(chosen):
    calls, said = chosen(4, "gpu")
    assert calls == [(0, None)]
    assert "general.processes=4" in said
    assert chosen(4, "gpu", process=6) == ([(2, None)], "")


@pytest.mark.parametrize("name", BACKENDS)
def test_a_gpu_that_the_backend_does_not_see(chosen, monkeypatch, name):
    backend = BACKENDS[name]
    monkeypatch.setattr(devices, "choose_backend", lambda: backend)
    monkeypatch.setattr(type(backend), "gpus", lambda _: [])
    with pytest.raises(UnsupportedError) as caught:
        chosen(0, "gpu")
    assert f"{backend.title} does not find a GPU" in str(caught.value)
    assert backend.gpu_remedy in str(caught.value)


def test_a_limit_without_effect_is_told(chosen):
    assert "general.gpu_memory_limit" in chosen(0, "auto", 2.0)[1]
    assert "general.gpu_memory_limit has no effect" in chosen(1, "auto", 2.0, obeys=False)[1]


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_who_trains_on_a_cpu_without_tensorflow_is_told_what_is_faster(monkeypatch, name):
    backend, said = BACKENDS[name], []
    monkeypatch.setattr(devices, "choose_backend", lambda: backend)
    monkeypatch.setattr(type(backend), "gpus", lambda _: [])
    monkeypatch.setattr(type(backend), "use_cpu", lambda _: None)
    use_device("auto", None, said.append)
    assert "TensorFlow is at least twice as fast" in " ".join(said)


def test_several_processes_on_jax_are_refused(monkeypatch):
    monkeypatch.setattr(devices, "choose_backend", lambda: BACKENDS["jax"])
    monkeypatch.setattr(devices, "cluster_of", lambda _: Cluster(("a:1", "b:1"), 0))
    with pytest.raises(UnsupportedError, match=r"jax in 2 processes.*tensorflow, torch"):
        join_group(UserConfig.model_construct(), print)
