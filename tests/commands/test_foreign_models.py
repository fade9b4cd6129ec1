"""Model files that others made, with nothing beside them."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.inference.conftest import TinyDetector
from tests.inference.test_post_processing import OPTIONS
from tinydet.commands.evaluate import evaluate
from tinydet.commands.predict import predict, predict_words
from tinydet.errors import DataError, ModelFileError, UnsupportedError
from tinydet.inference import read_facts
from tinydet.pipeline.detector_of import spec_for


@pytest.fixture
def post_processed(tmp_path):
    """A file of three classes with a post-processing operator, under an unusual suffix."""
    options = OPTIONS | {"nms_score_threshold": 1e-8, "nms_iou_threshold": 0.6}
    recipe = TinyDetector(
        num_classes=3, outputs=("operator",), operator=options, input_code=(1 / 255, 0)
    )
    return recipe.save(tmp_path / "ssd.Lite")


def data_of(folder, names, class_id=0):
    (folder / "images").mkdir(parents=True)
    for index in range(2):
        pixels = np.random.default_rng(index).integers(0, 256, (40, 40, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{index}.png")
        (folder / "images" / f"{index}.txt").write_text(f"{class_id} 0.5 0.5 0.4 0.4\n")
    (folder / "data.yaml").write_text(f"train: images\nnames: [{', '.join(names)}]\n")
    return folder


def test_the_file_says_how_it_is_used(post_processed, capsys):
    spec = spec_for(post_processed, None)
    assert spec.class_names == ("class 1", "class 2", "class 3")
    assert "its 3 classes have no names (give them with --classes)" in capsys.readouterr().err
    assert (spec.preprocess.scale, spec.preprocess.offset) == (pytest.approx(1 / 255), 0)
    assert spec.input_size == (32, 32)
    assert spec.postprocess.nms_iou_threshold == pytest.approx(0.6)
    assert spec.postprocess.max_detections == 10
    assert spec.postprocess.score_threshold == 0.5  # the file leaves it to the program


@pytest.mark.parametrize("background", ["", "background\n"])
def test_names_packed_into_the_file(post_processed, capsys, background):
    with zipfile.ZipFile(post_processed, "a") as packed:
        packed.writestr("labelmap.txt", f"{background}cat\ndog\nowl\n")
    assert spec_for(post_processed, None).class_names == ("cat", "dog", "owl")
    assert spec_for(post_processed, ["a", "b", "c"]).class_names == ("a", "b", "c")
    assert capsys.readouterr().err == ""


def test_predict_takes_any_suffix_of_a_model(post_processed, tmp_path):
    data = data_of(tmp_path / "data", ["a"])
    words = [str(post_processed), str(data / "images")]
    result = predict_words(words, output=tmp_path / "out", score_threshold=0.01)
    assert result.num_images == 2
    assert 0 < result.num_detections <= 20
    for foreign in ("x.onnx", "x.PT", "x.espdl"):
        with pytest.raises(UnsupportedError, match="a model file with suffix"):
            predict_words([foreign, words[1]], output=tmp_path / "out")
        with pytest.raises(UnsupportedError, match="a model file with suffix"):
            predict(foreign, words[1])
    with pytest.raises(DataError, match="is a model, not an image"):
        predict_words(words[::-1], output=tmp_path / "out")


def test_what_is_no_model_file_is_said(tmp_path):
    data = data_of(tmp_path / "data", ["a"])
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved/saved_model.pb").touch()
    with pytest.raises(UnsupportedError, match="a SavedModel"):
        predict_words([str(tmp_path / "saved"), str(data)], output=tmp_path / "out")
    for name in ("a.tflite", "a.h5"):
        (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\nsize 1\n")
        with pytest.raises(DataError, match="pointer of Git LFS"):
            read_facts(tmp_path / name)


def test_evaluate_takes_the_names_of_the_data_where_there_are_as_many(
    post_processed, tmp_path, capsys
):
    data = data_of(tmp_path / "data", ["a", "b", "c"])
    assert evaluate(post_processed, data).class_names == ("a", "b", "c")
    assert "class names of the data, in its order: a, b, c" in capsys.readouterr().err
    with pytest.raises(ModelFileError, match="it finds 3, the data has 1"):
        evaluate(post_processed, data_of(tmp_path / "other", ["a"]))


def test_classes_that_the_data_has_not_do_not_count_and_are_told(post_processed, tmp_path, capsys):
    data = data_of(tmp_path / "data", ["owl"])
    names = ["cat", "dog", "owl"]
    result = evaluate(post_processed, data, class_names=names, engine="litert-ref")
    said = "2 of the 3 classes of the model are not in the data and do not count; these are: owl"
    assert said in capsys.readouterr().err
    per_class = result.ap["0.40"].per_class
    assert [per_class[name] is None for name in names] == [True, True, False]
    with pytest.raises(DataError, match="has no class 'x'"):
        evaluate(post_processed, data, class_names=["x", "y", "z"])
