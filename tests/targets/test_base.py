from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tinydet.anchors import decode_boxes
from tinydet.config.detector_spec import PostprocessSpec
from tinydet.inference import detect_files
from tinydet.inference.decoding import spec_anchors
from tinydet.targets import HostTarget, ProgramDetector


@pytest.fixture(params=["host_program", "m7_program"])
def detector(request):
    return ProgramDetector(request.getfixturevalue(request.param))


def test_outputs_are_the_decoded_numbers_of_the_c(stand_in, detector):
    images = stand_in.random_images(3)
    class_scores, boxes = detector.outputs(images)
    assert class_scores.shape == (3, stand_in.NUM_ANCHORS, 3)
    assert class_scores.dtype == boxes.dtype == np.float32
    for index, image in enumerate(images):
        scores, deltas, _ = stand_in.expected(image)
        np.testing.assert_array_equal(
            class_scores[index], (scores.astype(np.float32) + 128) / np.float32(256)
        )
        box_deltas = (deltas.astype(np.float32) + 28) * np.float32(0.02)
        expected = decode_boxes(box_deltas, spec_anchors(stand_in.SPEC))
        np.testing.assert_array_equal(boxes[index], expected)


def test_no_images_give_no_outputs(stand_in, detector):
    class_scores, boxes = detector.outputs(stand_in.random_images(2)[:0])
    assert class_scores.shape == (0, stand_in.NUM_ANCHORS, 3)
    assert boxes.shape == (0, stand_in.NUM_ANCHORS, 4)


def test_anchors_of_the_model_go_before_those_of_the_recipe(stand_in, tmp_path):
    anchors = np.full((stand_in.NUM_ANCHORS, 4), (0.25, 0.5, 0.5, 1.0), np.float32)
    other = replace(stand_in.model(), anchors=anchors)
    own = ProgramDetector(HostTarget().build(other, tmp_path))
    image = stand_in.random_images(1)
    deltas = (stand_in.expected(image[0])[1].astype(np.float32) + 28) * np.float32(0.02)
    np.testing.assert_array_equal(own.outputs(image)[1][0], decode_boxes(deltas, anchors))


def test_it_serves_inference_like_any_detector(stand_in, detector, tmp_path):
    """Files in, detections out, from several threads."""
    paths = []
    for index, image in enumerate(stand_in.random_images(6)):
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(image).save(paths[-1])
    postprocess = PostprocessSpec(score_threshold=0.7)
    found = list(detect_files(detector, paths, postprocess, workers=2))
    assert [path for path, _, _ in found] == paths
    assert any(len(detections) for _, detections, _ in found)
    assert detector.name == "tiny.tflite"
