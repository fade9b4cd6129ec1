"""``tinydet predict``: the model may be left out, photos are as people have them."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.command_line import tinydet
from tinydet.commands import predict as command
from tinydet.deployment.compiling import int8_model
from tinydet.prediction import PredictResult
from tinydet.pretrained import DEFAULT, INT8, LISTED, model_path, pretrained_model

NOTE = f"No model named: using {DEFAULT}"
EXIF_ORIENTATION, TURNED = 0x0112, 6  # to be turned by 90 degrees clockwise


@pytest.fixture(scope="module")
def picture():
    """Blocks of colour, not square; whatever is found there."""
    rng = np.random.default_rng(2)
    return Image.fromarray(rng.integers(0, 256, (6, 9, 3), np.uint8)).resize((180, 120))


@pytest.fixture
def photos(picture, tmp_path, monkeypatch):
    """A folder of photos of all kinds, and a text; the current folder is the one above."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    folder.mkdir()
    picture.save(folder / "plain.png")
    picture.convert("CMYK").save(folder / "print.jpg")
    picture.convert("L").save(folder / "gray.PNG")
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = TURNED
    picture.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.png", exif=exif)
    (folder / "notes.txt").write_text("no image")
    return folder


def records(output):
    lines = (output / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    return {json.loads(line)["file"].replace("\\", "/"): json.loads(line) for line in lines}


@pytest.mark.usefixtures("photos")
def test_a_photo_is_enough(capsys, tmp_path):
    status, out, err = tinydet(capsys, "predict", "photos/plain.png")
    assert status == 0
    assert err.splitlines()[0].startswith(NOTE)
    assert "in 1 images, in predictions" in out
    assert list(records(tmp_path / "predictions")) == ["photos/plain.png"]
    assert (tmp_path / "predictions" / "plain.jpg").is_file()


@pytest.mark.usefixtures("photos")
def test_a_folder_of_photos_of_all_kinds(capsys, tmp_path):
    """Rotation by EXIF changes nothing; no kind of image is refused, no text is taken for one."""
    status, _, err = tinydet(capsys, "predict", "person_192", "photos", "--score", "0.05")
    assert status == 0
    assert NOTE not in err
    found = records(tmp_path / "predictions")
    assert sorted(found) == [
        f"photos/{n}" for n in ("gray.PNG", "plain.png", "print.jpg", "turned.png")
    ]
    assert {(r["width"], r["height"]) for r in found.values()} == {(180, 120)}
    assert found["photos/turned.png"]["detections"] == found["photos/plain.png"]["detections"]


@pytest.mark.parametrize(
    ("words", "model", "sources"),
    [
        (["a.jpg"], None, ["a.jpg"]),
        (["a.jpg", "b.jpg"], None, ["a.jpg", "b.jpg"]),
        (["camera:0", "--max-frames", "1"], None, ["camera:0"]),
        (["--score", "0.3", "a.jpg"], None, ["a.jpg"]),
        (["a.jpg", "--score", "0.3", "b.jpg"], None, ["a.jpg", "b.jpg"]),
        (["m.tflite", "a.jpg"], "m.tflite", ["a.jpg"]),
        (["M.KERAS", "--score", "0.3", "a.jpg", "b.jpg"], "M.KERAS", ["a.jpg", "b.jpg"]),
        (["person_192", "person"], "person_192", ["person"]),
        (["person_192.keras", "a.jpg"], "person_192.keras", ["a.jpg"]),
        (["person", "--output", "o", "a.jpg"], "person", ["a.jpg"]),
    ],
)
def test_what_is_the_model_and_what_the_source(capsys, monkeypatch, words, model, sources):
    seen = []

    def predict(model, source, **_):
        seen.append((model, source if isinstance(source, list) else [source]))
        return PredictResult((), (), 0, 0, (), False, None)

    monkeypatch.setattr(command, "predict", predict)
    status, _, err = tinydet(capsys, "predict", *words)
    assert status == 0
    assert (err == "") == (model is not None)
    assert seen == [(model or DEFAULT, sources)]


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_exists_is_looked_at_and_no_model(capsys, picture, tmp_path, monkeypatch, is_folder):
    """A folder or an image named ``person`` in the current folder comes before the detector."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "person").mkdir() if is_folder else None
    picture.save(tmp_path / ("person/a.png" if is_folder else "person"), format="PNG")
    status, out, err = tinydet(capsys, "predict", "person")
    assert status == 0
    assert NOTE in err
    assert "in 1 images" in out


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["predict"], "the following arguments are required: source"),
        (["predict", "person_192"], "source: is not given"),
        (["predict", "mine.tflite"], "source: is not given"),
        (["predict", "a.jpg", "--nonsense"], "unknown arguments: '--nonsense'"),
        (["predict", "missing.jpg"], "missing.jpg: does not exist"),
        (["predict", "persn_192", "photos"], "Did you mean 'person_192'?"),
        (["evaluate", "persn_192", "--data", "photos"], "Did you mean 'person_192'?"),
        (["quantize", "persn_192", "--images", "photos"], "Did you mean 'person_192'?"),
        (["compile", "persn_192"], "Did you mean 'person_192'?"),
        (["footprint", "nothing"], f"detector ({LISTED})"),
        (["compile", "person_192.keras"], "compiling a model file with suffix '.keras' is not"),
    ],
)
def test_mistakes_are_one_line(capsys, words, complaint):
    status, out, err = tinydet(capsys, *words)
    lines = [line for line in err.splitlines() if NOTE not in line]
    assert (status, out, len(lines)) == (2, "", 1)
    assert complaint in lines[0]


def test_every_command_takes_the_names():
    assert model_path("person_192") == pretrained_model("person_192", INT8)
    assert int8_model("person_192") == pretrained_model("person_192", INT8)


@pytest.mark.usefixtures("photos")
def test_no_training_framework_is_needed():
    code = (
        "import sys; sys.modules['keras'] = sys.modules['tensorflow'] = None\n"
        "from tinydet.cli import main\n"
        "sys.exit(main(['predict', 'photos/plain.png']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1), done.stderr
