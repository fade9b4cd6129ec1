"""A small real .tflite through compiler and targets: equal to LiteRT's reference kernels."""

import shutil

import numpy as np
import pytest

from tests.compiler.small_detector import HEIGHT, WIDTH, small_compiled, small_detector, small_spec
from tests.targets.qemu import boot_in_qemu
from tinydet.boxes import select_detections
from tinydet.inference import load_detector
from tinydet.targets import (
    Builds,
    CortexMTarget,
    HostTarget,
    ProgramDetector,
    benchmark,
    measure_footprint,
)

RUNTIME_RAM_LIMIT, CODE_FLASH_LIMIT = 4 * 1024, 48 * 1024


@pytest.fixture(scope="module")
def files():
    return small_compiled()


@pytest.fixture(scope="module")
def m7(files, tmp_path_factory):
    return CortexMTarget("cortex-m7").build(files, tmp_path_factory.mktemp("small_m7"))


@pytest.fixture(scope="module")
def host(files, tmp_path_factory):
    return HostTarget(sanitize=True).build(files, tmp_path_factory.mktemp("small_host"))


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(9)
    noise = rng.integers(0, 256, (4, HEIGHT, WIDTH, 3), np.uint8)
    flat = np.broadcast_to(rng.integers(0, 256, (3, 1, 1, 3), np.uint8), (3, HEIGHT, WIDTH, 3))
    return np.concatenate([noise, flat])


@pytest.fixture(params=["host", "m7"])
def detector(request):
    return ProgramDetector(request.getfixturevalue(request.param))


def test_scores_and_boxes_are_those_of_the_reference_kernels(detector, images, tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(small_detector())
    reference = load_detector(path, small_spec(), engine="litert-ref")
    for found, expected in zip(detector.outputs(images), reference.outputs(images), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_detections_in_c_are_those_of_numpy(detector, images):
    """Same boxes and scores, bit for bit, in the same order."""
    thresholds = detector.spec.postprocess
    total = 0
    for image, scores, boxes in zip(images, *detector.outputs(images), strict=True):
        expected = select_detections(
            scores,
            boxes,
            thresholds.score_threshold,
            thresholds.nms_iou_threshold,
            thresholds.max_detections,
            thresholds.box_voting_iou,
        )
        found = detector.program.detect(image)
        np.testing.assert_array_equal(found.boxes, expected.boxes)
        np.testing.assert_array_equal(found.scores, expected.scores)
        np.testing.assert_array_equal(found.class_ids, expected.class_ids)
        total += len(found)
    assert total >= len(images)


def test_footprint_keeps_its_limits(files, m7, images):
    footprint = measure_footprint(m7, list(images))
    assert footprint.arena_bytes == files.plan.arena_bytes
    assert footprint.static_bytes == 0  # no mutable state outside the arena
    assert footprint.runtime_ram_bytes <= RUNTIME_RAM_LIMIT
    assert footprint.code_bytes <= CODE_FLASH_LIMIT


def test_every_operator_is_counted(files, m7, images, tmp_path):
    """All operators of the graph in order; those with weights cost at least their products."""
    result = benchmark(Builds.of(CortexMTarget(), files, tmp_path), images[0])
    assert [step.op for step in result.steps] == [op.name for op in files.model.graph.ops]
    counts = {step.op: step.instructions for step in result.steps}
    macs = {step.op: step.macs for step in result.steps if step.macs}
    assert macs == files.macs != {}
    assert result.footprint == measure_footprint(m7, [images[0]])
    for op, products in macs.items():
        assert counts[op] >= products / 2, op  # a dual multiply-accumulate does two at once


def test_products_of_a_known_layer(files):
    """The first convolution: 8 channels less 2 dead ones, 3x3 of 3 channels, a quarter of it."""
    graph = files.model.graph
    first = next(op for op in graph.ops if op.kind == "CONV_2D")
    output = graph.tensors[first.outputs[0]]
    assert files.macs[first.name] == output.num_elements * 27
    assert output.shape[1:3] == (HEIGHT // 2, WIDTH // 2)


@pytest.mark.device
@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm")
def test_a_complete_image_finds_the_same_in_qemu(files, m7, images, tmp_path):
    path = CortexMTarget().link(files, tmp_path, "-DTD_SEMIHOSTING")
    for image in images[:2]:
        expected, found = m7.detect(image), boot_in_qemu(path, image, tmp_path, m7)
        np.testing.assert_array_equal(found.boxes, expected.boxes)
        np.testing.assert_array_equal(found.scores, expected.scores)
