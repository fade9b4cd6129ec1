"""The images that int8 is worse on stand side by side, the worst first."""

import numpy as np
import pytest

from tinydet.boxes import Detections
from tinydet.evaluation.result import EvaluationSettings
from tinydet.evaluation.scoring import ScoredImages
from tinydet.evaluation.sheets import LOST_IMAGES_FILE, lost_images, save_lost_images


@pytest.fixture
def score_with(scenes):
    """Scored images in which the first so many labels of each image are found."""
    _, dataset = scenes
    settings = EvaluationSettings(confusion_score=0.3)

    def score(found_per_image, wrong_per_image=(0, 0, 0, 0)):
        detections = []
        for sample, found, wrong in zip(
            dataset.samples, found_per_image, wrong_per_image, strict=True
        ):
            stray = np.tile(np.float32([[0.8, 0.0, 0.95, 0.1]]), (wrong, 1))
            boxes = np.concatenate([sample.boxes[:found], stray])
            classes = np.concatenate([sample.class_ids[:found], np.zeros(wrong, np.int64)])
            scores = np.linspace(0.9, 0.8, len(boxes)).astype(np.float32)
            detections.append(Detections(boxes.astype(np.float32), scores, classes))
        sizes = [(100, 100)] * len(dataset.samples)
        return ScoredImages(dataset.samples, detections, sizes, dataset.class_names, settings)

    return score


def test_nothing_lost_draws_nothing_and_removes_an_old_sheet(score_with, tmp_path):
    all_found, none_found = score_with((2, 1, 1, 0)), score_with((0, 0, 0, 0))
    assert lost_images(all_found, all_found) is None
    assert lost_images(none_found, all_found) is None  # int8 is better
    save_lost_images(all_found, none_found, tmp_path)
    assert (tmp_path / LOST_IMAGES_FILE).stat().st_size > 1000
    save_lost_images(all_found, all_found, tmp_path)
    assert not (tmp_path / LOST_IMAGES_FILE).exists()


def test_the_image_with_most_added_mistakes_comes_first(score_with, monkeypatch):
    drawn = []
    from tinydet.evaluation import sheets as module

    def note(scored, index):
        drawn.append((scored, index))
        return np.zeros((30, 40, 3), np.uint8)

    monkeypatch.setattr(module, "draw_tile", note)
    before = score_with((2, 1, 1, 0))
    after = score_with((2, 0, 1, 0), (0, 0, 1, 3))  # loses 0, 1, 1 and 3
    sheet = lost_images(before, after)
    assert [index for _, index in drawn] == [3, 3, 1, 1, 2, 2]
    assert all(
        scored is model for (scored, _), model in zip(drawn, [before, after] * 3, strict=True)
    )
    assert sheet.dtype == np.uint8
