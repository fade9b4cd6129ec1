"""What the pictures show: the worst images first, curves whose area is the AP, readable names."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydet.config.detector_spec import PostprocessSpec
from tinydet.data.dataset import Sample
from tinydet.evaluation.charts import (
    _steps,
    confusion_figure,
    precision_recall_figure,
    save_figure,
    unique_paths,
)
from tinydet.evaluation.examples import NUM_EXAMPLES, _example_indices
from tinydet.evaluation.result import Confusion, EvaluationSettings
from tinydet.evaluation.scoring import ScoredImages
from tinydet.evaluation.sheets import TILE_WIDTH_PX, worst_images
from tinydet.inference import detect_files, model_kind
from tinydet.metrics import PrecisionRecall


@pytest.fixture
def scored(scenes):
    detector, dataset = scenes
    settings = EvaluationSettings(postprocess=PostprocessSpec(score_threshold=0.001))
    paths = [sample.path for sample in dataset.samples]
    rows = list(detect_files(detector, paths, settings.postprocess, workers=1))
    return ScoredImages(
        dataset.samples, [r[1] for r in rows], [r[2] for r in rows], dataset.class_names, settings
    )


def test_the_worst_image_comes_first(scored):
    """Scene 1 finds nothing and errs (F1 0, 2 mistakes), 2 finds nothing (1), 0 and 3 are right."""
    assert scored.working_score == 0.5
    assert scored.image_f1.tolist() == [1, 0, 0, 1]
    sheet = worst_images(scored)
    # The middle of each tile has the grey of its scene, 16 * index + 8.
    step = (sheet.shape[1] - TILE_WIDTH_PX) // 4 + TILE_WIDTH_PX // 4
    greys = {16 * index + 8: index for index in range(4)}
    row = sheet[sheet.shape[0] * 6 // 10, :, 0]
    shown = [
        next(greys[v] for v in row[i * step + TILE_WIDTH_PX // 3 : (i + 1) * step] if v in greys)
        for i in range(4)
    ]
    assert shown[:2] == [1, 2]
    assert sorted(shown) == [0, 1, 2, 3]


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=40), st.integers(1, 30))
def test_the_area_under_the_drawn_curve_is_the_ap(hits, objects):
    hits = [hit and sum(hits[: i + 1]) <= objects for i, hit in enumerate(hits)]
    found = np.cumsum(np.array(hits, np.float64))
    curve = PrecisionRecall(
        scores=np.linspace(1, 0, len(hits)),
        precision=found / np.arange(1, len(hits) + 1),
        recall=found / objects,
        num_objects=objects,
    )
    x, y = _steps(curve)
    area = sum((x[i + 1] - x[i]) * (y[i] + y[i + 1]) / 2 for i in range(len(x) - 1))
    assert area == pytest.approx(curve.ap)


def test_eighty_classes_are_named_but_not_numbered():
    labels = (*(f"class {i}" for i in range(80)), "background")
    confusion = Confusion(labels, np.eye(81, dtype=int).tolist(), 0.5, 0.5)
    axes = confusion_figure(confusion, "model").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(labels)
    assert len(axes.texts) == 0


def test_few_classes_show_counts_and_shares():
    """Of 4 cats 3 are found and 1 is called a dog; 2 dogs are seen where nothing is."""
    matrix = [[3, 1, 0], [0, 0, 0], [0, 2, 0]]
    confusion = Confusion(("cat", "dog", "background"), matrix, 0.5, 0.5)
    axes = confusion_figure(confusion, "model").axes[0]
    shown = {text.get_position(): text.get_text() for text in axes.texts}
    assert shown == {(0, 0): "3\n75 %", (1, 0): "1\n25 %", (1, 2): "2"}


@pytest.mark.parametrize("names", [("$x$", "_", "猫"), tuple("abc")])
def test_any_class_name_can_be_drawn(scored, names, tmp_path):
    odd = ScoredImages(
        scored.samples, scored.detections, scored.image_sizes, names, scored.settings
    )
    save_figure(precision_recall_figure(odd, "model"), tmp_path / "curves.png")
    save_figure(confusion_figure(odd.confusion, "model"), tmp_path / "confusion.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_examples_are_many_without_repeats_and_mostly_with_objects(with_objects, without):
    def sample(count):
        return Sample(
            Path("x.jpg"), np.zeros((count, 4)), np.zeros(count, int), np.zeros(count, np.bool_)
        )

    samples = [sample(1)] * with_objects + [sample(0)] * without
    indices = _example_indices(samples)
    assert len(set(indices)) == len(indices) == min(NUM_EXAMPLES, len(samples))
    negatives = sum(i >= with_objects for i in indices)
    assert negatives == max(min(without, 4), min(without, NUM_EXAMPLES - with_objects))


@settings(deadline=None)
@given(st.lists(st.text(max_size=6) | st.sampled_from(["a", "A", "a_2", "a_1"]), max_size=6))
def test_every_class_has_a_file_of_its_own_inside_the_folder(names):
    folder = Path("curves")
    paths = unique_paths(folder, names, ".png")
    assert len({str(path).lower() for path in paths}) == len(names)
    assert all(path.parent == folder and path.suffix == ".png" for path in paths)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("best.keras", "float keras"), ("old.h5", "float keras"), ("absent.tflite", "tflite")],
)
def test_kind_of_model_by_name(name, kind):
    assert model_kind(Path(name)) == kind
