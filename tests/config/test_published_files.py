"""Published files of every generation load, and mean what their users think they mean."""

from datetime import datetime
from pathlib import Path

import pytest

from tinydet.config.loader import LoadedConfig, load_config, resolved_yaml
from tinydet.errors import ConfigError

EXAMPLES = Path(__file__).parent
G2024 = (EXAMPLES / "published_2024.yaml").read_text(encoding="utf-8")
G2025 = (EXAMPLES / "published_2025.yaml").read_text(encoding="utf-8")
MODEL_2026 = (EXAMPLES / "published_2026.yaml").read_text(encoding="utf-8")
NOW = datetime(2031, 2, 3, 4, 5, 6)
ENVIRONMENT = {"DATA_ROOT": "/data/2024/05"}


def load(folder: Path, text: str, *overrides: str) -> LoadedConfig:
    path = folder / "user_config.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, overrides, ENVIRONMENT, NOW)


def test_a_file_of_2024(tmp_path: Path) -> None:
    loaded = load(tmp_path, G2024, "operation_mode=chain_tqe")
    config = loaded.config
    assert config.dataset.name == "COCO_2017_person"
    assert config.dataset.training_path == Path("../datasets/COCO_2017_person/train")
    assert config.data_augmentation["rotation"] == 30
    assert config.data_augmentation["linear_contrast"] == [0.75, 1.5]
    assert config.training.optimizer_name == "Adam"
    assert config.training.optimizer_arguments == {"learning_rate": 0.001}
    assert config.training.dropout is None
    assert config.run_folder == Path("experiments_outputs/2031_02_03_04_05_06")
    preprocess = config.preprocess_spec()
    assert (preprocess.height, preprocess.width) == (192, 416)
    assert (preprocess.scale, preprocess.offset) == (1 / 127.5, -1)
    assert preprocess.interpolation == "nearest"
    assert config.postprocess_spec().max_detections == 10
    assert config.postprocess_spec().score_threshold == 0.6
    assert config.evaluation.iou_thresholds == (0.3,)
    assert config.evaluation_postprocess_spec().score_threshold == 0.001
    assert config.evaluation_postprocess_spec().max_detections == 100
    assert config.prediction_postprocess_spec().score_threshold == 0.6
    assert config.anchor_spec().smallest is None
    assert config.tools.stm32ai
    assert config.tools.optimization == "balanced"
    [warning] = loaded.warnings
    assert warning.startswith("user_config.yaml:58 postprocessing.confidence_thresh: 0.6 is used")


def test_a_file_of_2025(tmp_path: Path) -> None:
    loaded = load(tmp_path, G2025)
    config = loaded.config
    assert config.general.model_path is None
    assert config.general.global_seed is None
    assert config.general.deterministic_ops is False
    assert config.dataset.training_path == Path("/data/2024/05/bccd/train")
    assert config.dataset.test_path == Path("/data/2024/05/bccd/test")
    assert config.dataset.quantization_split == 0.25
    assert config.preprocessing.rescaling.scale == 1 / 127.5
    assert list(config.data_augmentation) == [
        "random_contrast",
        "random_flip",
        "random_translation",
        "random_autocontrast",
    ]
    assert config.data_augmentation["random_translation"]["height_factor"] == [-0.1, 0.2]
    assert config.data_augmentation["random_autocontrast"] is None
    assert (config.training.batch_size, config.training.epochs) == (32, 100)
    assert config.training.optimizer == {"Adam": {}}
    callbacks = config.training.callbacks
    assert callbacks["EarlyStopping"]["restore_best_weights"] is True
    assert callbacks["LearningRateScheduler"]["schedule"] == (
        "lambda epoch, lr: 0.001 if epoch < 10 else lr * exp(-0.1)"
    )
    assert config.training.frozen_layers == "(0:-1)"
    assert config.quantization.granularity == "per_tensor"
    assert config.quantization.input_type == "uint8"
    assert config.postprocessing.max_detections == 100
    assert config.mlflow.uri == "./bccd/mlruns"
    assert loaded.warnings[0] == (
        "user_config.yaml: ignored, since these keys have no meaning in tinydet: "
        "general.display_figures, "
        "quantization.target_opset, evaluation.gen_npy_input, evaluation.target "
        "(see docs/configuration.md)."
    )
    assert [warning.split(": ")[0] for warning in loaded.warnings[1:]] == [
        "user_config.yaml:21 preprocessing.rescaling.scale",
        "user_config.yaml:25 preprocessing.resizing.aspect_ratio",
        "user_config.yaml:53 postprocessing.max_detection_boxes",
        "user_config.yaml:54 postprocessing.confidence_thresh",
    ]
    assert "1/127.5" in loaded.warnings[1]


def test_keys_of_2026_are_those_of_2025_under_other_names(tmp_path: Path) -> None:
    loaded = load(tmp_path, MODEL_2026)
    model = loaded.config.training.model
    assert model
    assert (model.alpha, model.input_shape) == (0.5, (224, 320, 3))
    assert model.pretrained_weights == "imagenet"
    assert loaded.config.dataset.name == "bccd"
    assert loaded.config.dataset.validation_split == 0.1
    assert loaded.config.dataset.training_path == Path("datasets/train.json")
    assert loaded.config.dataset.train_images_path == Path("datasets/train")
    assert loaded.config.dataset.validation_path == Path("datasets/val.json")
    assert loaded.config.preprocessing.color_mode == "bgr"
    [warning] = loaded.warnings
    assert "tinydet: dataset.format, dataset.data_dir (see docs" in warning


@pytest.mark.parametrize("text", [G2024.replace("chain_tqeb", "chain_tqe"), G2025, MODEL_2026])
def test_the_resolved_file_loads_to_the_same_configuration(tmp_path: Path, text: str) -> None:
    """``load(resolved(c)) == c``, without environment, at another time; only choices
    that stay unusual are warned of again."""
    config = load(tmp_path, text).config
    path = tmp_path / "config.yaml"
    path.write_text(resolved_yaml(config), encoding="utf-8")
    again = load_config(path, environment={}, now=datetime(1999, 1, 1))
    assert again.config == config
    assert all("resizing.aspect_ratio" in warning for warning in again.warnings)


@pytest.mark.parametrize(
    ("mode", "stages"),
    [
        ("benchmarking", "b"),
        ("deployment", "d"),
        ("chain_tqeb", "tqeb"),
        ("chain_qb", "qb"),
        ("chain_eqeb", "eqb"),
        ("chain_qd", "qd"),
    ],
)
def test_modes_for_boards_run_the_stages_of_their_name(
    tmp_path: Path, mode: str, stages: str
) -> None:
    """A file of 2024 with its board runs in each mode of its documentation."""
    kind = "tflite" if mode in ("benchmarking", "deployment") else "keras"
    text = G2024.replace("operation_mode: chain_tqeb", f"operation_mode: {mode}")
    if "t" not in stages:
        text = text.replace("model_path:", f"model_path: model.{kind}", 1)
    config = load(tmp_path, text).config
    run = {
        "t": config.trains,
        "q": config.quantizes,
        "e": config.evaluates,
        "b": config.benchmarks,
        "d": config.deploys,
    }
    assert {stage for stage, runs in run.items() if runs} == set(stages)


def test_benchmarking_needs_a_board_and_an_int8_model(tmp_path: Path) -> None:
    text = "general: {model_type: ssd_mobilenet_v2_fpnlite, model_path: m.keras}\n"
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text + "operation_mode: benchmarking\n")
    assert caught.value.findings == [
        "user_config.yaml:1 benchmarking.board: is missing (expected: the name of a board). "
        "Add it: operation_mode benchmarking needs it.",
        "user_config.yaml:1 general.model_path: 'm.keras' (.keras) is not supported (supported: "
        ".tflite, .lite). Give a model of this kind for operation_mode benchmarking.",
    ]
    mended = text.replace("m.keras", "m.tflite") + "benchmarking: {board: NUCLEO-H743ZI2}\n"
    assert load(tmp_path, mended + "operation_mode: benchmarking\n").config.benchmarks


def test_a_linux_board_is_reached_as_root_unless_a_user_is_named(tmp_path: Path) -> None:
    board = "{serie: STM32MP1, board: STM32MP157F-DK2, ip_address: 10.0.0.7}"
    text = G2025.replace("chain_tqe", "chain_qd").replace("model_path: None", "model_path: m.keras")
    text += f"deployment:\n  hardware_setup: {board}\n"
    setup = load(tmp_path, text).config.deployment.hardware_setup
    assert setup
    assert setup.host == "root@10.0.0.7"
    text = text.replace("10.0.0.7", "me@box")
    setup = load(tmp_path, text).config.deployment.hardware_setup
    assert setup
    assert setup.host == "me@box"


def test_a_key_in_both_spellings_is_refused(tmp_path: Path) -> None:
    text = MODEL_2026.replace("  dataset_name", "  name: other\n  dataset_name")
    with pytest.raises(ConfigError, match=r"yaml:13 dataset\.dataset_name: a second value"):
        load(tmp_path, text)
    with pytest.raises(ConfigError, match=r"yaml:3 model\.framework: 'torch' is not supported"):
        load(tmp_path, MODEL_2026.replace("framework: tf", "framework: torch"))
