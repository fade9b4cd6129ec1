"""A detector in the TensorFlow Lite runtime of a board: the program, and over a real connection."""

import ast
import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.compiler.small_detector import small_detector, small_spec
from tests.targets.linux.pictures import write_pictures
from tinydet.boxes import select_detections
from tinydet.config.detector_spec import DETECTOR_FILE, PreprocessSpec
from tinydet.data.preprocess import boxes_to_image, preprocess
from tinydet.deployment.tflite import PER_CHANNEL, deploy_tflite, runner_files
from tinydet.inference.tflite_file import has_scales_per_channel, pack_model, parse_model
from tinydet.targets.linux import RemoteError, Source
from tinydet.targets.linux.runner import RUNNER

OLDEST_PYTHON = (3, 8)
THRESHOLDS = {"score_threshold": 0.3, "nms_iou_threshold": 0.4, "max_detections": 5}


@pytest.fixture(scope="module")
def runner():
    """The program as a module."""
    spec = spec_from_file_location("tflite_runner", RUNNER)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def model(tmp_path):
    """A small detector beside its description."""
    path = tmp_path / "model" / "small.tflite"
    path.parent.mkdir()
    path.write_bytes(small_detector())
    small_spec().save(path.with_name(DETECTOR_FILE))
    return path


@pytest.fixture
def python_board(board):
    """A board whose python3 has a runtime: that of these tests."""
    board.server.stub("python3", f'exec "{sys.executable}" "$@"')
    return board


def deploy(model, native_board, board, tmp_path, **source):
    return deploy_tflite(
        model, small_spec(), native_board, tmp_path / "out", host=board.host, folder="apps/my net",
        source=Source(**source),
    )  # fmt: skip


def per_tensor(content):
    """The same file with one scale for each tensor."""
    model = parse_model(content)
    for tensor in model.subgraphs[0].tensors:
        if tensor.quantization is not None and tensor.quantization.scale is not None:
            tensor.quantization.scale = tensor.quantization.scale[:1]
            tensor.quantization.zeroPoint = tensor.quantization.zeroPoint[:1]
    return pack_model(model)


pixel_spec = st.builds(
    PreprocessSpec,
    height=st.integers(1, 23),
    width=st.integers(1, 23),
    interpolation=st.sampled_from(["bilinear", "nearest", "area"]),
    aspect_ratio=st.sampled_from(["fit", "crop", "padding"]),
    color_mode=st.sampled_from(["rgb", "bgr", "grayscale"]),
)


@settings(max_examples=150)
@given(
    image=arrays.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))),
    spec=pixel_spec,
)
def test_the_pixels_are_those_of_every_stage(runner, image, spec):
    given = runner.preprocess(image, spec.model_dump())
    assert np.array_equal(given, preprocess(image, spec))


@settings(max_examples=150)
@given(seed=st.integers(0, 10**6), spec=pixel_spec)
def test_the_boxes_are_those_of_the_reference(runner, seed, spec):
    """With equal scores, boxes without area and boxes beyond the image."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 8, (40, 3)).astype(np.float32) / 8
    corners = rng.integers(-2, 12, (40, 4)).astype(np.float32) / 10
    thresholds = {**THRESHOLDS, "box_voting_iou": (None, 0.3, 0.7)[seed % 3]}
    found = runner.select(scores, corners, thresholds)
    wanted = select_detections(scores, corners, *thresholds.values())
    for ours, theirs in zip(found, (wanted.boxes, wanted.scores, wanted.class_ids), strict=True):
        assert np.array_equal(ours, theirs)
    size = tuple(int(side) for side in rng.integers(1, 50, 2))
    in_image = np.clip(boxes_to_image(wanted.boxes, size, spec), 0, 1)
    assert np.array_equal(runner.to_image(found[0], size, spec.model_dump()), in_image)


def test_it_runs_on_the_python_of_old_boards():
    ast.parse(RUNNER.read_text(), feature_version=OLDEST_PYTHON)


def test_same_boxes_as_predict_over_ssh(model, native_board, python_board, tmp_path):
    """All files are there once; the images are not left on the board."""
    paths = tuple(write_pictures(tmp_path, 8, suffixes=(".png", ".jpg", ".webp", ".bmp")))
    paths[5].write_bytes(paths[5].read_bytes()[:100])
    done = deploy(model, native_board, python_board, tmp_path, images=paths, threads=1)
    assert (done.comparison.num_same, done.comparison.not_compared) == (7, [str(paths[5])])
    assert sum(len(record.get("detections", ())) for record in done.results) > 7
    assert done.results[0]["runtime"].startswith("ai_edge_litert")
    assert done.results[0]["ms"] >= done.results[0]["network_ms"] > 0
    assert "error" in done.results[5]
    written = (tmp_path / "out" / "results.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in written] == list(done.results)
    there = sorted(path.name for path in (python_board.home / "apps/my net").iterdir())
    assert there == ["detector.json", "detector.py", "detector.tflite"]
    assert not done.was_there
    assert deploy(model, native_board, python_board, tmp_path).was_there


@pytest.mark.parametrize("tail", ["two", "three"])
def test_outputs_apart_on_this_machine(tail, model, tmp_path):
    """The program alone, on files; no connection."""
    model.write_bytes(small_detector(tail=tail))
    program = runner_files(model, small_spec()).write(tmp_path / "out")
    [path] = write_pictures(tmp_path, 1)
    command = [sys.executable, program, path, tmp_path / "none.png"]
    done = subprocess.run(command, capture_output=True, text=True)
    first, second = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 1
    assert first["detections"]
    assert second == {"file": str(tmp_path / "none.png"), "error": "No such file or directory"}


def test_a_delegate_that_cannot_be_loaded_is_told(model, native_board, python_board, tmp_path):
    images = tuple(write_pictures(tmp_path, 1))
    with pytest.raises(RemoteError, match=r"delegate\.so"):
        deploy(
            model, native_board, python_board, tmp_path, images=images, delegate="/no/delegate.so"
        )


def test_a_board_without_a_runtime_is_refused(model, native_board, board, tmp_path):
    board.server.stub("python3", "exit 1")
    with pytest.raises(RemoteError, match=r"no tflite_runtime or ai_edge_litert.*--runtime"):
        deploy(model, native_board, board, tmp_path)


def test_scales_per_channel_are_told(model, native_board, tmp_path):
    """NPUs want one scale for a tensor: the user hears what to do."""
    told = str(deploy_tflite(model, small_spec(), native_board, tmp_path / "out"))
    assert PER_CHANNEL in told
    assert "Copy the three" in told
    assert not has_scales_per_channel(per_tensor(model.read_bytes()))
