"""Samples from processes are those of this process; errors and deaths are told."""

import pickle

import numpy as np
import pytest
from PIL import Image

from tinydet.config.detector_spec import PreprocessSpec
from tinydet.data.augment import make_augmentation
from tinydet.data.augmented_samples import AugmentedSamples
from tinydet.data.dataset import Sample
from tinydet.data.decoded_images import DecodedImages
from tinydet.data.sample_processes import SampleProcesses
from tinydet.errors import DataError, TinydetError, UnsupportedError

AUGMENTATION = {"random_flip": {"mode": "horizontal"}, "random_brightness": {"factor": 0.3}}
PLACES = [(0, 0, 2), (0, 1, 0), (5, 2, 1)]


@pytest.fixture
def source(tmp_path):
    rng = np.random.default_rng(1)
    samples = []
    for index in range(4):
        pixels = rng.integers(0, 256, (30, 40, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
        boxes = np.tile(np.float32([[0.1, 0.2, 0.6, 0.7]]), (index, 1))
        rows = np.arange(index), np.zeros(index, bool)
        samples.append(Sample(tmp_path / f"{index}.png", boxes, *rows))
    (tmp_path / "3.png").write_bytes(b"no image")
    preprocess = PreprocessSpec(height=32, width=32)
    return AugmentedSamples(
        tuple(samples), make_augmentation(AUGMENTATION), preprocess, 7, DecodedImages()
    )


@pytest.fixture
def processes(source):
    started = SampleProcesses(source, 1)
    yield started
    started.stop()


def test_the_same_samples_and_errors_with_their_text(source, processes):
    """One process goes on after an error."""
    with pytest.raises(DataError) as caught:
        processes.make([(0, 0, 3)])
    with pytest.raises(DataError) as expected:
        source.make([(0, 0, 3)])
    assert str(caught.value) == str(expected.value)
    assert caught.value.found == expected.value.found
    images, labels = processes.make(PLACES)
    own_images, own_labels = source.make(PLACES)
    np.testing.assert_array_equal(images, own_images)
    assert images.dtype == np.uint8
    for one, other in zip(labels, own_labels, strict=True):
        for values, own in zip(one, other, strict=True):
            np.testing.assert_array_equal(values, own)
            assert values.dtype == own.dtype


def test_a_process_that_somebody_ends_is_told(processes):
    processes._processes[0].kill()
    with pytest.raises(UnsupportedError, match=r"num_workers.*1 processes.*status -9.*Give fewer"):
        processes.make(PLACES)
    processes.stop()  # and once more by the fixture
    assert processes._processes[0].stdout.closed


def test_every_error_can_be_pickled():
    def subclasses(kind):
        return {kind}.union(*map(subclasses, kind.__subclasses__()))

    for kind in subclasses(TinydetError):
        error = kind.__new__(kind)
        error.args, error.found = ("what is said",), "found"
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.found) == (kind, "what is said", "found")
