"""Labels of a teacher: what is written is what a data set reader reads."""

import json

import numpy as np
import pytest

from tests.prediction.test_predict import BrightDetector, lamp_image, save
from tinydet.config.schema.basics import DatasetSection
from tinydet.data.dataset import load_dataset
from tinydet.errors import DataError, UnsupportedError
from tinydet.pipeline.datasets import load_training
from tinydet.prediction.labels import label_images
from tinydet.training.batches import ground_truth_rows
from tinydet.training.losses import DetectionLoss

SCORES = {"object_score": 0.7, "ignore_score": 0.3}


class TwoBoxes(BrightDetector):
    """Per image one sure and one unsure box, and one below both thresholds."""

    boxes = np.array([[0.1, 0.2, 0.5, 0.9], [0.6, 0.1, 0.9, 0.3], [0.0, 0.6, 0.05, 0.9]])
    scores = np.array([[0.1, 0.9, 0.0], [0.6, 0.0, 0.4], [0.8, 0.1, 0.1]])  # background first

    def outputs(self, images_u8):
        count = len(images_u8)
        return (
            np.repeat(self.scores[None], count, 0).astype(np.float32),
            np.repeat(self.boxes[None], count, 0).astype(np.float32),
        )


@pytest.fixture
def photos(tmp_path):
    save(tmp_path / "a.jpg", lamp_image(120, 200))
    save(tmp_path / "deeper" / "b.png", lamp_image(90, 60))
    return tmp_path


def test_sure_boxes_are_objects_and_unsure_ones_are_ignored(photos):
    labels = label_images(TwoBoxes(), photos, **SCORES)
    assert (labels.images, labels.objects, labels.ignored, labels.without_objects) == (2, 2, 2, 0)
    dataset = load_dataset(photos)
    assert dataset.class_names == ("none", "lämp")
    assert sorted(sample.path.name for sample in dataset.samples) == ["a.jpg", "b.png"]
    for sample in dataset.samples:
        order = np.argsort(sample.ignored)
        assert sample.ignored[order].tolist() == [False, True]
        assert sample.class_ids[order].tolist() == [0, 1]
        np.testing.assert_allclose(sample.boxes[order], TwoBoxes.boxes[:2], atol=1e-3)
    scores = [a["score"] for a in json.loads(labels.file.read_text())["annotations"]]
    assert sorted(scores) == [0.4, 0.4, 0.9, 0.9]


def test_training_learns_nothing_of_unsure_boxes_beside_a_labelled_set(photos, tmp_path_factory):
    """Of a list of data sets, the second one a teacher's: whatever a network says at the anchors of
    an unsure box costs nothing, at those of a sure one and elsewhere it does."""
    label_images(TwoBoxes(), photos, **SCORES)
    labelled = tmp_path_factory.mktemp("labelled")
    save(labelled / "c.jpg", lamp_image(80, 80))
    (labelled / "c.txt").write_text("0 0.5 0.5 0.4 0.4\n")
    paths = [str(labelled), str(photos)]
    section = DatasetSection.model_validate(
        {"training_path": paths, "validation_path": paths[0], "class_names": ["none", "lämp"]}
    )
    training, _ = load_training(section)
    assert [sample.path.name for sample in training.samples].count("a.jpg") == 1
    sample = next(s for s in training.samples if s.path.name == "a.jpg")
    rows = ground_truth_rows(sample.boxes, sample.class_ids, sample.ignored, 4)[None]
    sure, unsure = sample.boxes[~sample.ignored], sample.boxes[sample.ignored]
    elsewhere = np.array([[0.55, 0.65, 0.85, 0.95]])
    loss = DetectionLoss(np.concatenate([sure, unsure, elsewhere]), anchors_per_object=1)
    for anchor, costs in ((0, True), (1, False), (2, True)):
        values = []
        for logit in (0.0, 5.0):
            outputs = np.zeros((1, 3, 3 + 4), np.float32)
            outputs[0, anchor, 2] = logit
            values.append(float(loss.cost(rows, outputs)))
        assert (values[0] != values[1]) == costs


def test_labels_are_never_overwritten(photos):
    first = label_images(TwoBoxes(), photos, **SCORES).file.read_bytes()
    with pytest.raises(UnsupportedError, match="existing file"):
        label_images(TwoBoxes(), photos, **SCORES)
    assert (photos / "annotations" / "instances_default.json").read_bytes() == first


@pytest.mark.parametrize("scores", [(0.2, 0.5), (1.5, 0.2), (0.5, 0.0)])
def test_scores_in_the_wrong_order_are_refused(photos, scores):
    with pytest.raises(UnsupportedError, match="0 < ignore <= object <= 1"):
        label_images(TwoBoxes(), photos, object_score=scores[0], ignore_score=scores[1])


def test_unreadable_images_are_told_and_left_out(photos):
    (photos / "broken.jpg").write_bytes(b"no image")
    labels = label_images(TwoBoxes(), photos, **SCORES)
    assert labels.images == 2
    assert "broken.jpg" in labels.unreadable[0]


def test_a_folder_without_images_is_an_error(tmp_path):
    with pytest.raises(DataError):
        label_images(TwoBoxes(), tmp_path, **SCORES)


def test_the_text_counts_everything(photos):
    for index in range(7):
        (photos / f"broken{index}.jpg").write_bytes(b"no image")
    labels = label_images(TwoBoxes(), photos, **SCORES)
    assert labels.exit_status == 2
    text = str(labels)
    assert "2 images: 2 objects, 2 unsure boxes" in text
    assert "7 could not be read:" in text
    assert text.endswith("and 2 more")
