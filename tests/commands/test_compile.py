import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

import tinydet as package
from tests.command_line import run
from tests.compiler.small_detector import small_detector, small_spec
from tinydet.commands import compile as command
from tinydet.commands.evaluate import C_ENGINES
from tinydet.config.detector_spec import DETECTOR_FILE
from tinydet.config.schema.training import SIZES
from tinydet.config.template import render_template
from tinydet.deployment.compiling import compiled_detector, with_thresholds
from tinydet.errors import TinydetError, UnsupportedError
from tinydet.inference import load_detector
from tinydet.targets import CORES


@pytest.fixture
def model_path(tmp_path):
    path = tmp_path / "model" / "small.tflite"
    path.parent.mkdir()
    path.write_bytes(small_detector())
    small_spec().save(path.with_name(DETECTOR_FILE))
    return path


def test_compile_writes_c_image_and_footprint(model_path, tmp_path, capsys):
    output = tmp_path / "out"
    run("compile", model_path, "--output", output, "--name", "eye", "--score", "0.45")
    names = {path.name for path in output.iterdir()}
    assert {"eye.c", "eye.h", "td_kernels.h", "plan.json", "footprint.json"} <= names
    assert (output / "build" / "cortex-m7" / "image.elf").is_file()
    record = json.loads((output / "footprint.json").read_text())
    assert record["total_ram_bytes"] == record["arena_bytes"] + record["runtime_ram_bytes"]
    assert record["versions"]["ziglang"]
    spec = json.loads((output / DETECTOR_FILE).read_text())
    assert spec["postprocess"]["score_threshold"] == 0.45
    assert spec["postprocess"]["nms_iou_threshold"] == 0.4  # that of the model
    printed = capsys.readouterr().out
    assert "activation RAM" in printed
    assert "STM32H747I-DISCO" in printed


def test_box_voting_is_that_of_the_model_until_an_option_says_otherwise():
    plain, voting = small_spec(), small_spec(box_voting_iou=0.7)
    for spec, given, expected in (
        (plain, None, None),
        (plain, 0.6, 0.6),
        (voting, None, 0.7),
        (voting, 0.6, 0.6),
        (voting, 0, None),
    ):
        found = with_thresholds(spec, {"box_voting_iou": given})
        assert found.postprocess.box_voting_iou == expected
    with pytest.raises(UnsupportedError, match="--box-voting"):
        with_thresholds(plain, {"box_voting_iou": 1.5})


def test_compile_for_this_machine(model_path, tmp_path, capsys):
    run("compile", model_path, "--output", tmp_path / "out", "--target", "host")
    assert "Built for this machine" in capsys.readouterr().out
    assert list((tmp_path / "out" / "build" / "host").glob("libdetector.*"))


def test_footprint_of_a_model_leaves_no_files(model_path, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    run("footprint", model_path, "--target", "cortex-m4")
    assert "Memory on cortex-m4:" in capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == before


def test_benchmark_counts_each_operator(model_path, tmp_path):
    picture = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 40, 3), np.uint8)).save(picture)
    result = package.benchmark(model_path, tmp_path / "b", image=picture)
    record = json.loads((tmp_path / "b" / "benchmark.json").read_text())
    steps = sum(step["instructions"] for step in record["steps"])
    assert steps == record["network_instructions"]
    assert record["total_instructions"] > steps
    assert f"{record['total_instructions']:,}" in str(result)
    told = json.loads(result.to_json())
    assert told["total_instructions"] == record["total_instructions"]
    assert told["footprint"]["arena_bytes"] == result.counts.footprint.arena_bytes


@pytest.mark.parametrize("engine", ["c", "cortex-m33"])
def test_engines_in_c_give_what_litert_gives(model_path, tmp_path, engine):
    detector = compiled_detector(model_path, small_spec(), engine, tmp_path / "e")
    images = np.random.default_rng(1).integers(0, 256, (2, 32, 48, 3), np.uint8)
    reference = load_detector(model_path, engine="litert-ref").outputs(images)
    for found, expected in zip(detector.outputs(images), reference, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["compile", "model.keras"], r"model\.keras: .*tinydet quantize"),
        (["compile", "missing.tflite", "--classes", "cat"], r"missing\.tflite"),
        (["footprint", "--alpha", "0.4"], r"training\.model\.alpha: '0\.4' is not supported"),
        (["footprint", "--input", "200"], r"input_shape: \(200, 200, 3\) is not supported"),
    ],
)
def test_mistakes_are_one_line(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TinydetError, match=message) as found:
        run(*words)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("words", [["--input", "wide"], ["--input", "1x2x3"], ["--classes", "0"]])
def test_numbers_that_are_none(words, capsys):
    with pytest.raises(SystemExit):
        run("footprint", *words)
    assert repr(words[1]) in capsys.readouterr().err


def test_choices_are_those_of_the_package():
    assert tuple(CORES) == command.CORES
    assert set(C_ENGINES) == {"c", *CORES}


@pytest.mark.slow
def test_footprint_before_training_is_that_of_the_configured_network(tmp_path, capsys):
    """A byte for each weight, up to 16 for what belongs to a channel: the pyramid of 48 channels
    that this size has by itself takes less. Options come before the file.
    """
    from tinydet.model import build_detector

    config = tmp_path / "user_config.yaml"
    text = render_template(class_names=["cat", "dog"])
    wider = "training:\n  model:\n    fpn_channels: 96\n"
    config.write_text(text.replace("training:\n  model:\n", wider), encoding="utf-8")
    run("footprint", "--config", str(config), "--input", "224", "--size", "small")
    printed = capsys.readouterr().out
    assert "With random weights" in printed
    flash = 1024 * float(printed.split("weights flash")[1].split()[0])
    network = build_detector(224, 224, 2, **(asdict(SIZES["small"]) | {"fpn_channels": 96}))
    kernels = [layer.kernel for layer in network.layers if hasattr(layer, "kernel")]
    bytes_of_weights = sum(math.prod(kernel.shape) for kernel in kernels)
    channels = sum(max(kernel.shape[2:]) for kernel in kernels)
    assert bytes_of_weights < flash < bytes_of_weights + 16 * channels
