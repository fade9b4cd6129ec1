"""Folders that the configuration names elsewhere hold the files, and every stage finds them."""

from pathlib import Path

import pytest

from tinydet.config.schema import UserConfig
from tinydet.errors import OutputError, UnsupportedError
from tinydet.pipeline.run_folder import link_folders


def config_of(mode: str, models: object, export: object = "quantized_models") -> UserConfig:
    values = {
        "operation_mode": mode,
        "general": {"saved_models_dir": str(models), "logs_dir": "tb/logs"},
        "quantization": {"export_dir": str(export)},
    }
    return UserConfig.model_validate(values)


def test_files_lie_where_the_configuration_says(tmp_path: Path) -> None:
    run, models = tmp_path / "run", tmp_path / "elsewhere" / "models"
    run.mkdir()
    for _ in range(2):  # a resumed run finds its links
        link_folders(config_of("chain_tqe", models, "int8"), run)
    (run / "saved_models" / "best_model.keras").touch()
    (run / "logs" / "events").touch()
    (run / "quantized_models" / "quantized_model.tflite").touch()
    assert (models / "best_model.keras").is_file()
    assert (run / "tb" / "logs" / "events").is_file()
    assert (run / "int8" / "quantized_model.tflite").is_file()
    moved = run.rename(tmp_path / "moved")
    assert (moved / "quantized_models" / "quantized_model.tflite").is_file()


def test_the_usual_names_and_unused_folders_need_no_link(tmp_path: Path) -> None:
    link_folders(config_of("evaluation", "models"), tmp_path)
    link_folders(config_of("quantization", "models", "./quantized_models/"), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("inside", ["saved_models/2024", ".", ".."])
def test_a_folder_that_cannot_be_linked_is_refused_by_its_key(tmp_path: Path, inside: str) -> None:
    with pytest.raises(UnsupportedError, match=r"general\.saved_models_dir: .* of its own"):
        link_folders(config_of("training", inside), tmp_path / "run")


def test_files_of_the_user_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "saved_models").mkdir()
    with pytest.raises(OutputError, match=r"cannot be made a link .*general\.saved_models_dir"):
        link_folders(config_of("training", "models"), tmp_path)
