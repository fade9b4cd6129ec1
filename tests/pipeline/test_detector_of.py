"""What a model was made for: its detector.json, else what the user says; never one against the
other."""

from pathlib import Path

import pytest

from tinydet.config.detector_spec import DetectorSpec, PreprocessSpec
from tinydet.config.loader import load_config
from tinydet.config.schema import UserConfig
from tinydet.config.template import render_template
from tinydet.errors import DataError, ModelFileError
from tinydet.pipeline.detector_of import label_file_names, spec_for, spec_of, trained_otherwise
from tinydet.pretrained import pretrained_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model that nobody opens, with a detector.json beside it."""
    DetectorSpec(class_names=("cat", "owl"), preprocess=PreprocessSpec(height=192, width=224)).save(
        tmp_path / "detector.json"
    )
    path = tmp_path / "any.tflite"
    path.write_bytes(b"")
    return path


def test_detector_json_tells_everything(model: Path) -> None:
    assert spec_for(model, None).class_names == ("cat", "owl")
    assert spec_for(model, None).preprocess.width == 224


def test_names_of_a_configuration_must_agree_too(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "user_config.yaml"
    file.write_text(render_template(class_names=["cat", "dog"]), encoding="utf-8")
    config = load_config(
        file,
        [
            "operation_mode=prediction",
            f"general.model_path={model}",
            "prediction.test_files_path=x",
        ],
    ).config
    with pytest.raises(ModelFileError, match=r"but dataset\.class_names says cat, dog"):
        spec_of(config, model)
    without = config.model_copy(
        update={"dataset": config.dataset.model_copy(update={"class_names": None})}
    )
    assert spec_of(without, model).class_names == ("cat", "owl")


def test_a_missing_model_is_said_before_missing_names(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="there is no such file"):
        spec_for(tmp_path / "nowhere.tflite", None)


@pytest.mark.parametrize(("mode", "suffix"), [("prediction", ".tflite"), ("chain_qd", ".keras")])
def test_a_configuration_takes_the_names_of_the_package(mode: str, suffix: str) -> None:
    words = [
        f"operation_mode={mode}",
        "general.model_path=person_192",
        "prediction.test_files_path=x",
        "deployment.hardware_setup.board=mps2-an500",
    ]
    config = load_config(None, words).config
    assert config.general.model_path == pretrained_model("person_192", suffix)


def prediction_with(folder: Path, model: Path, *overrides: str) -> UserConfig:
    file = folder / "user_config.yaml"
    file.write_text(render_template(class_names=["cat", "owl"]), encoding="utf-8")
    wish = ["operation_mode=prediction", f"general.model_path={model}"]
    wish += ["prediction.test_files_path=x", "preprocessing.resizing.interpolation=bilinear"]
    return load_config(file, [*wish, *overrides], {}).config


def test_another_preprocessing_than_the_model_has_is_told(model: Path, tmp_path: Path) -> None:
    """The model counts; nothing is said where the two agree, or the file leaves it to the model."""
    assert trained_otherwise(prediction_with(tmp_path, model)) is None
    assert trained_otherwise(prediction_with(tmp_path, model, "preprocessing.rescaling=")) is None
    config = prediction_with(
        tmp_path, model, "preprocessing.rescaling.offset=0", "preprocessing.color_mode=bgr"
    )
    said = trained_otherwise(config)
    assert said is not None
    assert said.endswith("which is used: color_mode rgb, rescaling.offset -1.0.")
    assert spec_of(config, model).preprocess.color_mode == "rgb"


def test_names_of_a_label_file(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("cat\nhot dog\n\n", encoding="utf-8")
    values = {"operation_mode": "deployment", "deployment": {"label_file_path": str(labels)}}
    assert label_file_names(UserConfig.model_validate(values)) == ("cat", "hot dog")
    labels.unlink()
    with pytest.raises(DataError, match=r"Correct deployment\.label_file_path"):
        label_file_names(UserConfig.model_validate(values))
    assert label_file_names(UserConfig.model_validate({"operation_mode": "deployment"})) is None
