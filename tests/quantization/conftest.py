"""A small float detector that keeps the output contract, and images to calibrate it with."""

import numpy as np
import pytest
from PIL import Image

from tinydet.config.detector_spec import AnchorSpec, DetectorSpec, PreprocessSpec

HEIGHT, WIDTH = 64, 96
ANCHORS_PER_CELL = 5


@pytest.fixture(scope="session")
def calibration_images(tmp_path_factory):
    """Ten images of soft blobs, none of which has a black or a white pixel."""
    rng = np.random.default_rng(11)
    folder, paths = tmp_path_factory.mktemp("images"), []
    for index in range(10):
        coarse = rng.integers(40, 200, (5, 7, 3)).astype(np.uint8)
        path = folder / f"{index}.png"
        Image.fromarray(coarse).resize((150, 100), Image.Resampling.BICUBIC).save(path)
        paths.append(path)
    return paths


@pytest.fixture(scope="session")
def make_spec():
    def make(num_classes, **preprocess):
        return DetectorSpec(
            class_names=tuple(f"class {i}" for i in range(num_classes)),
            preprocess=PreprocessSpec(height=HEIGHT, width=WIDTH, **preprocess),
            anchors=AnchorSpec(smallest=(0.2, 0.3)),
        )

    return make


@pytest.fixture(scope="session")
def save_float_model(tmp_path_factory, make_spec):
    """Write a random stand-in network and its detector.json; gives path and specification."""

    def save(num_classes, seed=5, **preprocess):
        import keras
        from keras import layers

        keras.utils.set_random_seed(seed)
        lively = keras.initializers.RandomNormal(0.1, 0.3)  # activations that do not die out
        inputs = keras.Input((HEIGHT, WIDTH, 3))
        x = inputs
        for _ in range(3):  # stride 8
            x = layers.Conv2D(
                12, 3, strides=2, padding="same", activation="relu6", kernel_initializer=lively
            )(x)
        logits, deltas = [], []
        for level in range(5):
            if level:
                x = layers.DepthwiseConv2D(
                    3, strides=2, padding="same", activation="relu6", depthwise_initializer=lively
                )(x)
            for columns, levels in ((4, deltas), (num_classes + 1, logits)):
                spread = keras.initializers.RandomNormal(stddev=0.25 if levels is logits else 0.03)
                head = layers.Conv2D(ANCHORS_PER_CELL * columns, 1, kernel_initializer=spread)(x)
                levels.append(layers.Reshape((-1, columns))(head))
        parts = [layers.Concatenate(axis=1)(levels) for levels in (logits, deltas)]
        joined = layers.Concatenate(axis=2, name="class_logits_and_box_deltas")(parts)
        spec = make_spec(num_classes, **preprocess)
        path = tmp_path_factory.mktemp("model") / "best_model.keras"
        keras.Model(inputs, joined).save(path)
        spec.save(path.with_name("detector.json"))
        return path, spec

    return save
