"""The zoo's .tfs tensors are read as the YOLO rows they hold."""

import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydet.data.dataset import load_dataset
from tinydet.data.readers.tfs import parse_float_tensor
from tinydet.errors import DataError

# What TensorFlow 2.21 serialises a float32 tensor with the rows 1, 2 and 3, 4 to.
BY_TENSORFLOW = bytes.fromhex("08011208120208021202080222100000803f000000400000404000008040")
ROWS = [[1, 0.5, 0.25, 0.5, 0.25], [0, 0.5, 0.5, 0.25, 0.125], [0] * 5, [0] * 5]


def field(number, content):
    assert len(content) < 2**14
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return bytes([number << 3 | 2]) + length + content


def tensor(values, shape, packed_as=4):
    dims = b"".join(field(2, b"\x08" + bytes([side])) for side in shape)
    return b"\x08\x01" + field(2, dims) + field(packed_as, struct.pack(f"<{len(values)}f", *values))


def test_bytes_of_tensorflow():
    assert parse_float_tensor(BY_TENSORFLOW).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("packed_as", [4, 5])
def test_rows_are_read_and_padding_left_out(tmp_path, writers, packed_as):
    writers.picture(tmp_path / "a.jpg", (10, 20))
    values = [v for row in ROWS for v in row]
    (tmp_path / "a.tfs").write_bytes(tensor(values, (4, 5), packed_as))
    dataset = load_dataset(tmp_path, ["cat", "dog"])
    assert dataset.format == "TFS"
    sample = dataset.samples[0]
    assert sample.class_ids.tolist() == [1, 0]
    expected = [[0.25, 0.125, 0.75, 0.375], [0.375, 0.4375, 0.625, 0.5625]]
    np.testing.assert_allclose(sample.boxes, expected)


def test_repeated_last_value_is_filled_in():
    assert parse_float_tensor(tensor([3, 1], (2, 2), 5)).tolist() == [[3, 1], [1, 1]]
    assert parse_float_tensor(tensor([], (2, 2), 5)).tolist() == [[0, 0], [0, 0]]


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content):
    with contextlib.suppress(ValueError):
        assert parse_float_tensor(content).dtype == np.float32


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"hello", ": is not a label tensor"),
        (tensor([1, 2], (2, 5))[:-3], ": is not a label tensor"),
        (tensor([1, 2, 3, 4], (2, 2)), r": has shape \[2, 2\] instead of"),
        (tensor([2, 0.5, 0.5, 0.1, 0.1], (1, 5)), ":1: class id 2 is out of range"),
        (tensor([0, float("nan"), 0.5, 0.1, 0.1], (1, 5)), ":1: a value is not finite"),
    ],
)
def test_faulty_tensor_is_named(tmp_path, writers, content, fault):
    writers.picture(tmp_path / "a.jpg", (10, 20))
    (tmp_path / "a.tfs").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.tfs{fault}"):
        load_dataset(tmp_path, ["cat", "dog"])
