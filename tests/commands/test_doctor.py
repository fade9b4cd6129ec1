"""What doctor says of a backend that is missing, or broken; nothing is loaded into this process."""

import pytest

from tinydet.backends import BACKENDS
from tinydet.commands.doctor import _gpus_seen_by


@pytest.mark.parametrize("name", ["tensorflow", "jax", "torch"])
def test_a_missing_backend_comes_with_the_command_that_installs_it(monkeypatch, name):
    backend = BACKENDS[name]
    monkeypatch.setattr(type(backend), "is_installed", lambda _: False)
    assert _gpus_seen_by(backend) == f"not installed (pip install 'tinydet[{backend.extra}]')"


def test_a_broken_backend_says_why(monkeypatch, tmp_path):
    (tmp_path / "jax.py").write_text("raise ImportError('libcuda.so is missing')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(type(BACKENDS["jax"]), "is_installed", lambda _: True)
    assert _gpus_seen_by(BACKENDS["jax"]) == (
        "cannot be loaded (ImportError: libcuda.so is missing)"
    )


def test_the_gpus_are_named(monkeypatch, tmp_path):
    module = """
class Device:
    platform, device_kind, compute_capability = "gpu", "Fast 9000", "9.0"
def local_devices():
    return [Device(), Device()]
"""
    (tmp_path / "jax.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(type(BACKENDS["jax"]), "is_installed", lambda _: True)
    assert _gpus_seen_by(BACKENDS["jax"]) == "GPU Fast 9000, Fast 9000"
