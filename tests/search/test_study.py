"""A search finds the best of what it has tried, keeps the limit of RAM, and can be gone on with."""

import csv
import json
from concurrent.futures import Future

import optuna
import pytest
from PIL import Image

from tinydet.commands.tune import tune
from tinydet.config.loader import load_config
from tinydet.config.template import render_template
from tinydet.errors import ConfigError, DataError, UnsupportedError
from tinydet.search import SearchSpace, TuneOptions, study
from tinydet.search import search as search_in
from tinydet.search.memory import ArenaSizes
from tinydet.search.report import draw_trials
from tinydet.search.space import Range

RATE, WIDTH = "training.callbacks.LRWarmupCosineDecay.max_lr", "training.model.alpha"
SPACE = SearchSpace({RATE: Range(1e-3, 1e-2, True), WIDTH: (0.35, 0.5, 1.0)})
ARENA_BYTES = {0.35: 100_000, 0.5: 150_000, 1.0: 400_000}


@pytest.fixture
def trials(monkeypatch):
    """Runs that take no time: the AP is 1 less the distance of the rate from 0.004, and wide is
    better. Gives what was run: ``(rate, width, epochs, folder)``."""
    done = []

    def run(config_file, folder, on_epoch):
        config = load_config(config_file).config
        rate, width = config.training.callbacks["LRWarmupCosineDecay"]["max_lr"], None
        width = config.training.model.alpha
        done.append((rate, width, config.training.epochs, folder))
        ap = 0.5 - abs(rate - 0.004) * 50 + width / 10
        for epoch in range(1, config.training.epochs + 1):
            if on_epoch(epoch, ap * epoch / config.training.epochs):
                return None
        return ap

    monkeypatch.setattr(study, "run_trial", run)
    monkeypatch.setattr(study, "draw_trials", lambda *_: None)  # as slow as all the rest
    monkeypatch.setattr(
        ArenaSizes, "arena_bytes", lambda _, config: ARENA_BYTES[config.training.model.alpha]
    )
    return done


@pytest.fixture
def search(generated, tmp_path):
    path = tmp_path / "user_config.yaml"
    text = render_template(training_path=str(generated), class_names=("ball", "box"))
    path.write_text(text, encoding="utf-8")

    def run(*overrides, space=SPACE, **options):
        output = tmp_path / "tuning"
        search_in(path, overrides, space, output, TuneOptions(**options))
        return output

    return run


def rows(output):
    with (output / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def test_best_yaml_is_the_best_trial_with_the_epochs_of_the_configuration(search, trials, tmp_path):
    output = search("training.batch_size=8", trials=12, epochs=10)
    assert len(trials) == 12
    assert {epochs for _, _, epochs, _ in trials} == {10}
    finished = [row for row in rows(output) if row["state"] == "complete"]
    best = max(finished, key=lambda row: float(row["ap"]))
    config = load_config(output / "best.yaml").config
    assert config.training.epochs == 100
    assert config.training.batch_size == 8
    assert config.operation_mode == "chain_tqe"
    assert config.training.callbacks["LRWarmupCosineDecay"]["max_lr"] == float(best[RATE])
    assert config.training.model.alpha == float(best[WIDTH])
    found = tune(tmp_path / "user_config.yaml", output, trials=12, epochs=10)
    assert len(trials) == 12  # nothing is left to run
    assert found.best_ap == float(best["ap"])
    assert found.best_values[RATE] == float(best[RATE])
    assert f"Best AP {float(best['ap']):.2%}, trial {best['trial']} of 12:" in str(found)
    assert found.to_dict()["best_file"] == str(output / "best.yaml")


def test_the_picture(tmp_path):
    found = optuna.create_study(direction="maximize", pruner=optuna.pruners.ThresholdPruner(0.2))
    for number in range(4):
        trial = found.ask()
        SPACE.suggest(trial)
        trial.report(number / 10, 1)
        trial.set_user_attr("arena_bytes", 1000 + number)
        state = optuna.trial.TrialState.PRUNED if trial.should_prune() else None
        found.tell(trial, None if state else number / 10, state=state)
    draw_trials(found, tmp_path / "trials.png")
    with Image.open(tmp_path / "trials.png") as picture:
        assert picture.width > 1000


@pytest.mark.usefixtures("trials")
def test_bad_trials_are_stopped_early(search):
    output = search(trials=25, epochs=10)
    stopped = [row for row in rows(output) if row["state"] == "pruned"]
    assert stopped
    assert all(0 < int(row["epochs"]) < 10 for row in stopped)


def test_networks_above_the_limit_are_not_trained(search, trials):
    output = search(trials=10, epochs=2, ram_limit_bytes=200_000)
    assert {width for _, width, *_ in trials} <= {0.35, 0.5}
    assert len(trials) == 10
    assert all(int(row["arena_bytes"]) <= 200_000 for row in rows(output) if row["ap"])
    assert load_config(output / "best.yaml").config.training.model.alpha <= 0.5


def test_a_limit_that_no_network_keeps(search, trials, monkeypatch):
    monkeypatch.setattr(study, "MOST_REFUSED", 8)
    with pytest.raises(UnsupportedError, match="100000 bytes or more"):
        search(trials=3, ram_limit_bytes=99_999)
    assert not trials


def test_a_search_goes_on_and_its_interrupted_trial_first(search, trials, monkeypatch):
    run = study.run_trial
    begun = []

    def interrupted(_, folder, __):
        begun.append(folder)
        raise KeyboardInterrupt

    search(trials=3, epochs=2)
    monkeypatch.setattr(study, "run_trial", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search(trials=5, epochs=2)
    monkeypatch.setattr(study, "run_trial", run)
    output = search(trials=5, epochs=2)
    assert len(trials) == 5
    assert trials[3][3] == begun[0]  # in its folder, where its epochs are
    assert sum(row["state"] in ("complete", "pruned") for row in rows(output)) == 5
    search(trials=5, epochs=2)
    assert len(trials) == 5


@pytest.mark.usefixtures("trials")
def test_a_failed_trial_ends_the_search_with_its_reason(search, monkeypatch):
    def fail(_, folder, __):
        raise DataError(folder, "the trial failed (no memory)", "See output.txt there.")

    monkeypatch.setattr(study, "run_trial", fail)
    with pytest.raises(DataError, match="no memory"):
        search(trials=3)


def test_wrong_keys_and_modes_are_told_before_anything_runs(search, trials):
    with pytest.raises(ConfigError, match="alhpa"):
        search(space=SearchSpace({"training.model.alhpa": (1, 2)}))
    with pytest.raises(ConfigError, match="chain_tqe"):
        search("operation_mode=evaluation", "general.model_path=x.keras")
    assert not trials


def test_arena_sizes_are_computed_once(tmp_path, generated, monkeypatch):
    monkeypatch.setattr("tinydet.search.memory.get_context", lambda _: None)
    calls = []

    class Pool:
        def __init__(self, *_, **__): ...

        def __enter__(self):
            return self

        def __exit__(self, *_): ...

        def submit(self, _, config, num_classes):
            calls.append((config, num_classes))
            done = Future()
            done.set_result(123_456)
            return done

    monkeypatch.setattr("tinydet.search.memory.ProcessPoolExecutor", Pool)
    path = tmp_path / "c.yaml"
    path.write_text(render_template(training_path=str(generated), class_names=("a",)))
    config = load_config(path).config
    wide = load_config(path, ["training.model.alpha=0.5", "training.epochs=3"]).config
    for _ in range(2):
        sizes = ArenaSizes(tmp_path / "arenas.json", 4)
        assert sizes.arena_bytes(config) == 123_456
    assert len(calls) == 1
    sizes.arena_bytes(wide)
    assert len(calls) == 2
    assert len(json.loads((tmp_path / "arenas.json").read_text())) == 2
