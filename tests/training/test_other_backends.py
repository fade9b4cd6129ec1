"""What the tests of training show under one backend holds under the other installed ones.

Every training runs in a process of its own; a backend that is not installed is skipped.
"""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.test_train import KILLED, OPTIONS, SEED, same_table, table, weights
from tinydet import cli
from tinydet.backends import BACKENDS
from tinydet.data.generate import generate_dataset

pytestmark = pytest.mark.slow

WHOLE_AND_AGAIN = """
import pickle, sys
import keras
from tinydet.training import seed_everything, train
arguments = pickle.loads(open(sys.argv[1], "rb").read())
seed, killed = arguments.pop("seed"), arguments.pop("run_folder")
for folder in (killed, killed.with_name("whole")):
    model = keras.models.load_model(sys.argv[2])
    seed_everything(seed)
    train(model, **arguments, run_folder=folder)
"""
WITHOUT_TENSORFLOW = """
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = staticmethod(
    lambda name, *where: None if name == "tensorflow" else find(name, *where)
)
from tinydet.cli import main
status = main(sys.argv[1:])
sys.exit(status or int("tensorflow" in sys.modules))
"""


def need(backend):
    if not BACKENDS[backend].is_installed():
        pytest.skip(f"{backend} is not installed")


def python(backend, program, *arguments, cwd=None):
    """A process with this backend."""
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": root},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_a_killed_process_leaves_a_run_that_goes_on(
    backend, make_samples, spec, augmentation, build_small, tmp_path
):
    """To the bit: optimizer, average, dropout, order, callbacks, and statistics measured anew."""
    need(backend)
    build_small(SEED).save(tmp_path / "start.keras")
    arguments = {
        "spec": spec,
        "training": make_samples(8),
        "validation": make_samples(4, seed=9, folder="validation"),
        "augmentation": augmentation,
        "options": OPTIONS,
        "run_folder": tmp_path / "killed",
        "seed": SEED,
    }
    (tmp_path / "arguments").write_bytes(pickle.dumps(arguments))
    files = tmp_path / "arguments", tmp_path / "start.keras"
    died = python(backend, KILLED, *files)
    assert died.returncode == -signal.SIGKILL, died.stderr[-2000:]
    assert len(table(tmp_path / "killed")) == 3
    done = python(backend, WHOLE_AND_AGAIN, *files)
    assert done.returncode == 0, done.stderr[-2000:]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert same_table(table(killed), table(whole))
    for name in ("best_model.keras", "last_model.keras"):
        assert weights(killed / "saved_models" / name) == weights(whole / "saved_models" / name)
    moved = weights(whole / "saved_models/last_model.keras")
    assert moved != weights(whole / "saved_models/base_model.keras")


def test_from_a_pack_without_tensorflow_to_int8_with_it(tmp_path, monkeypatch):
    """The documented path: pack, carry, train elsewhere, bring the model back, quantize."""
    need("torch")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = generate_dataset(tmp_path / "data", images=10, seed=5, size_px=(96, 96)).parent
    assert cli.main(["data", "pack", str(data), str(tmp_path / "pack.zip"), "--side", "64"]) == 0
    assert cli.main(["init", str(data), "--output", str(tmp_path / "config.yaml")]) == 0
    changes = (
        "dataset.training_path=pack.zip",
        "dataset.validation_path=null",
        "training.epochs=1",
        "training.batch_size=4",
        "training.model.pretrained_weights=null",
        "hydra.run.dir=run",
    )
    run = ("run", "--config", "config.yaml", *changes)
    refused = python("torch", WITHOUT_TENSORFLOW, *run, cwd=tmp_path)
    assert refused.returncode != 0  # this configuration also quantizes
    assert "tensorflow, which is not installed" in refused.stderr
    assert not (tmp_path / "run").exists()
    done = python("torch", WITHOUT_TENSORFLOW, *run, "operation_mode=training", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "TensorFlow is at least twice as fast" in done.stdout + done.stderr
    model = tmp_path / "run/saved_models/best_model.keras"
    images = data / "images" / "train"
    words = ["quantize", str(model), "--images", str(images), "--output", str(tmp_path / "int8")]
    assert cli.main(words) == 0
    assert list((tmp_path / "int8").glob("*.tflite"))
