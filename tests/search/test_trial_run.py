"""A trial is a process: watched by its table of metrics, stopped, gone on with, and heard."""

import shlex
import sys

import pytest

from tinydet.errors import DataError
from tinydet.search import trial_run
from tinydet.search.trial_run import run_trial, validation_ap

SUMMARY = '{"evaluation": [{"model": "m", "ap": {"0.40": {"mean": 0.37}, "0.50": {"mean": 0.2}}}]}'
PROGRAM = """
import pathlib, sys, time
folder, behaviour = pathlib.Path({folder!r}), {behaviour!r}
(folder / "arguments.txt").write_text(" ".join(sys.argv[1:]))
(folder / "config.yaml").touch()
if behaviour == "fail":
    print("tinydet: data: is broken. Mend it.", file=sys.stderr)
    sys.exit(2)
table = folder / "logs/metrics/train_metrics.csv"
table.parent.mkdir(parents=True, exist_ok=True)
text = "epoch,loss,val_map\\n"
for epoch in range(3):
    text += f"{{epoch}},1.0,0.{{epoch + 1}}\\n"
    table.write_text(text)
    time.sleep(0.15)
if behaviour == "endless":
    time.sleep(60)
(folder / "run.json").write_text({summary!r})
"""


@pytest.fixture
def trial(tmp_path, monkeypatch):
    """Run a trial whose program does this; gives the AP."""
    monkeypatch.setattr(trial_run, "POLL_SECONDS", 0.05)
    folder = tmp_path / "trial"

    def run(behaviour, on_epoch=lambda *_: False):
        script, program = tmp_path / "program.py", tmp_path / "program"
        script.write_text(PROGRAM.format(folder=str(folder), behaviour=behaviour, summary=SUMMARY))
        # A shell between them: "#!" cannot name an interpreter whose path holds blanks.
        words = shlex.join([sys.executable, str(script)])
        program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        program.chmod(0o755)
        with monkeypatch.context() as patched:
            patched.setattr(trial_run.sys, "executable", str(program))
            return run_trial(tmp_path / "c.yaml", folder, on_epoch)

    run.folder = folder
    return run


def test_the_ap_of_the_summary_and_every_epoch_once(trial):
    seen = []
    assert trial("end", lambda epoch, ap: seen.append((epoch, ap))) == 0.37
    assert seen == [(1, 0.1), (2, 0.2), (3, 0.3)][: len(seen)]
    assert validation_ap(trial.folder) == [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert "--config" in (trial.folder / "arguments.txt").read_text()


def test_a_finished_trial_is_not_run_again(trial):
    trial("end")
    assert trial("fail") == 0.37


def test_one_that_was_begun_goes_on(trial):
    assert trial("endless", lambda epoch, _: epoch == 2) is None
    assert trial("end") == 0.37
    words = (trial.folder / "arguments.txt").read_text()
    assert f"--resume {trial.folder}" in words


def test_a_failure_is_told_by_its_last_line(trial):
    with pytest.raises(DataError) as error:
        trial("fail")
    assert "data: is broken. Mend it." in str(error.value)
    assert "\n" not in str(error.value)
