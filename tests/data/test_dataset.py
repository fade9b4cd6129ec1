"""Recognising a data set, choosing its classes and cleaning its boxes."""

import numpy as np
import pytest

from tinydet.data.dataset import load_dataset
from tinydet.errors import DataError


def test_missing(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        load_dataset(tmp_path / "none")


def test_no_image(tmp_path):
    with pytest.raises(DataError, match="has no image"):
        load_dataset(tmp_path)


def test_no_labels_lists_what_was_looked_for(tmp_path, writers):
    writers.picture(tmp_path / "a.png", (8, 8))
    with pytest.raises(DataError, match=r"Looked for .*data\.yaml.*COCO.*Annotations.*\.tfs"):
        load_dataset(tmp_path)


def test_yaml_with_empty_folder(tmp_path, writers):
    (tmp_path / "images").mkdir()
    writers.text(tmp_path / "data.yaml", "train: images\nnames: [a]")
    with pytest.raises(DataError, match="no image found"):
        load_dataset(tmp_path)


def test_arrays_are_read_only(tmp_path, writers, labelled_images):
    writers.flat(tmp_path, labelled_images)
    sample = load_dataset(tmp_path).samples[0]
    with pytest.raises(ValueError, match="read-only"):
        sample.boxes += 1
    assert np.shares_memory(sample.boxes, sample.boxes.base)
