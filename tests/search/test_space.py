"""What is searched: read from a file, or by default what the configuration has."""

import optuna
import pytest

from tinydet.config.loader import load_config
from tinydet.config.template import render_template
from tinydet.errors import DataError, UnsupportedError
from tinydet.search.space import Range, default_space, fitted_schedule, read_space


@pytest.fixture
def config_of(tmp_path):
    def load(*overrides):
        path = tmp_path / "user_config.yaml"
        path.write_text(render_template(training_path="x", class_names=("a",)), encoding="utf-8")
        return load_config(path, overrides).config

    return load


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "space.yaml"
        path.write_text(text, encoding="utf-8")
        return read_space(path)

    return read_text


def test_a_file_of_choices_and_ranges(read):
    space = read(
        "training.model.alpha: [0.35, 0.5]\n"
        "training.model.input_shape: ['(192, 192, 3)', '(224, 192, 3)']\n"
        "training.batch_size: {low: 8, high: 32, step: 8}\n"
        "training.optimizer.Adam.learning_rate: {low: 1e-4, high: 0.01, log: True}\n"
    )
    assert space.dimensions == {
        "training.model.alpha": (0.35, 0.5),
        "training.model.input_shape": ("(192, 192, 3)", "(224, 192, 3)"),
        "training.batch_size": Range(8, 32, False, 8),
        "training.optimizer.Adam.learning_rate": Range(1e-4, 0.01, True),
    }
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(20):
        values = space.suggest(study.ask())
        assert values["training.batch_size"] in (8, 16, 24, 32)
        assert isinstance(values["training.batch_size"], int)
        assert 1e-4 <= values["training.optimizer.Adam.learning_rate"] <= 0.01
        assert values["training.model.alpha"] in (0.35, 0.5)


@pytest.mark.parametrize(
    "text",
    [
        "a.b: []",
        "a.b: 3",
        "a.b: [[1, 2]]",
        "a.b: {low: 1}",
        "a.b: {low: 2, high: 1}",
        "a.b: {low: 0, high: 1, log: True}",
        "a.b: {low: 1, high: 2, log: True, step: 1}",
        "a.b: {low: x, high: 1}",
        "a.b: {low: 0, high: 1, middle: 2}",
        "- a",
        "",
    ],
)
def test_what_is_no_space(read, text):
    with pytest.raises(UnsupportedError) as error:
        read(text)
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(read, tmp_path):
    with pytest.raises(DataError):
        read("a: [")
    with pytest.raises(DataError):
        read_space(tmp_path / "absent.yaml")


@pytest.mark.parametrize("with_networks", [True, False])
def test_the_default_space_is_made_of_keys_that_the_configuration_takes(config_of, with_networks):
    space = default_space(config_of(), with_networks=with_networks)
    assert ("training.model.input_shape" in space.dimensions) == with_networks
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(8):
        values = space.suggest(study.ask())
        config = config_of(values)
        [schedule] = config.training.callbacks
        key = f"training.callbacks.{schedule}.max_lr"
        assert config.training.callbacks[schedule]["max_lr"] == values[key]


@pytest.mark.parametrize("with_networks", [True, False])
@pytest.mark.parametrize("start", ["person", "b.weights.h5", "a.keras", "imagenet", "None"])
def test_alpha_is_searched_where_the_start_is_there_in_every_width(config_of, start, with_networks):
    config = config_of(f"training.model.pretrained_weights={start}")
    space = default_space(config, with_networks=with_networks)
    is_searched = with_networks and start in ("imagenet", "None")
    assert ("training.model.alpha" in space.dimensions) == is_searched


def test_the_learning_rate_of_the_optimizer_where_there_is_no_schedule(config_of):
    config = config_of("training.callbacks={}", "training.optimizer={Adam: {learning_rate: 0.01}}")
    space = default_space(config, with_networks=False)
    assert "training.optimizer.Adam.learning_rate" in space.dimensions


@pytest.mark.parametrize("epochs", [1, 2, 10, 50, 200])
def test_a_schedule_ends_with_a_shorter_training(config_of, epochs):
    config = config_of()
    config = config_of(f"training.epochs={epochs}", fitted_schedule(config.training, epochs))
    [arguments] = config.training.callbacks.values()
    steps = [arguments.get(key, 0) for key in ("warmup_steps", "hold_steps", "decay_steps")]
    assert sum(steps) == epochs
    assert fitted_schedule(config.training, epochs) == {}
