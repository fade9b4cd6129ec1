"""Validation AP is what evaluation of the saved model would say."""

import dataclasses

import numpy as np
import pytest

from tests.average_precision import average_precision
from tinydet.config.detector_spec import PostprocessSpec, PreprocessSpec
from tinydet.data.images import read_image
from tinydet.data.preprocess import boxes_to_network
from tinydet.inference import detect
from tinydet.inference.decoding import spec_anchors
from tinydet.inference.keras_detector import KerasDetector
from tinydet.metrics import GroundTruth
from tinydet.training.batches import ground_truth_rows
from tinydet.training.losses import DetectionLoss
from tinydet.training.validation import Validation, ValidationCallback

POSTPROCESS = PostprocessSpec(score_threshold=0.01, nms_iou_threshold=0.5, max_detections=100)


@pytest.fixture
def measured(make_samples, build_small, spec, tmp_path):
    """Labels that a random network finds in part: some of its own boxes, moved, and one more."""

    def make(aspect_ratio, height=70):
        preprocess = PreprocessSpec(height=64, width=96, aspect_ratio=aspect_ratio)
        wanted = spec.model_copy(update={"preprocess": preprocess})
        model = build_small()
        model.save(tmp_path / "model.keras")
        detector = KerasDetector(tmp_path / "model.keras", wanted)
        samples, detections = [], []
        rng = np.random.default_rng(8)
        for sample in make_samples(5, boxes_per_image=0, height=height):
            found = detect(detector, read_image(sample.path), POSTPROCESS)
            chosen = rng.permutation(min(30, len(found)))[:4]
            boxes = found.boxes[chosen] + rng.normal(0, 0.03, (len(chosen), 4)).astype(np.float32)
            boxes = np.clip(np.vstack([boxes, [[0, 0, 0.07, 0.2]]]), 0, 1).astype(np.float32)
            ids = np.append(found.class_ids[chosen], 1)
            ignored = np.arange(len(ids)) == 1
            samples.append(dataclasses.replace(sample, boxes=boxes, class_ids=ids, ignored=ignored))
            detections.append(found)
        return model, wanted, tuple(samples), detections

    return make


@pytest.mark.parametrize(
    ("aspect_ratio", "height"), [("fit", 70), ("crop", 70), ("padding", 70), ("padding", 20)]
)
def test_ap_equals_that_of_the_saved_model(measured, aspect_ratio, height):
    """By way of the file, one image at a time, in the frame of the image; also the second time.

    Of a flat image most of the network's input is filling: what is found there does not count.
    """
    model, spec, samples, detections = measured(aspect_ratio, height)
    truth = [GroundTruth(s.boxes, s.class_ids, s.ignored) for s in samples]
    expected = average_precision(detections, truth, 2, 0.4)
    anchors = spec_anchors(spec)
    loss = DetectionLoss(anchors)
    validation = Validation(samples, spec, batch_size=3, iou_threshold=0.4)
    for _ in range(2):
        assert validation.measure(model, loss)["val_map"] == pytest.approx(
            np.nanmean(expected), abs=1e-6
        )
    assert 0.05 < np.nanmean(expected) < 0.95  # a test of 0 = 0 would say nothing


def test_loss_is_that_of_the_labels_as_they_lie_in_the_network_input(measured):
    """With ``padding`` the labels move; one batch of all images."""
    model, spec, samples, _ = measured("padding")
    anchors = spec_anchors(spec)
    loss = DetectionLoss(anchors)
    validation = Validation(samples, spec, batch_size=9, iou_threshold=0.4)
    rows = [
        ground_truth_rows(
            boxes_to_network(s.boxes, (70, 100), spec.preprocess), s.class_ids, s.ignored, 7
        )
        for s in samples
    ]
    from tinydet.data.preprocess import preprocess, rescale

    inputs = np.stack([preprocess(read_image(s.path), spec.preprocess) for s in samples])
    expected = float(loss(np.stack(rows), model(rescale(inputs, spec.preprocess))))
    assert validation.measure(model, loss)["val_loss"] == pytest.approx(expected, rel=1e-4)


class Counting:
    def __init__(self):
        self.calls = 0

    def measure(self, _model, _loss):
        self.calls += 1
        return {"val_map": float(self.calls)}


@pytest.mark.parametrize(
    ("first_epoch", "latest", "expected"),
    [(0, {}, [1, 1, 2, 2, 2, 3, 4]), (3, {"val_map": 9.0, "loss": 1.0}, [9, 9, 1, 2])],
)
def test_between_measurements_the_last_values_stand(first_epoch, latest, expected):
    """Every third epoch, the first and the last; a run that goes on knows the last values."""
    callback = ValidationCallback(Counting(), None, 3, latest=latest)
    callback.set_params({"epochs": 7})
    seen = []
    for epoch in range(first_epoch, 7):
        logs = {"loss": 0.5}
        callback.on_epoch_end(epoch, logs)
        assert logs["loss"] == 0.5
        seen.append(logs["val_map"])
    assert seen == expected
