"""A Keras model gives softmax scores and decoded boxes."""

import json
import zipfile

import numpy as np
import pytest

from tinydet.config.detector_spec import AnchorSpec, DetectorSpec, PreprocessSpec
from tinydet.errors import ModelFileError
from tinydet.inference import load_detector
from tinydet.inference.decoding import spec_anchors

SPEC = DetectorSpec(
    class_names=("a", "b"),
    preprocess=PreprocessSpec(height=32, width=64, scale=1 / 100, offset=-1.5),
    anchors=AnchorSpec(smallest=(0.2, 0.3)),
)


def test_weights_only_and_broken_files(tmp_path):
    weights = tmp_path / "best_weights.weights.h5"
    weights.write_bytes(b"x")
    with pytest.raises(ModelFileError, match="contains only weights"):
        load_detector(weights, SPEC)
    broken = tmp_path / "model.keras"
    broken.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ModelFileError, match=r"is not a \.keras file, or is truncated"):
        load_detector(broken, SPEC)


@pytest.mark.parametrize(
    ("layer", "backend"),
    [("TorchModuleWrapper", "torch"), ("JaxLayer", "jax"), ("FlaxLayer", "jax")],
)
def test_a_layer_of_another_backend_is_named(tmp_path, layer, backend):
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({"layers": [{"class_name": layer}]}))
    with pytest.raises(ModelFileError, match=rf"contains a {layer}.*KERAS_BACKEND={backend}"):
        load_detector(tmp_path / "model.keras", SPEC)


def save(path, columns, anchors=None):
    """Mean colour -> all rows; with anchors: softmax scores, deltas, anchors (legacy layout)."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(3)
    num_anchors = len(spec_anchors(SPEC))
    inputs = keras.Input((32, 64, 3))
    features = layers.GlobalAveragePooling2D()(inputs)
    rows = layers.Dense(num_anchors * columns, bias_initializer="normal")(features)
    head = layers.Reshape((num_anchors, columns))(rows)
    if anchors is not None:
        scores = layers.Softmax()(head[..., :3])
        constant = keras.ops.zeros_like(head[..., 3:]) + anchors
        head = layers.Concatenate()([scores, head[..., 3:], constant])
    keras.Model(inputs, head).save(path)
    weights, bias = keras.models.load_model(path, compile=False).get_layer(index=2).get_weights()
    return weights.astype(float), bias.astype(float)


def expected(weights, bias, images_u8):
    features = (images_u8 / 100 - 1.5).mean(axis=(1, 2))
    head = (features @ weights + bias).reshape(len(images_u8), -1, 7)
    exponents = np.exp(head[..., :3])
    anchors = spec_anchors(SPEC).astype(float)
    sides = (anchors[:, 2:] - anchors[:, :2])[:, [0, 1, 0, 1]]
    return exponents / exponents.sum(-1, keepdims=True), anchors + head[..., 3:] * sides


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # Keras advises against its legacy format
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_scores_and_boxes(tmp_path, name):
    path = tmp_path / name
    weights, bias = save(path, 7)
    detector = load_detector(path, SPEC)
    images_u8 = np.random.default_rng(1).integers(0, 256, (3, 32, 64, 3)).astype(np.uint8)
    for batch in (images_u8, images_u8[:1], images_u8[:2]):
        scores, boxes = detector.outputs(batch)
        for found, wanted in zip((scores, boxes), expected(weights, bias, batch), strict=True):
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.slow
def test_shapes_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "model.keras"
    save(path, 7)
    three = SPEC.model_copy(update={"class_names": ("a", "b", "c")})
    with pytest.raises(ModelFileError, match=r"but 3 classes need \(None, anchors, 8\)"):
        load_detector(path, three)
    wide = SPEC.model_copy(update={"preprocess": PreprocessSpec(height=64, width=64)})
    with pytest.raises(ModelFileError, match=r"gives \(None, 64, 64, 3\)"):
        load_detector(path, wide)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelFileError):
        load_detector(path, SPEC)


@pytest.mark.slow
def test_legacy_joined_output(tmp_path):
    path = tmp_path / "model.keras"
    weights, bias = save(path, 7, spec_anchors(SPEC)[None])
    images_u8 = np.random.default_rng(1).integers(0, 256, (2, 32, 64, 3)).astype(np.uint8)
    scores, boxes = load_detector(path, SPEC).outputs(images_u8)
    wanted_scores, wanted_boxes = expected(weights, bias, images_u8)
    np.testing.assert_allclose(scores, wanted_scores, atol=1e-5)
    np.testing.assert_allclose(boxes, wanted_boxes, atol=1e-5)


@pytest.mark.slow
def test_an_output_of_the_right_width_proves_nothing(tmp_path):
    path = tmp_path / "model.keras"
    save(path, 11)  # as wide as 3 scores, 4 deltas and 4 anchors, and nothing of these
    with pytest.raises(ModelFileError, match="is not a detector that tinydet can use"):
        load_detector(path, SPEC)
