"""The card says what the files of the run say, and nothing of the disk they lay on."""

import hashlib
import json
import re

import pytest
import yaml

from tests.report.conftest import CLASS_NAMES, result_record, save_json
from tinydet.config.detector_spec import DetectorSpec
from tinydet.errors import DataError
from tinydet.report.model_card import write_model_card

QUANTIZATION = {
    "options": {"granularity": "per_channel", "input_type": "uint8"},
    "calibration": {"images": 57, "folders": ["/home/somebody/secret/cats"]},
    "verification": {
        "inputs": [{"name": "image", "type": "uint8", "shape": [1, 192, 256, 3]}],
        "outputs": [{"name": "boxes|x", "type": "float32", "shape": [1, 99, 12]}],
    },
}
PROVENANCE = {
    "data": {"name": "/home/somebody/secret/cats", "training_images": 1234, "validation_images": 5},
    "seed": 77,
    "epochs": 31,
    "size": "small",
    "teacher": "/home/somebody/secret/large.keras",
    "versions": {"tinydet": "9.9"},
}


@pytest.fixture
def run(run_folder):
    spec = DetectorSpec.model_validate_json(
        (run_folder / "quantized_models/detector.json").read_text()
    ).model_copy(update={"provenance": PROVENANCE})
    spec.save(run_folder / "quantized_models/detector.json")
    save_json(run_folder / "quantized_models/quantization.json", QUANTIZATION)
    return run_folder


def parts(path):
    """Front matter and text."""
    _, front, text = path.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), text


def test_the_front_matter_is_what_hubs_read(run):
    path = write_model_card(run, license_id="apache-2.0")
    assert path == run / "quantized_models/README.md"
    front, _ = parts(path)
    assert front["license"] == "apache-2.0"
    assert front["pipeline_tag"] == "object-detection"
    assert {"tflite", "int8"} <= {*front["tags"]}
    (model,) = front["model-index"]
    (result,) = model["results"]
    assert result["task"] == {"type": "object-detection"}
    values = {metric["name"]: metric["value"] for metric in result["metrics"]}
    assert values == {"AP at IoU 0.40": 0.605, "AP at IoU 0.50": 0.555}


def test_the_figures_are_those_of_the_run(run):
    _, text = parts(write_model_card(run))
    assert "| AP at IoU 0.40 | 62.0 | 60.5 |" in text
    assert "On 37 images with 91 objects of a & b." in text
    assert "Training images: 1\N{NARROW NO-BREAK SPACE}234" in text
    assert "Epochs: 31" in text
    assert "Size of the network: small\n- Teacher: large.keras\n" in text
    assert "Calibration images: 57" in text
    assert "pixel values 0..255, unchanged" in text
    assert "Input `image`: uint8 (1, 192, 256, 3)." in text
    model = run / "quantized_models/quantized_model.tflite"
    assert hashlib.sha256(model.read_bytes()).hexdigest() in text
    assert "changed AP at IoU 0.50 by \N{MINUS SIGN}1.5 points" in text
    assert "tested on 37 images" in text


def test_paths_of_the_disk_are_left_out(run):
    assert "secret" not in write_model_card(run).read_text(encoding="utf-8")


def test_names_cannot_break_out(run):
    """Class names with HTML and table borders stay text; the front matter stays YAML."""
    front, text = parts(write_model_card(run))
    assert CLASS_NAMES[1] in front["model-index"][0]["name"]
    assert not re.search(r"(?<!\\)<script", text)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} <= {5}


def test_commands_name_the_model_that_is_there(run):
    path = write_model_card(run)
    _, text = parts(path)
    for block in re.findall(r"```sh\n(.*?)```", text, re.S):
        assert (path.parent / block.split()[2]).is_file()
    (python,) = re.findall(r"```python\n(.*?)```", text, re.S)
    compile(python, "card", "exec")
    assert len(python.strip().splitlines()) == 3
    (c,) = re.findall(r"```c\n(.*?)```", text, re.S)
    assert len(c.strip().splitlines()) == 3


def test_a_run_without_quantization_describes_the_float_model(run):
    for path in (run / "quantized_models").iterdir():
        path.rename(run / path.name)
    (run / "saved_models").mkdir()
    (run / "saved_models/best_model.keras").write_bytes(b"keras")
    (run / "detector.json").rename(run / "saved_models/detector.json")
    path = write_model_card(run)
    front, text = parts(path)
    assert path == run / "saved_models/README.md"
    assert front["model-index"][0]["results"][0]["metrics"][0]["value"] == 0.62
    assert "tinydet predict best_model.keras" in text
    assert "```c" not in text
    assert "pixel values times 0.0078431373 plus -1" in text


def test_a_run_without_evaluation_says_so(run):
    for path in (run / "evaluation").glob("*/result.json"):
        path.unlink()
    front, text = parts(write_model_card(run))
    assert "model-index" not in front
    assert "Its accuracy was not measured in this run." in text


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"options": 5, "calibration": "x"})])
def test_odd_files_do_not_stop_the_card(run, content):
    (run / "quantized_models/quantization.json").write_text(content)
    save_json(run / "evaluation/q8/result.json", result_record("int8 tflite", 0.5) | {"coco": []})
    write_model_card(run)


def test_a_folder_without_model(tmp_path):
    with pytest.raises(DataError, match="contains no model"):
        write_model_card(tmp_path)
