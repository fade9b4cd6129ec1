"""With ``--json`` standard output is the result and nothing else."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command_line import tinydet
from tests.compiler.small_detector import small_detector, small_spec
from tinydet.config.detector_spec import DETECTOR_FILE
from tinydet.result import plain


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A model, and two labelled images."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "m.tflite").write_bytes(small_detector())
    small_spec().save(tmp_path / DETECTOR_FILE)
    rng = np.random.default_rng(0)
    for index in range(2):
        pixels = rng.integers(0, 256, (40, 60, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "data" / f"{index}.png")
        (tmp_path / "data" / f"{index}.txt").write_text(f"{index} 0.5 0.5 0.4 0.6\n")
    return tmp_path


def told(capsys, *words):
    status, out, _ = tinydet(capsys, *words, "--json")
    assert status == 0
    return json.loads(out)


def test_what_each_command_tells(capsys, place, monkeypatch):
    """One figure of each, from the files that it wrote where it writes some."""
    names = ",".join(small_spec().class_names)
    checked = told(capsys, "data", "check", "data", "--classes", names)
    assert (checked["images"], checked["boxes"]) == (2, 2)
    assert told(capsys, "init") == {"path": "user_config.yaml"}
    made = told(capsys, "compile", "m.tflite", "--target", "host", "--name", "eye")
    assert (made["name"], made["footprint"]) == ("eye", None)
    plan = json.loads((place / "compiled" / "plan.json").read_text())
    assert made["arena_bytes"] == plan["arena_bytes"]
    assert {"eye.c", "eye.h"} <= set(made["files"])
    taken = told(capsys, "footprint", "m.tflite")
    assert taken["arena_bytes"] == plan["arena_bytes"]
    assert taken["fits"]["STM32H747I-DISCO"] is True
    seen = told(capsys, "predict", "m.tflite", "data/0.png", "--score", "0.01")
    lines = (place / "predictions" / "predictions.jsonl").read_text().splitlines()
    assert seen["predictions"] == [json.loads(line) for line in lines]
    measured = told(capsys, "evaluate", "m.tflite", "--data", "data")
    [file] = (place / "evaluation_run").rglob("result.json")
    record = json.loads(file.read_text())
    assert {name: measured[name] for name in record} == record
    assert measured["report"] == str(place / "evaluation_run" / "report.html")
    assert told(capsys, "report", "evaluation_run")["path"] == "evaluation_run/report.html"
    monkeypatch.setattr("tinydet.commands.doctor._backend", lambda: "none")
    monkeypatch.setattr("tinydet.commands.doctor._gpus_seen_by", lambda _: "CPU only")
    assert told(capsys, "doctor")["backend"] == "none"


def test_what_a_run_says_goes_to_standard_error(capsys, place, monkeypatch):
    """Its log is no part of the result."""

    def execute(config, **_):
        from tinydet.pipeline import RunResult

        print("a line of the log")  # noqa: T201 - as a run does
        return RunResult(config.operation_mode, place / "run", place / "run" / "report.html")

    monkeypatch.setattr("tinydet.pipeline.execute", execute)
    told(capsys, "init")
    status, out, err = tinydet(capsys, "run", "--config", "user_config.yaml", "--json")
    assert status == 0
    assert json.loads(out)["report"] == str(place / "run" / "report.html")
    assert "a line of the log" in err


def test_what_json_cannot_hold():
    found = plain({"a": (float("nan"), Path("b")), 1: [2.5, None]})
    assert found == {"a": [None, "b"], "1": [2.5, None]}
