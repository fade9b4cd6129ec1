"""What a model was made for: its detector.json, else what the user says; never one against the
other."""

from pathlib import Path

import pytest

from tinydet.config.detector_spec import DetectorSpec, PreprocessSpec
from tinydet.config.loader import load_config
from tinydet.config.template import render_template
from tinydet.errors import ModelFileError
from tinydet.pipeline.detector_of import spec_for, spec_of
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
