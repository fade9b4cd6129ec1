"""``training.model.pretrained_weights`` of a configuration: what the run says and takes."""

from pathlib import Path

import numpy as np
import pytest

from tinydet.config.loader import load_config
from tinydet.config.schema import UserConfig
from tinydet.config.template import render_template
from tinydet.pipeline.train_stage import new_model_and_spec


def config_of(folder: Path, weights: object, *overrides: str) -> UserConfig:
    file = folder / "user_config.yaml"
    file.write_text(render_template(), encoding="utf-8")
    given = [f"training.model.pretrained_weights={weights}", *overrides]
    return load_config(file, given).config


@pytest.mark.parametrize(
    ("name", "end"), [("person", "none starts fresh"), ("dog", "class predictors start fresh")]
)
def test_other_classes_get_fresh_class_predictors(tmp_path: Path, name: str, end: str) -> None:
    """One class each: only the names, not the shapes, tell that the detector knows another."""
    said: list[str] = []
    model, spec = new_model_and_spec(config_of(tmp_path, "person"), (name,), said.append)
    assert len(said) == 1
    assert said[0].startswith("Starting from person_192.keras: ")
    assert said[0].endswith(end)
    assert spec.class_names == (name,)
    biases = model.get_layer("head_p3_class_project").weights[1].numpy().reshape(5, 2)
    is_new = np.array_equal(biases, np.tile(biases[0], (5, 1)))  # one prior for all anchors
    assert is_new == (name == "dog")


def test_a_run_s_own_model_is_a_start_too(tmp_path: Path) -> None:
    small = ("training.model.head_depth=1", "training.model.fpn_channels=16")
    model, spec = new_model_and_spec(config_of(tmp_path, None, *small), ("cat", "owl"))
    spec.save(tmp_path / "detector.json")
    model.save(tmp_path / "best_model.keras")
    said: list[str] = []
    start = config_of(tmp_path, tmp_path / "best_model.keras", *small)
    taken, _ = new_model_and_spec(start, ("cat", "owl"), said.append)
    assert "best_model.keras" in said[0]
    for here, there in zip(taken.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(here, there)
    new_model_and_spec(start, ("owl", "cat"), said.append)
    assert said[1].endswith("class predictors start fresh")  # the order counts
