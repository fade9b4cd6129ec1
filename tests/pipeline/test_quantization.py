"""What a drop of accuracy means, and which images calibrate."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinydet.commands.quantize import quantize
from tinydet.config.loader import load_config
from tinydet.config.template import render_template
from tinydet.data.dataset import load_dataset
from tinydet.data.generate import generate_dataset
from tinydet.errors import AccuracyError, DataError, OptionError, UnsupportedError
from tinydet.pipeline.quantization import calibration_images, check_drop, quantize_configured


def result(path, ap):
    mean = None if ap is None else ap / 100
    return SimpleNamespace(
        headline_iou="0.40",
        ap={"0.40": SimpleNamespace(mean=mean)},
        model=SimpleNamespace(path=str(path)),
    )


@pytest.fixture
def int8_model(tmp_path):
    """An int8 model with its records: four layers, of which the second costs most."""

    def make(**options):
        layers = [
            {
                "name": f"layer_{number}",
                "operator": "CONV_2D",
                "channels": 8,
                "sqnr_db": 20.0,
                "saturated_share": 0.0,
                "dead_channels": 0,
                "constant_channels": 0,
                "weight_spread": spread,
                "cost_share": share,
            }
            for number, (share, spread) in enumerate(
                [(0.1, 2.0), (0.7, 31.4), (0.05, None), (0.15, 3.0)]
            )
        ]
        (tmp_path / "layers.json").write_text(json.dumps(layers))
        given = {"granularity": "per_tensor", "optimize": False, "calibration_method": "minmax"}
        record = {"options": {**given, **options}}
        (tmp_path / "quantization.json").write_text(json.dumps(record))
        return tmp_path / "quantized_model.tflite"

    return make


def complaint(path):
    with pytest.raises(AccuracyError) as error:
        check_drop(result("f", 37.7), result(path, 36.9), 0.5, path.with_name("layers.json"))
    return str(error.value)


def test_a_drop_names_the_three_costliest_layers_and_what_to_try(int8_model):
    text = complaint(int8_model())
    assert "AP@0.40 falls by 0.8 points, from 37.7 to 36.9; at most 0.5 are allowed" in text
    assert (
        "layer_1 (70% of the error, weights spread 31x), layer_3 (15% of the error, weights "
        "spread 3x), layer_0 (10% of the error, weights spread 2x)" in text
    )
    assert "layer_2" not in text
    assert "Try quantization.optimize=True (--optimize), then granularity per_channel" in text
    assert "\n" not in text


def test_what_was_done_is_not_advised_again(int8_model):
    options = {"optimize": True, "granularity": "per_channel", "calibration_method": "mse"}
    text = complaint(int8_model(**options))
    assert text.endswith("Try quantization_type QAT.")


@pytest.mark.parametrize(
    ("before", "after", "max_drop"),
    [
        (37.7, 37.3, 0.5),
        (37.5, 25.0, 12.5),  # as much as is allowed
        (37.7, 37.7, 0.0),
        (37.7, 39.0, 0.0),
        (37.7, 3.0, None),
        (None, 3.0, 0.5),
        (37.7, None, 0.5),
    ],
)
def test_no_more_than_is_allowed_passes(int8_model, before, after, max_drop):
    path = int8_model()
    check_drop(result("f", before), result(path, after), max_drop, path.with_name("layers.json"))


def test_without_a_layer_report_the_drop_is_told_all_the_same(int8_model):
    path = int8_model()
    path.with_name("layers.json").unlink()
    assert "Layers that cost most" not in complaint(path)


def test_stratified_calibration_takes_every_class(tmp_path):
    data = generate_dataset(tmp_path / "data", images=40, seed=1)
    file = tmp_path / "user_config.yaml"
    file.write_text(render_template(str(data)), encoding="utf-8")
    words = [
        *("dataset.class_names=", f"dataset.quantization_path={data}"),
        *("quantization.calibration_selection=stratified", "quantization.max_images=6"),
    ]
    chosen = calibration_images(load_config(file, words).config)
    assert len(chosen) == 6
    dataset = load_dataset(data)
    classes = {
        class_id
        for sample in dataset.samples
        if sample.path in chosen
        for class_id in sample.class_ids.tolist()
    }
    assert classes == set(range(len(dataset.class_names)))


def test_options_that_do_not_go_together(tmp_path):
    model = tmp_path / "m.keras"
    with pytest.raises(OptionError, match=r"--max-drop: applies only to quantization with --data"):
        quantize(model, tmp_path, max_drop=1.0)
    with pytest.raises(DataError, match="does not exist"):
        quantize(model, tmp_path / "gone")
    with pytest.raises(UnsupportedError, match="a list of files is not supported"):
        quantize(model, [tmp_path / "a.jpg"], stratified=True)
    with pytest.raises(UnsupportedError, match=r"--calibration: 'mxe' .*Did you mean 'mse'"):
        quantize(model, tmp_path, calibration="mxe")


@pytest.mark.parametrize("granularity", ["per_channel", "per_tensor"])
@pytest.mark.parametrize("optimize", [False, True])
def test_one_scale_per_layer_without_optimize_is_warned_of(
    tmp_path, monkeypatch, granularity, optimize
):
    monkeypatch.setattr("tinydet.quantization.quantize", lambda *_, **__: Path("int8.tflite"))
    file = tmp_path / "user_config.yaml"
    file.write_text(render_template(str(tmp_path)), encoding="utf-8")
    words = [f"quantization.granularity={granularity}", f"quantization.optimize={optimize}"]
    config = load_config(file, words).config
    said = []
    quantize_configured(config, Path("m.keras"), None, (Path(), Path()), said.append, [Path("a")])
    warned = any("without quantization.optimize (--optimize)" in line for line in said)
    assert warned == (granularity == "per_tensor" and not optimize)
