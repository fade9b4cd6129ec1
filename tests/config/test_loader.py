"""Values are read by the type of their field; overrides, environment and time come in."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinydet.config.loader import LoadedConfig, load_config, resolved_yaml
from tinydet.config.schema import UserConfig
from tinydet.config.schema.training import TrainingSection
from tinydet.config.template import render_template

EXAMPLES = Path(__file__).parent
G2025 = (EXAMPLES / "published_2025.yaml").read_text(encoding="utf-8")
ENVIRONMENT = {"DATA_ROOT": "/data", "EMPTY": "", "DOLLAR": "${DATA_ROOT}"}


def load(folder: Path, *overrides: str) -> LoadedConfig:
    path = folder / "user_config.yaml"
    path.write_text(G2025, encoding="utf-8")
    return load_config(path, overrides, ENVIRONMENT, datetime(2031, 2, 3))


@pytest.mark.parametrize(
    "text", ["2024/05", "data/1/2", "1e-3", "max", "2024-10-12", "007", "True", "1/127.5", "12:30"]
)
def test_text_stays_text_where_text_belongs(tmp_path: Path, text: str) -> None:
    config = load(
        tmp_path,
        f"general.project_name={text}",
        f"dataset.test_path={text}",
        f"dataset.class_names=[{text}, b]",
    ).config
    assert config.general.project_name == text
    assert config.dataset.test_path == Path(text)
    assert config.dataset.class_names == (text, "b")


def test_overrides_come_last_and_in_order(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "training.epochs=7",
        "+training.epochs=2 * 4",
        "training.model.input_shape=(416, 192, 3)",
        "training.optimizer={AdamW: {weight_decay: 1/1000}}",
        "training.dropout=0.25",
        "general.global_seed=",
        "evaluation.iou_thresholds=[0.5, 3/4]",
        "hydra.run.dir=out/${now:%Y}/${DOLLAR}",
        "quantization.max_images=None",
        "training.model.anchors=compact",
        "training.loss={focal_gamma: 0.25}",
        "postprocessing.confidence_thresh=0.7",
        "prediction.score_threshold=0.2",
    ).config
    assert config.training.epochs == 8
    assert config.preprocess_spec().height == 416
    assert config.preprocess_spec((224, 256)).width == 256
    assert config.training.optimizer == {"AdamW": {"weight_decay": 0.001}}
    assert config.training.dropout == 0.25
    assert config.general.global_seed == 123
    assert config.evaluation.iou_thresholds == (0.5, 0.75)
    assert config.run_folder == Path("out/2031/${DATA_ROOT}")
    assert config.quantization.max_images is None
    assert config.anchor_spec().smallest == (0.09, 0.126)
    assert config.training.loss.given() == {"focal_gamma": 0.25}
    assert config.postprocess_spec().score_threshold == 0.7
    assert config.prediction_postprocess_spec().score_threshold == 0.2
    path = tmp_path / "config.yaml"
    path.write_text(resolved_yaml(config), encoding="utf-8")
    assert load_config(path, environment={}).config == config


@pytest.mark.parametrize("text", ["True", "true", "'TRUE'", '"True"', "yes", "on"])
def test_switches_take_every_published_form(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, f"postprocessing.plot_metrics={text}").config.postprocessing.plot_metrics


def test_defaults_come_from_the_keys_they_depend_on(tmp_path: Path) -> None:
    config = load(tmp_path, "postprocessing.IoU_eval_thresh=0.45").config
    assert config.evaluation.iou_thresholds == (0.45,)
    assert config.prediction.score_threshold == 0.6
    assert config.run_folder == Path("experiments_outputs/2031_02_03_00_00_00")


def test_merge_keys_and_escapes(tmp_path: Path) -> None:
    text = G2025.replace(
        "postprocessing:\n",
        "postprocessing:\n  <<: {plot_metrics: True, NMS_thresh: 0.9}\n",
    ).replace("project_name: bccd", "project_name: a$${b}")
    path = tmp_path / "user_config.yaml"
    path.write_text(text, encoding="utf-8")
    config = load_config(path, (), ENVIRONMENT).config
    assert config.postprocessing.plot_metrics
    assert config.postprocessing.nms_iou_threshold == 0.5
    assert config.general.project_name == "a${b}"


def test_a_configuration_is_frozen_and_can_be_made_in_python() -> None:
    config = UserConfig.model_validate({"operation_mode": "training", "training": {"epochs": 3}})
    assert config.training.epochs == 3
    assert config.trains
    assert not config.quantizes
    assert not config.evaluates
    with pytest.raises(ValueError, match="frozen"):
        config.training.epochs = 4  # type: ignore[misc]
    with pytest.raises(ValueError, match="input size"):
        config.preprocess_spec()
    assert TrainingSection().model is None


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=4, unique=True),
    st.text(min_size=1),
)
@example(["@ANCHORS@", "\x1b"], "@CLASS_NAMES@")  # marks of the template itself
def test_the_template_takes_any_names_without_a_warning(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], project: str
) -> None:
    """Any class name a user has comes back as it is, from the template and the resolved file."""
    path = tmp_path_factory.mktemp("template") / "user_config.yaml"
    path.write_text(render_template("data/1/2", names, project), encoding="utf-8", newline="")
    loaded = load_config(path, (), {})
    assert loaded.warnings == []
    assert loaded.config.dataset.class_names == tuple(names)
    assert loaded.config.dataset.training_path == Path("data/1/2")
    path.write_text(resolved_yaml(loaded.config), encoding="utf-8", newline="")
    assert load_config(path, (), {}).config == loaded.config


def test_the_template_holds_what_it_recommends(tmp_path: Path) -> None:
    path = tmp_path / "user_config.yaml"
    path.write_text(render_template(), encoding="utf-8")
    loaded = load_config(path, (), {})
    assert loaded.warnings == []
    assert loaded.config.operation_mode == "chain_tqe"
    assert loaded.config.training.optimizer_name == "AdamW"
    assert loaded.config.evaluation.iou_thresholds == (0.4, 0.5, 0.75)
    scheduler = loaded.config.training.callbacks["LRWarmupCosineDecay"]
    steps = scheduler["warmup_steps"] + scheduler["hold_steps"] + scheduler["decay_steps"]
    assert steps == loaded.config.training.epochs
