"""The detectors that come with the package: complete, small, what their cards say."""

import gzip
import hashlib
import json
import re
import zipfile
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest

from tinydet.config.detector_spec import load_detector_spec
from tinydet.data.generate import generate_dataset
from tinydet.data.image_files import list_images
from tinydet.data.images import read_image
from tinydet.data.preprocess import preprocess
from tinydet.errors import ModelFileError
from tinydet.inference import load_detector
from tinydet.pretrained import (
    DEFAULT,
    FLOAT,
    FOLDER,
    INPUT_SIDES_PX,
    INT8,
    WITH_FLOAT_FILE,
    is_pretrained,
    model_path,
    pretrained_model,
    start_for,
)

PACKAGE = FOLDER.parent
DETECTORS = tuple(INPUT_SIDES_PX)
LARGEST_FLOAT_BYTES, LARGEST_INT8_BYTES = 2_100_000, 1_900_000
LARGEST_BYTES = 12_000_000


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    generate_dataset(folder, images=4, seed=4)
    return [read_image(path) for path in list_images(folder)]


def training_images(name):
    """``(image, source, licence)`` of each training image of a detector."""
    data = load_detector_spec(FOLDER / name / "detector.json").provenance["data"]["name"]
    text = gzip.decompress((FOLDER / f"training_images_{data}.tsv.gz").read_bytes()).decode()
    rows = [line.split("\t") for line in text.splitlines()]
    assert rows[0] == ["image", "source", "licence"]
    return rows[1:]


def card_of(name):
    return (FOLDER / name / "README.md").read_text(encoding="utf-8")


# ----------------------------------------------------------------------------------------- files


def test_the_package_data_names_every_file():
    """A file that the build leaves out is missing for everybody who has no checkout."""
    text = (PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r"^tinydet = (\[.*\])$", text, re.MULTILINE)
    patterns = json.loads(found[1])
    built = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    files = {
        path for path in FOLDER.rglob("*") if path.is_file() and "__pycache__" not in str(path)
    }
    assert {path for path in files if path.suffix != ".py"} <= built
    assert not [path for path in built if path.suffix == ".pyc"]


@pytest.mark.parametrize("name", DETECTORS)
def test_each_has_its_files(name):
    about = {"detector.json", "README.md"}
    models = {f"{name}{INT8}", *([f"{name}{FLOAT}"] if name in WITH_FLOAT_FILE else [])}
    assert {path.name for path in (FOLDER / name).iterdir()} == models | about


def test_they_are_small():
    """One float and one int8 file each; the sum is what an installation pays for them."""
    for name in WITH_FLOAT_FILE:
        assert pretrained_model(name, FLOAT).stat().st_size <= LARGEST_FLOAT_BYTES
    for name in DETECTORS:
        assert pretrained_model(name, INT8).stat().st_size <= LARGEST_INT8_BYTES
    assert sum(p.stat().st_size for p in FOLDER.rglob("*") if p.is_file()) <= LARGEST_BYTES


@pytest.mark.parametrize("name", DETECTORS)
def test_nobody_s_paths_are_in_them(name):
    spec = load_detector_spec(FOLDER / name / "detector.json")
    pending, texts = [spec.provenance], []
    while pending:
        value = pending.pop()
        if isinstance(value, (dict, list)):
            pending += value.values() if isinstance(value, dict) else value
        elif isinstance(value, str):
            texts.append(value)
    assert texts
    assert [text for text in texts if Path(text).is_absolute()] == []


# ---------------------------------------------------------------------------------------- models


@pytest.mark.parametrize("name", DETECTORS)
def test_the_specification_is_of_this_detector(name):
    spec = load_detector_spec(FOLDER / name / "detector.json")
    side = INPUT_SIDES_PX[name]
    assert (spec.class_names, spec.input_size, spec.alpha) == (("person",), (side, side), 0.35)


@pytest.mark.parametrize("name", WITH_FLOAT_FILE)
def test_float_and_int8_see_the_same(name, images):
    """Of one network: where float has its highest scores, int8 has its own, with like boxes."""
    detectors = [load_detector(pretrained_model(name, suffix)) for suffix in (FLOAT, INT8)]
    inputs = np.stack([preprocess(image, detectors[0].spec.preprocess) for image in images])
    float_out, int8_out = (
        [np.concatenate(parts) for parts in zip(*(d.outputs(x[None]) for x in inputs), strict=True)]
        for d in detectors
    )
    person = [out[0][..., 1].ravel() for out in (float_out, int8_out)]
    assert np.corrcoef(*person)[0, 1] > 0.7
    top = np.argsort(-person[0])[:50]
    assert np.abs(person[0] - person[1])[top].max() < 0.3
    corners = [out[1].reshape(-1, 4)[top] for out in (float_out, int8_out)]
    assert np.median(np.abs(corners[0] - corners[1])) < 0.02


def test_by_name_is_as_by_path(images):
    by_name, by_path = (load_detector(d) for d in ("person_192", pretrained_model("person_192")))
    inputs = preprocess(images[0], by_name.spec.preprocess)[None]
    for here, there in zip(by_name.outputs(inputs), by_path.outputs(inputs), strict=True):
        np.testing.assert_array_equal(here, there)
    assert by_name.name == "person_192.tflite"


@pytest.mark.parametrize("name", WITH_FLOAT_FILE)
def test_the_float_file_is_a_plain_one_with_kernels_in_16_bits(name):
    """Plain: nothing of training is in it, and any Keras 3 casts the kernels on loading."""
    path = pretrained_model(name, FLOAT)
    model = keras.models.load_model(path)
    assert not model.compiled
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["config.json", "metadata.json", "model.weights.h5"]
    for weight in model.weights:
        values = weight.numpy()
        assert values.dtype == np.float32
        if values.ndim > 1:
            np.testing.assert_array_equal(values, values.astype(np.float16).astype(np.float32))


# ----------------------------------------------------------------------------------------- cards


@pytest.mark.parametrize("name", DETECTORS)
def test_the_card_is_of_these_files(name):
    text = card_of(name)
    for path in (FOLDER / name).iterdir():
        if path.name != "README.md":
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert f"| `{path.name}` | {path.stat().st_size:,} | `{digest}` |" in text


@pytest.mark.parametrize("name", DETECTORS)
def test_the_card_counts_sources_and_licences_of_the_training_images(name):
    """Counted again from the list: all images, each licence, those for non-commercial use only."""
    text = card_of(name)
    rows = [row for row in training_images(name) if f"**{row[1]}**" in text]  # one list for all
    trainings = [int(n.replace(",", "")) for n in re.findall(r"([\d,]+) images of `", text)]
    assert len(rows) == max(trainings)
    assert f"{len(rows):,} photos of these sources; the list" in text
    for source, count in Counter(source for _, source, _ in rows).items():
        assert f"**{source}**: {count:,} photos" in text
    for (source, licence), count in Counter((row[1], row[2]) for row in rows).items():
        assert f"| {licence} | {count:,} |" in text.partition(f"**{source}**")[2]
    restricted = sum("-NC" in licence for *_, licence in rows)
    assert f"At least {restricted:,} of them allow non-commercial use only" in text
    assert "**To a commercial user**" in text


# ----------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("person", f"{DEFAULT}.tflite"),
        ("person_192", "person_192.tflite"),
        ("person_192.keras", "person_192.keras"),
        ("person_256.tflite", "person_256.tflite"),
    ],
)
def test_names(text, file):
    assert is_pretrained(text)
    assert model_path(text).name == file
    assert model_path(text).is_file()


@pytest.mark.parametrize(
    "text", ["", ".keras", "person_", "Person", "person.keras.tflite", "a/person"]
)
def test_what_is_no_name_is_a_path(text):
    assert not is_pretrained(text)
    assert model_path(text) == Path(text)
    with pytest.raises(KeyError):
        pretrained_model(text)


def test_a_float_file_that_is_not_shipped_is_told():
    with pytest.raises(ModelFileError, match="int8 only"):
        pretrained_model("person_416.keras")
    with pytest.raises(ModelFileError, match="float file of person_192 or person_256"):
        start_for("person_224", 224, 224)


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_exists_comes_before_a_name(tmp_path, monkeypatch, is_folder):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "person").mkdir() if is_folder else (tmp_path / "person").touch()
    assert model_path("person") == Path("person")


@pytest.mark.parametrize(
    ("size", "side"), [((192, 192), 192), ((224, 224), 256), ((192, 224), 192), ((416, 192), 256)]
)
def test_person_starts_from_the_nearest_size(size, side):
    assert start_for("person", *size) == pretrained_model(f"person_{side}", FLOAT)
    assert start_for("person_192", *size) == pretrained_model("person_192", FLOAT)
