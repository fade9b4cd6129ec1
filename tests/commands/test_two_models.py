"""Two models on the same images: which is better, and whether the images can tell."""

import json

import numpy as np
import pytest

from tests.compiler.small_detector import small_detector
from tests.prediction.test_predict import BOX, BrightDetector, lamp_image, save
from tinydet.commands.evaluate import evaluate
from tinydet.data.dataset import load_dataset


class HalfBlind(BrightDetector):
    """Finds nothing in every second image."""

    name = "half.tflite"

    def outputs(self, images_u8):
        scores, boxes = super().outputs(images_u8)
        boxes[::2] = 0
        return scores, boxes


@pytest.fixture
def lamps(tmp_path):
    for index in range(12):
        save(tmp_path / "images" / f"{index:02}.png", lamp_image(120 + index, 200))
        x_min, y_min, x_max, y_max = BOX
        centre = (x_min + x_max) / 2, (y_min + y_max) / 2
        line = f"1 {centre[0]} {centre[1]} {x_max - x_min} {y_max - y_min}\n"
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / "labels" / f"{index:02}.txt").write_text(line)
    (tmp_path / "data.yaml").write_text("val: images\nnames: [none, lämp]\n", encoding="utf-8")
    return load_dataset(tmp_path)


def test_the_better_one_is_told_with_an_interval(lamps, tmp_path):
    result = evaluate(HalfBlind(), lamps, other=BrightDetector(), output=tmp_path / "out")
    headline = result.comparison.overall[0]
    assert headline.second == pytest.approx(result.other.ap["0.40"].mean)
    assert headline.points > 20
    assert headline.interval.low > 0
    assert "bright.tflite is better" in str(result)
    assert json.loads(result.to_json())["comparison"]["labels"] == ["half.tflite", "bright.tflite"]
    assert (tmp_path / "out" / "comparison.json").is_file()


def test_a_model_and_itself_cannot_be_told_apart(lamps, tmp_path):
    result = evaluate(BrightDetector(), lamps, other=BrightDetector(), output=tmp_path / "out")
    assert result.comparison.overall[0].interval == (0, 0)
    assert "cannot tell the two apart" in str(result)
    folders = sorted(p.parent.name for p in (tmp_path / "out").rglob("evaluation"))
    assert folders == ["other", "out"]
    draws = [np.array(each.ap["0.40"].draws) for each in (result, result.other)]
    assert (draws[0] == draws[1]).all()


def test_the_c_of_two_models_lies_apart(monkeypatch, lamps, tmp_path):
    """A second library in the place of the first could be taken for it."""
    folders = []

    def build(*what):
        folders.append(what[-1])
        return BrightDetector()

    monkeypatch.setattr("tinydet.deployment.compiling.compiled_detector", build)
    monkeypatch.setattr("tinydet.pipeline.detector_of.spec_for", lambda *_: BrightDetector.spec)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.tflite").write_bytes(small_detector())
        BrightDetector.spec.save(tmp_path / name / "detector.json")
    models = [tmp_path / name / f"{name}.tflite" for name in ("one", "two")]
    evaluate(models[0], lamps, other=models[1], engine="c", output=tmp_path / "out")
    assert len(set(folders)) == 2
