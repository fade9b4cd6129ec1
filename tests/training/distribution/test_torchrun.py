"""Under PyTorch two processes of torchrun end with the weights of one with the whole batch."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.training.distribution.test_two_processes import OPTIONS, free_ports, weights
from tinydet.backends import BACKENDS
from tinydet.data.augment import make_augmentation

pytestmark = pytest.mark.slow

PROGRAM = """
import os, pickle, sys
from pathlib import Path
import keras
from tinydet.training import seed_everything, train
from tinydet.training.distribution import current_group, join, told_of_lost_processes
from tinydet.training.distribution.cluster import find_cluster
cluster = find_cluster(os.environ)
group = join(cluster) if cluster else current_group()
arguments = pickle.loads(Path(sys.argv[1]).read_bytes())
seed_everything(5)
model = keras.models.load_model(sys.argv[2])
with told_of_lost_processes(group):
    train(model, **arguments, run_folder=Path(sys.argv[3]) / str(group.index))
assert keras.backend.backend() == "torch"
print("of", group.size)
"""


def test_the_same_weights_as_one_process(make_samples, build_small, spec, tmp_path):
    """Batch normalization, clipping, average and re-estimated statistics included."""
    if not BACKENDS["torch"].is_installed():
        pytest.skip("torch is not installed")
    build_small(5, dropout=0.0).save(tmp_path / "start.keras")
    arguments = {
        "spec": spec,
        "training": make_samples(10),
        "validation": make_samples(4, seed=9, folder="validation"),
        "augmentation": make_augmentation({"random_flip": {"mode": "horizontal"}}),
        "options": OPTIONS,
    }
    (tmp_path / "arguments").write_bytes(pickle.dumps(arguments))
    (tmp_path / "program.py").write_text(PROGRAM)
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": root}
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node=2"]
    launcher += ["--rdzv-backend=static", f"--master-port={free_ports(1)[0]}"]
    for name, launch in (("one", []), ("two", launcher)):
        words = [tmp_path / "program.py", tmp_path / "arguments", tmp_path / "start.keras"]
        done = subprocess.run(
            [sys.executable, *launch, *words, tmp_path / name],
            env={**environment, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.count("of 2" if launch else "of 1") == (2 if launch else 1)
    start = weights(tmp_path / "one" / "0", "base_model.keras")
    for model in ("best_model.keras", "last_model.keras"):
        expected = weights(tmp_path / "one" / "0", model)
        assert any(np.ptp(value - start[path]) > 0.01 for path, value in expected.items())
        for index in range(2):
            found = weights(tmp_path / "two" / str(index), model)
            for path, value in expected.items():
                np.testing.assert_allclose(found[path], value, atol=2e-4, err_msg=path)
