"""What the PC computes for the device to compare, against the outputs in the network itself."""

import zlib

import numpy as np
import pytest

from tests.compiler.small_detector import HEIGHT, WIDTH, small_compiled, small_detector, small_spec
from tinydet.data.preprocess import preprocess
from tinydet.errors import UnsupportedError
from tinydet.inference import load_detector
from tinydet.targets import HostTarget
from tinydet.targets.base import DETECTION
from tinydet.targets.golden import record_golden_vectors


@pytest.fixture(scope="module")
def files():
    return small_compiled()


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(3).integers(0, 256, (40, 60, 3), np.uint8)


@pytest.fixture(scope="module")
def golden(files, image, tmp_path_factory):
    return record_golden_vectors(files, image, tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="module")
def pixels(image):
    return preprocess(image, small_spec().preprocess)


@pytest.fixture(scope="module")
def host(files, tmp_path_factory):
    return HostTarget().build(files, tmp_path_factory.mktemp("host"))


def test_every_operator_is_there_once_in_order(files, golden):
    names = [output.operator for output in golden.outputs]
    assert names == ["preprocessing", *(op.name for op in files.model.graph.ops), "boxes"]


def test_preprocessing_is_that_of_the_pipeline(golden, pixels):
    first = golden.outputs[0]
    assert (first.crc32, first.num_bytes) == (zlib.crc32(pixels.tobytes()), HEIGHT * WIDTH * 3)


def test_outputs_of_the_network_are_those_of_the_reference_kernels(files, golden, pixels, tmp_path):
    """LiteRT's scores and deltas, back to int8 codes, are what the golden vectors name."""
    path = tmp_path / "m.tflite"
    path.write_bytes(small_detector())
    scores, _ = load_detector(path, small_spec(), engine="litert-ref").outputs(pixels[None])
    codes = np.round(scores[0] / files.scores.scale) + files.scores.zero_point
    operator = next(
        op.name for op in files.model.graph.ops if files.model.graph.outputs[0] in op.outputs
    )
    of_scores = next(output for output in golden.outputs if output.operator == operator)
    assert of_scores.crc32 == zlib.crc32(codes.astype(np.int8).tobytes())


def test_boxes_are_those_of_the_host_program(golden, host, pixels):
    found = host.detect(pixels)
    assert len(found) > 0
    np.testing.assert_array_equal(golden.detections.boxes, found.boxes)
    np.testing.assert_array_equal(golden.detections.scores, found.scores)
    records = np.zeros(len(found), DETECTION)
    for index, corner in enumerate(("x_min", "y_min", "x_max", "y_max")):
        records[corner] = found.boxes[:, index]
    records["score"], records["class_id"] = found.scores, found.class_ids
    assert golden.outputs[-1].crc32 == zlib.crc32(records.tobytes())


def test_another_image_gives_other_vectors(files, image, golden, tmp_path):
    other = record_golden_vectors(files, image[::-1], tmp_path)
    differs = [a.crc32 != b.crc32 for a, b in zip(golden.outputs, other.outputs, strict=True)]
    assert np.mean(differs) > 0.9


def test_an_image_that_is_too_large_is_refused(files, tmp_path):
    with pytest.raises(UnsupportedError, match="1x17000 is not supported"):
        record_golden_vectors(files, np.zeros((17000, 1, 3), np.uint8), tmp_path)
