"""A network that starts from a trained detector has its weights, layer by layer."""

import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import pytest

from tinydet.config.schema.training import SIZES
from tinydet.errors import ModelFileError, UnsupportedError
from tinydet.model import build_detector, detector_to_start_from, start_from_detector
from tinydet.model.trained_start import TrainedStart
from tinydet.pretrained import PERSON, WITH_FLOAT_FILE, start_for

SIDE_PX = 64
PREDICTORS = {
    kind: {f"head_p{level}_{kind}_project" for level in range(3, 8)} for kind in ("class", "box")
}
BOTH = PREDICTORS["class"] | PREDICTORS["box"]


SMALL = asdict(SIZES["small"])  # half the layers of the standard network


def weights_by_layer(model):
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


@pytest.fixture(scope="module")
def donor(tmp_path_factory):
    """A small network of two classes; no weight is what a new network begins with."""
    model = build_detector(SIDE_PX, SIDE_PX, 2, **SMALL)
    rng = np.random.default_rng(8)
    model.set_weights([rng.normal(size=w.shape).astype(np.float32) for w in model.weights])
    path = tmp_path_factory.mktemp("donor") / "best_model.keras"
    model.save(path)
    return path, weights_by_layer(model)


@pytest.fixture(scope="module")
def shipped():
    """A standard network: a file of the package, one class."""
    path = start_for("person_192", 0, 0)
    return path, weights_by_layer(keras.models.load_model(path))


def layers_equal_to(model, weights):
    """Names of the layers that have exactly the given weights."""
    return {
        layer.name
        for layer in model.layers
        if layer.weights
        and layer.name in weights
        and len(layer.weights) == len(weights[layer.name])
        and all(map(np.array_equal, layer.get_weights(), weights[layer.name]))
    }


@pytest.mark.parametrize(
    ("arguments", "same_classes", "fresh"),
    [
        ({"width": 96, "dropout": 0.3}, True, set()),
        ({}, False, PREDICTORS["class"]),
        ({"num_classes": 5}, True, PREDICTORS["class"]),
        # 3 anchors with 4 classes: as many columns of scores as 5 anchors with 2.
        ({"anchors_per_cell": 3, "num_classes": 4}, True, BOTH),
    ],
    ids=["size", "class names", "classes", "anchors"],
)
def test_every_layer_that_fits_is_taken_to_the_bit(donor, arguments, same_classes, fresh):
    path, weights = donor
    sizes = {"height": SIDE_PX, "width": SIDE_PX, "num_classes": 2}
    model = build_detector(**(sizes | SMALL | arguments))
    before = weights_by_layer(model)
    result = start_from_detector(model, path, same_classes=same_classes)
    assert set(result.fresh) == fresh
    assert layers_equal_to(model, weights) == set(weights) - fresh == set(result.taken)
    assert layers_equal_to(model, before) == fresh  # what starts fresh is as it was built


def test_a_network_with_other_predictors_takes_all_but_them(donor):
    """The published layout normalizes the predictors; a deeper head has blocks of its own."""
    path, weights = donor
    deeper = SMALL | {"predictor_batch_norm": True, "head_depth": SMALL["head_depth"] + 1}
    model = build_detector(SIDE_PX, SIDE_PX, 2, **deeper)
    result = start_from_detector(model, path)
    assert set(weights) - BOTH == set(result.taken)
    block = f"_block{SMALL['head_depth']}_"
    assert len([name for name in result.fresh if block in name]) == 5 * 4


def test_a_small_network_takes_the_backbone_as_far_as_it_goes(shipped):
    """Whatever has another shape starts fresh, and the line for the log says so."""
    path, weights = shipped
    model = build_detector(SIDE_PX, SIDE_PX, 2, **SMALL)
    result = start_from_detector(model, path)
    backbone = {name for name in result.taken if not name.startswith(("fpn_", "head_"))}
    assert set(result.taken) == backbone == layers_equal_to(model, weights)
    assert {"Conv1", "block_14_project_BN"} <= backbone
    assert all(name.startswith(("fpn_", "head_")) for name in result.fresh)
    assert str(result).endswith(
        f"{len(backbone)} layers of the backbone loaded, pyramid and heads start fresh"
    )


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"alpha": 0.5}, "training.model.alpha: 0.5 with pretrained_weights of another is not "
         "supported (supported: 0.35)"),
        ({"alpha": 0.5, "fpn_channels": 64}, "training.model.alpha: 0.5"),
    ],
)  # fmt: skip
def test_another_width_is_refused(donor, arguments, found):
    with pytest.raises(UnsupportedError) as caught:
        build_detector(SIDE_PX, SIDE_PX, 2, pretrained_weights=str(donor[0]), **(SMALL | arguments))
    assert found in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_line_for_the_log():
    source, taken = Path("runs", "best_model.keras"), ("Conv1", "fpn_lateral_p3_conv")
    start = "Starting from best_model.keras: 2 layers loaded"
    assert str(TrainedStart(source, taken, ())) == f"{start}, none starts fresh"
    classes, blocks = (
        sorted(PREDICTORS["class"]),
        ("head_p3_block4_depthwise", "head_p4_block4_project"),
    )
    assert str(TrainedStart(source, taken, (*classes,))) == f"{start}, class predictors start fresh"
    assert str(TrainedStart(source, taken, (*classes, "head_p3_box_project_bn", *blocks))) == (
        f"{start}, class predictors and box predictors and 2 other layers start fresh"
    )
    assert str(TrainedStart(source, ("Conv1",), (*classes, "fpn_lateral_p3_conv"))) == (
        "Starting from best_model.keras: 1 layers of the backbone loaded, pyramid and heads start "
        "fresh"
    )


def test_a_detector_of_the_package_by_its_name(shipped):
    """Whatever the input size, all layers are those of the file."""
    _, weights = shipped
    model = build_detector(SIDE_PX, 96, 1, pretrained_weights="person_192")
    assert layers_equal_to(model, weights) == set(weights)


@pytest.mark.parametrize("name", [PERSON, *WITH_FLOAT_FILE])
def test_a_name_is_a_float_file_of_the_package(name):
    """By name is the same as by path."""
    found = detector_to_start_from(name, 192, 192)
    assert found == start_for(name, 192, 192) == detector_to_start_from(str(found), 192, 192)
    assert found.suffix == ".keras"


def test_a_file_with_the_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "person").write_bytes(b"weights of a backbone, somehow named so")
    assert detector_to_start_from("person", SIDE_PX, SIDE_PX) is None


@pytest.mark.parametrize("weights", [None, "imagenet", "backbone.weights.h5"])
def test_weights_of_the_backbone_are_no_detector(weights):
    assert detector_to_start_from(weights, SIDE_PX, SIDE_PX) is None


def test_a_layer_of_another_backend_is_named(tmp_path):
    running = keras.backend.backend()
    layer, needed = ("JaxLayer", "jax") if running == "torch" else ("TorchModuleWrapper", "torch")
    with zipfile.ZipFile(tmp_path / "foreign.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({"layers": [{"class_name": layer}]}))
    with pytest.raises(ModelFileError, match=rf"{layer}, which only {needed}.*runs on {running}"):
        build_detector(SIDE_PX, SIDE_PX, 1, pretrained_weights=str(tmp_path / "foreign.keras"))


def test_what_is_no_detector_is_one_line(tmp_path):
    (tmp_path / "text.keras").write_text("no model")
    inputs = keras.Input((8, 8, 3))
    keras.Model(inputs, keras.layers.Conv2D(2, 1)(inputs)).save(tmp_path / "other.keras")
    for name, found in (
        ("none.keras", "there is no file"),
        ("text.keras", "cannot be loaded by Keras"),
        ("other.keras", "is not a tinydet detector"),
        ("persn_192", "Did you mean 'person_192'?"),
    ):
        weights = name if name == "persn_192" else str(tmp_path / name)
        with pytest.raises(ModelFileError) as caught:
            build_detector(SIDE_PX, SIDE_PX, 1, pretrained_weights=weights)
        assert found in str(caught.value)
        assert "\n" not in str(caught.value)
