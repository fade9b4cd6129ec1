"""What the outputs of a network look like that is not a detector tinydet knows."""

from collections.abc import Sequence

import numpy as np

from tinydet.boxes import FloatArray
from tinydet.inference.output_roles import BOX_COLUMNS, SOFTMAX_LIMIT, softmax_distance

YOLO_STRIDES_PX = (8, 16, 32)
YOLO_V5_ANCHORS = 3  # per cell
SSD_LEVELS = range(3, 8)  # strides 8 to 128
MODEL_MAKER_ANCHORS = 9  # per cell
Shape = tuple[int, ...]

KNOWN = (
    "tinydet runs SSD detectors with softmax scores, box deltas and constant anchors, and files "
    "with TFLite_Detection_PostProcess or MediaPipe's metadata; compile --raw-outputs takes any "
    "int8 network"
)


def appearance(input_shapes: Sequence[Shape], outputs: Sequence[FloatArray]) -> str | None:
    """What a network seems to be, as ``"a classifier of 10 classes"``; None where it is unlike all.

    Args:
        input_shapes: Of its inputs.
        outputs: What it gives for an image, as real numbers; may be empty.
    """
    if len(input_shapes) != 1 or len(input_shapes[0]) != 4:
        return "a network without an image input"
    size = (input_shapes[0][1], input_shapes[0][2])
    shapes = [tuple(output.shape[1:]) for output in outputs]
    if len(shapes) == 1:
        is_softmax = softmax_distance(outputs[0]) <= SOFTMAX_LIMIT
        return _one_output(size, shapes[0], is_softmax)
    if shapes and all(len(shape) == 3 for shape in shapes):
        return f"raw heads on {len(shapes)} maps, as YOLO has them before its boxes are decoded"
    if len(shapes) == 2 and all(len(shape) == 2 for shape in shapes):
        return _boxes_without_anchors(size, shapes)
    return None


def _one_output(size: tuple[int, int], shape: Shape, is_softmax: bool) -> str | None:
    if len(shape) == 1:
        return f"a classifier of {shape[0]} classes"
    if len(shape) == 2:
        return _yolo(size, shape)
    return _grid(size, shape, is_softmax) if len(shape) == 3 else None


def _yolo(size: tuple[int, int], shape: Shape) -> str | None:
    cells = _cells(size, YOLO_STRIDES_PX)
    rows, columns = shape
    if rows == YOLO_V5_ANCHORS * cells and columns > BOX_COLUMNS + 1:
        return f"a YOLO v5 or v7 head with {columns - BOX_COLUMNS - 1} classes"
    if cells in shape and rows != columns:
        other = rows + columns - cells
        return f"a YOLO v8 or v11 head with {other - BOX_COLUMNS} classes"
    if columns == 6 and rows <= 1000:
        return "a YOLO v10 head, whose boxes are selected already"
    return None


def _grid(size: tuple[int, int], shape: Shape, is_softmax: bool) -> str:
    height, width, columns = shape
    grid = f"of {height}x{width} cells"
    if (height, width) == size:
        return f"a network for segmentation, with {columns} classes"
    if is_softmax:
        return f"a FOMO grid {grid} with {columns - 1} classes, which has no boxes"
    return f"a map {grid} with {columns} values each, such as a raw YOLO or landmark head"


def _boxes_without_anchors(size: tuple[int, int], shapes: Sequence[Shape]) -> str | None:
    rows = {shape[0] for shape in shapes}
    if len(rows) != 1:
        return None
    columns = sorted(shape[1] for shape in shapes)
    if columns[0] == 1:
        return "a MediaPipe network of the BlazeFace family"
    if BOX_COLUMNS not in columns:
        return None
    strides = [2**level for level in SSD_LEVELS]
    if rows == {MODEL_MAKER_ANCHORS * _cells(size, strides)}:
        return (
            "a MediaPipe Model Maker detector (sigmoid scores, 9 anchors per cell that are not "
            "in the file: its metadata were removed)"
        )
    return "an SSD with sigmoid scores whose post-processing and anchors are not in the file"


def _cells(size: tuple[int, int], strides_px: Sequence[int]) -> int:
    return int(sum(np.prod([-(-side // stride) for side in size]) for stride in strides_px))
