"""Where the image lies changes nothing of what is found, on any target."""

import zlib

import numpy as np
import pytest

from tests.compiler.small_detector import HEIGHT, WIDTH, small_compiled
from tests.targets.qemu import boot_in_qemu
from tinydet.errors import UnsupportedError
from tinydet.targets import (
    Builds,
    CortexMTarget,
    Footprint,
    HostTarget,
    benchmark,
    format_footprint,
    measure_footprint,
)
from tinydet.targets.benchmark import INPUT
from tinydet.targets.golden import PREPROCESSING, record_golden_vectors
from tinydet.targets.linux import build_program, load_linux_boards
from tinydet.targets.web import write_web_folder

OUTSIDE = ("caller", "rows")


def compiled(mode):
    return small_compiled(input_mode=mode, optimize="ram")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(4).integers(0, 256, (3, HEIGHT, WIDTH, 3), np.uint8)


@pytest.fixture(scope="module")
def expected(images, tmp_path_factory):
    """What is found with the image in the arena."""
    program = HostTarget().build(compiled("image"), tmp_path_factory.mktemp("image"))
    return [(program.run(image), program.detect(image)) for image in images]


@pytest.fixture(scope="module", params=OUTSIDE)
def files(request):
    return compiled(request.param)


@pytest.fixture(scope="module")
def m7(files, tmp_path_factory):
    return CortexMTarget().build(files, tmp_path_factory.mktemp(files.input_mode))


@pytest.fixture(scope="module", params=["host", "m7"])
def program(files, tmp_path_factory, request):
    if request.param == "m7":
        return request.getfixturevalue("m7")
    return HostTarget().build(files, tmp_path_factory.mktemp("host"))


def test_the_same_is_found_and_the_image_is_left_alone(program, images, expected):
    for image, (outputs, detections) in zip(images, expected, strict=True):
        given = image.copy()
        raw, found = program.run(given), program.detect(given)
        np.testing.assert_array_equal(raw.scores, outputs.scores)
        np.testing.assert_array_equal(raw.deltas, outputs.deltas)
        assert len(found) == len(detections) > 0
        np.testing.assert_array_equal(found.boxes, detections.boxes)
        np.testing.assert_array_equal(found.scores, detections.scores)
        np.testing.assert_array_equal(given, image)


def test_the_footprint_says_what_the_caller_holds(files, m7, images):
    found = measure_footprint(m7, list(images[:1]))
    held = {"caller": HEIGHT * WIDTH * 3, "rows": WIDTH * 3}[files.input_mode]
    assert (found.input_mode, found.input_bytes) == (files.input_mode, held)
    assert found.arena_bytes == files.plan.arena_bytes
    assert found.static_bytes == 0
    assert found.total_ram_bytes == found.arena_bytes + found.runtime_ram_bytes
    assert Footprint.from_record(found.to_record()) == found
    last = format_footprint(found).splitlines()[-1]
    assert last.startswith("input outside")
    assert "in the caller's memory" in last


def test_operators_add_up_to_the_program_without_marks(files, m7, images, tmp_path):
    """Rows that are brought to the arena are a step; all else is the network's operators."""
    result = benchmark(Builds.of(CortexMTarget(), files, tmp_path), images[0])
    counted = m7.measure_run(images[0]).instructions
    assert sum(step.instructions for step in result.steps) == counted
    steps = {step.op: step for step in result.steps}
    brought = steps.pop(INPUT, None)
    assert set(steps) == {op.name for op in files.model.graph.ops}
    if files.input_mode == "rows":
        assert brought.kernels == {"td_concat_s8": HEIGHT}
    else:
        assert brought is None
    rows = [sum(step.kernels.values()) for step in result.steps if step.macs]
    assert max(rows) > 1  # segments run row by row
    assert result.weights_bytes + result.boxes_weights_bytes == measure_footprint(m7).weights_bytes


def test_golden_vectors_of_an_image_of_the_network_size(files, images, expected, tmp_path):
    golden = record_golden_vectors(files, images[0], tmp_path)
    names = [output.operator for output in golden.outputs]
    assert PREPROCESSING not in names
    assert names[-1] == "boxes"
    np.testing.assert_array_equal(golden.detections.boxes, expected[0][1].boxes)
    scores = expected[0][0].scores.tobytes()
    assert zlib.crc32(scores) in {output.crc32 for output in golden.outputs}
    with pytest.raises(ValueError, match="input must be"):
        record_golden_vectors(files, images[0][1:], tmp_path)


def test_linux_and_web_need_the_image_in_the_arena(files, tmp_path):
    message = rf"input mode {files.input_mode}\) is not supported \(supported: image\)"
    with pytest.raises(UnsupportedError, match=message):
        build_program(files, load_linux_boards()[0], tmp_path)
    with pytest.raises(UnsupportedError, match=message):
        write_web_folder(files, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.device
def test_a_complete_image_finds_the_same_in_qemu(files, m7, images, expected, tmp_path):
    path = CortexMTarget().link(files, tmp_path, "-DTD_SEMIHOSTING")
    found = boot_in_qemu(path, images[0], tmp_path, m7)
    np.testing.assert_array_equal(found.boxes, expected[0][1].boxes)
