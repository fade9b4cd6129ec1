"""The whole evaluation on scenes whose figures are worked out by hand."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter

from tinydet.config.detector_spec import DetectorSpec, PostprocessSpec
from tinydet.data.dataset import Sample
from tinydet.errors import DataError, OutputError
from tinydet.evaluation import EvaluationResult, EvaluationSettings, evaluate

FILES = {
    "result.json",
    "per_class.csv",
    "precision_recall.png",
    "confusion.png",
    "worst_images.png",
    "examples.json",
}


def read_result(path):
    return TypeAdapter(EvaluationResult).validate_json(path.read_text())


def test_figures(evaluate_scenes):
    """Cat: hit 0.75, miss 0.625, miss 0.25, one of two found. Dog: hit 0.5, one of two found."""
    result = evaluate_scenes()
    assert list(result.ap) == ["0.40", "0.50", "0.75"]
    for ap in result.ap.values():
        assert ap.per_class == {"cat": 0.5, "dog": 0.5, "bird": None}
        assert ap.mean == 0.5
    assert (result.data.images, result.data.boxes, result.data.ignored_boxes) == (4, 4, 1)
    assert result.coco["ap50"] == pytest.approx(51 / 101)  # COCO looks at 101 recalls, 0 included
    assert result.f1_best["bird"] is None
    assert result.f1_best["cat"].score == 0.75
    assert result.f1_best["cat"].f1 == pytest.approx(2 / 3)
    assert result.settings["score_threshold"] == 0.001
    assert result.settings["max_detections"] == 100
    assert result.images_per_second > 0
    assert result.versions["numpy"] == np.__version__


def test_confusion_is_taken_at_the_best_common_score(evaluate_scenes):
    """Over both classes: 0.75 hit, 0.625 miss, 0.5 hit, 0.25 miss: best F1 from 0.5 on."""
    confusion = evaluate_scenes().confusion
    assert confusion.labels == ("cat", "dog", "bird", "background")
    assert confusion.score_threshold == 0.5
    assert confusion.matrix == [[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]]


def test_confusion_at_a_given_score_and_iou(evaluate_scenes):
    settings = EvaluationSettings(iou_thresholds=(0.9,), confusion_score=0.2)
    result = evaluate_scenes(settings=settings)
    assert list(result.ap) == ["0.90", "0.50", "0.75"]
    assert result.confusion.iou_threshold == 0.9
    assert result.confusion.matrix[1] == [1, 1, 0, 0]  # at this score a dog is called a cat


def test_boxes_are_voted_on_as_the_detector_says():
    """Unless the caller gives all thresholds."""
    for voting_iou in (None, 0.7):
        spec = DetectorSpec(
            class_names=("cat",), postprocess=PostprocessSpec(box_voting_iou=voting_iou)
        )
        found = EvaluationSettings().postprocess_for(spec)
        assert (found.score_threshold, found.box_voting_iou) == (0.001, voting_iou)
        given = PostprocessSpec(score_threshold=0.2)
        assert EvaluationSettings(postprocess=given).postprocess_for(spec) == given


def test_every_file_is_written(evaluate_scenes, tmp_path):
    run = tmp_path / "run"
    result = evaluate_scenes(run_folder=run, settings=EvaluationSettings(plot_metrics=True))
    folder = run / "evaluation" / "fake_model"
    assert {path.name for path in folder.iterdir()} == FILES
    assert read_result(folder / "result.json") == result
    curves = run / "precision_vs_recall_curves" / "fake_model"
    assert sorted(path.name for path in curves.iterdir()) == ["bird.png", "cat.png", "dog.png"]
    for path in [*folder.glob("*.png"), *curves.iterdir()]:
        with Image.open(path) as picture:
            assert min(picture.size) > 150
    with (folder / "per_class.csv").open() as file:
        rows = {row["class"]: row for row in csv.DictReader(file)}
    assert rows["dog"]["objects"] == "2"
    assert rows["dog"]["ap_0.40"] == "0.500000"
    assert rows["dog"]["f1_score_threshold"] == "0.500000"
    assert rows["bird"]["ap_0.40"] == rows["bird"]["f1"] == ""


def test_examples_hold_labels_and_detections(evaluate_scenes, scenes, tmp_path):
    evaluate_scenes(run_folder=tmp_path)
    records = json.loads((tmp_path / "evaluation/fake_model/examples.json").read_text())
    assert [record["image"] for record in records] == [str(s.path) for s in scenes[1].samples]
    assert records[2] == {
        "image": str(scenes[1].samples[2].path),
        "size": [200, 200],
        "ground_truth": [
            {"box": [0.5, 0.5, 1.0, 0.75], "class_name": "dog", "ignored": False},
            {"box": [0.0, 0.0, 0.25, 0.875], "class_name": "dog", "ignored": True},
        ],
        "detections": [
            {"class_id": 1, "class_name": "dog", "score": 0.875, "box": [0.0, 0.0, 0.25, 0.875]},
            {"class_id": 0, "class_name": "cat", "score": 0.25, "box": [0.5, 0.5, 1.0, 0.75]},
        ],
    }


def test_nothing_is_written_without_a_run_folder(evaluate_scenes, tmp_path):
    evaluate_scenes()
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_a_broken_image_stops_before_anything_is_written(evaluate_scenes, scenes, tmp_path):
    scenes[1].samples[2].path.write_text("no image")
    with pytest.raises(DataError, match=r"2\.png"):
        evaluate_scenes(run_folder=tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_result_never_stands_beside_pictures_of_another_run(
    evaluate_scenes, tmp_path, monkeypatch
):
    """Writing that is cut short leaves no result.json, not even the one from before."""
    evaluate_scenes(run_folder=tmp_path)

    def fail(_scored):
        raise OutputError("worst_images.png", "cannot be written", "Free some space.")

    monkeypatch.setattr("tinydet.evaluation.sheets.worst_images", fail)
    with pytest.raises(OutputError):
        evaluate_scenes(run_folder=tmp_path)
    assert not (tmp_path / "evaluation/fake_model/result.json").exists()


def test_an_unwritable_folder_is_found_out_first(evaluate_scenes, scenes, tmp_path):
    (tmp_path / "run").write_text("a file is in the way")
    scenes[1].samples[0].path.unlink()
    with pytest.raises(OutputError, match="run"):
        evaluate_scenes(run_folder=tmp_path / "run")


def test_no_image_is_refused(scenes, tmp_path):
    detector, dataset = scenes
    paths = {"model_path": tmp_path / "m.tflite", "data_path": tmp_path, "run_folder": None}
    with pytest.raises(DataError, match="has no image"):
        evaluate(detector, replace(dataset, samples=()), **paths)


def test_other_classes_are_refused(scenes, tmp_path):
    detector, dataset = scenes
    paths = {"model_path": tmp_path / "m.tflite", "data_path": tmp_path, "run_folder": None}
    with pytest.raises(DataError, match=r"has the classes dog, cat, bird, but fake_model\.tflite"):
        evaluate(detector, replace(dataset, class_names=("dog", "cat", "bird")), **paths)


def test_nothing_labelled_and_nothing_found(scenes, tmp_path):
    """Images without any object still give a result: every AP is undefined."""
    detector, dataset = scenes
    bare = [
        Sample(s.path, np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.bool_))
        for s in dataset.samples
    ]
    detector.found = [[]] * 4
    result = evaluate(
        detector,
        replace(dataset, samples=tuple(bare)),
        model_path=tmp_path / "m.tflite",
        data_path=tmp_path,
        run_folder=tmp_path / "run",
    )
    assert result.ap["0.40"].mean is None
    assert (
        TypeAdapter(EvaluationResult).validate_json(
            (tmp_path / "run/evaluation/m/result.json").read_text()
        )
        == result
    )


@pytest.mark.parametrize("ious", [(), (0.0,), (0.5, 1.5)])
def test_iou_thresholds_must_be_in_range(ious):
    with pytest.raises(ValueError, match="IoU thresholds must be"):
        EvaluationSettings(iou_thresholds=ious)
