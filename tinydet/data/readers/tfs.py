"""The model zoo's ``.tfs`` labels: a serialised TensorFlow tensor per image, read by hand.

A ``.tfs`` holds a float32 tensor ``[max_detections, 5]`` of YOLO rows ``class x_center y_center
width height``, filled up with rows of zeros. Its bytes are a TensorProto message
(tensorflow/core/framework/tensor.proto): field 1 dtype, field 2 shape, field 4 tensor_content,
field 5 float_val.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinydet.data.input_files import MOST_TEXT_BYTES, read_input
from tinydet.data.readers.yolo import LabelReading
from tinydet.data.readers.yolo_rows import Row, parse_row
from tinydet.errors import DataError

DT_FLOAT = 1
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5  # wire types of protocol buffers
MAX_VALUES = 5 * 100_000  # more boxes than any picture has: a damaged shape is not allocated


def read_tfs_labels(path: Path, reading: LabelReading) -> list[Row]:
    """Read one ``.tfs`` file; the line number of a row is its place in the tensor, from 1.

    Args:
        path: Label file.
        reading: Collects what cannot be read.

    Returns:
        The rows that can be read, padding left out.
    """
    faults = reading.faults
    try:
        tensor = parse_float_tensor(read_input(path, MOST_TEXT_BYTES))
    except DataError as error:
        faults.add(path, error.found)
        return []
    except ValueError as error:
        faults.add(path, f"is not a label tensor ({error})")
        return []
    if tensor.ndim != 2 or tensor.shape[1] != 5:
        faults.add(path, f"has shape {list(tensor.shape)} instead of [max_detections, 5]")
        return []
    rows: list[Row] = []
    for number, values in enumerate(tensor.astype(np.float64).tolist(), 1):
        if not any(values):
            continue
        try:
            class_id, box, _ = parse_row(values)
        except ValueError as error:
            faults.add(f"{path}:{number}", str(error))
            continue
        rows.append(Row(number, class_id, box))
    return rows


def parse_float_tensor(content: bytes) -> npt.NDArray[np.float32]:
    """Array in a serialised TensorProto.

    Args:
        content: Bytes of the message.

    Returns:
        The float32 array in its shape.

    Raises:
        ValueError: The bytes are no TensorProto of float32, or content and shape disagree.
    """
    dtype, shape, raw = 0, [], b""
    for field, value in _fields(content):
        if field == 1 and isinstance(value, int):
            dtype = value
        elif field == 2 and isinstance(value, bytes):
            shape = [_dimension(dim) for number, dim in _fields(value) if number == 2]
        elif field in (4, 5) and isinstance(value, bytes):
            raw += value
    if dtype != DT_FLOAT:
        raise ValueError("not a float32 tensor")
    size = int(np.prod(shape, dtype=np.float64)) if shape else 1
    if size > MAX_VALUES or min(shape, default=0) < 0 or len(raw) % 4:
        raise ValueError("impossible shape or content")
    values = np.frombuffer(raw, "<f4")
    if len(values) > size:
        raise ValueError("more values than the shape holds")
    filled = np.zeros(size, np.float32)
    filled[: len(values)] = values
    if len(values):
        filled[len(values) :] = values[-1]  # float_val leaves repeats of the last value out
    return filled.reshape(shape)


def _dimension(message: int | bytes) -> int:
    if isinstance(message, int):
        raise ValueError("impossible shape")  # noqa: TRY004
    sizes = [value for field, value in _fields(message) if field == 1]
    return int(sizes[0]) if sizes and isinstance(sizes[0], int) else 0


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Fields of a protocol buffer message: number and value (bytes but for varints)."""
    position = 0
    while position < len(content):
        key, position = _varint(content, position)
        field, wire = key >> 3, key & 7
        if wire == VARINT:
            value, position = _varint(content, position)
            yield field, value
            continue
        if wire == LENGTH:
            size, position = _varint(content, position)
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
        else:
            raise ValueError("not a protocol buffer")
        if position + size > len(content):
            raise ValueError("truncated")
        yield field, content[position : position + size]
        position += size


def _varint(content: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(content):
            raise ValueError("truncated")
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("not a protocol buffer")
