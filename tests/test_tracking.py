"""MLflow gets parameters, metrics and files of a run; without it, or with a broken one, the run
goes on and says so in one line."""

import sys
import types
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import SimpleNamespace

import pytest

from tinydet import tracking
from tinydet.tracking import log_metrics, tracked, tracked_apart


class Recorder(types.ModuleType):
    """As much of MLflow as a run uses; notes every call."""

    def __init__(self):
        super().__init__("mlflow")
        self.__spec__ = ModuleSpec("mlflow", None)
        self.calls, self.open = [], []

    def active_run(self):
        return self.open[-1] if self.open else None

    def set_tracking_uri(self, uri):
        self.calls.append(("uri", uri))

    def set_experiment(self, name):
        self.calls.append(("experiment", name))

    def start_run(self, run_id=None, run_name=None, nested=False):
        self.calls.append(("start", run_id, run_name, nested))
        self.open.append(SimpleNamespace(info=SimpleNamespace(run_id="r1")))
        return self.scope()

    @contextmanager
    def scope(self):
        yield
        self.open.pop()

    def log_params(self, values):
        self.calls.append(("params", values))

    def log_metrics(self, values, step):
        self.calls.append(("metrics", values, step))

    def log_artifact(self, path, folder):
        self.calls.append(("file", path.rpartition("/")[2], folder))

    def log_artifacts(self, path, folder):
        self.calls.append(("folder", path.rpartition("/")[2], folder))

    def end_run(self, status):
        self.calls.append(("end", status))
        self.open.pop()


@pytest.fixture
def mlflow(monkeypatch):
    recorder = Recorder()
    # What start_run gives is a run and a context at once.
    start = recorder.start_run

    def start_run(*args, **options):
        scope = start(*args, **options)
        scope.info = recorder.open[-1].info
        return scope

    recorder.start_run = start_run
    monkeypatch.setitem(sys.modules, "mlflow", recorder)
    return recorder


def test_a_run_is_logged_whole(mlflow, tmp_path):
    said = []
    (tmp_path / "quantized_models").mkdir()
    (tmp_path / "config.yaml").touch()
    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models" / "best_model.keras").touch()
    parameters = {"training.epochs": 3, "long": "x" * 10_000}
    with tracked("http://host", "door", tmp_path, parameters, said.append):
        log_metrics({"val_map": 0.5, "loss": float("nan")}, step=2)
        with tracked_apart("quantization_aware"):
            log_metrics({"loss": 1})
    assert said == []
    assert mlflow.calls == [
        ("uri", "http://host"),
        ("experiment", "door"),
        ("start", None, tmp_path.name, False),
        ("params", {"training.epochs": "3", "long": "x" * 500}),
        ("metrics", {"val_map": 0.5}, 2),
        ("start", None, "quantization_aware", True),
        ("metrics", {"loss": 1.0}, None),
        ("file", "config.yaml", None),
        ("file", "best_model.keras", "saved_models"),
        ("folder", "quantized_models", "quantized_models"),
        ("end", "FINISHED"),
    ]


def test_a_resumed_run_goes_on_in_its_mlflow_run(mlflow, tmp_path):
    with (
        pytest.raises(KeyboardInterrupt),
        tracked("http://host", "door", tmp_path, {"a": 1}, print),
    ):
        raise KeyboardInterrupt
    assert mlflow.calls[-1] == ("end", "KILLED")
    mlflow.calls.clear()
    with tracked("http://host", "door", tmp_path, {"a": 1}, print):
        pass
    assert mlflow.calls[2:] == [("start", "r1", None, False), ("end", "FINISHED")]


def test_what_goes_wrong_there_ends_no_run(mlflow, tmp_path, monkeypatch):
    def fail(*_):
        raise ConnectionError("no\nserver")

    said = []
    monkeypatch.setattr(mlflow, "set_experiment", fail)
    with tracked("http://host", "door", tmp_path, {}, said.append):
        log_metrics({"loss": 1.0}, step=0)
    assert said == ["mlflow.uri: not logged (ConnectionError: no server)"]


def test_without_mlflow_one_line_says_so(monkeypatch, tmp_path):
    said = []
    monkeypatch.setattr(tracking, "find_spec", lambda _: None)
    with tracked("./mlruns", "door", tmp_path, {}, said.append):
        log_metrics({"loss": 1.0}, step=0)
    [line] = said
    assert "MLflow is not installed" in line
    assert "pip install 'tinydet[mlflow]'" in line
    with tracked(None, "door", tmp_path, {}, said.append):
        pass
    assert len(said) == 1
