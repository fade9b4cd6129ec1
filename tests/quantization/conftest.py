"""A small float detector that keeps the output contract, and images to calibrate it with."""

import numpy as np
import pytest
from PIL import Image

from tests.quantization.small_float_network import HEIGHT, WIDTH, small_float_network
from tinydet.config.detector_spec import AnchorSpec, DetectorSpec, PreprocessSpec


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
        spec = make_spec(num_classes, **preprocess)
        path = tmp_path_factory.mktemp("model") / "best_model.keras"
        small_float_network(num_classes, seed).save(path)
        spec.save(path.with_name("detector.json"))
        return path, spec

    return save
