"""What MediaPipe's metadata say of a detector: its anchors and how its boxes are coded.

Files of MediaPipe Model Maker give box codes and sigmoid scores; the rest is done by MediaPipe,
as the metadata in the file tell it.

Reference:
    mediapipe/tasks/metadata/object_detector_metadata_schema.fbs,
    mediapipe/calculators/tensor/tensors_to_detections_calculator.cc;
    tensorflow/lite/schema: metadata_schema.fbs.
"""

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from tinydet.boxes import FloatArray
from tinydet.config.detector_spec import PostprocessSpec
from tinydet.errors import ModelFileError, UnsupportedError
from tinydet.inference.post_processing import BOX_COLUMNS, MAX_COUNT, PostProcessing
from tinydet.tflite_format import schema
from tinydet.tflite_format.flatbuffer import MalformedError, Table, root_table

NAME = "DETECTOR_METADATA"
CONTAINER = "TFLITE_METADATA"
BACKGROUND = "background"
# Slots of the tables, in the order of their schemas.
METADATA_NAME, METADATA_BUFFER = 0, 1
SUBGRAPH_METADATA, CUSTOM_METADATA = 3, 9
CUSTOM_NAME, CUSTOM_DATA = 0, 1
ANCHORS_OPTIONS, DECODING_OPTIONS = 1, 2
NUM_CLASSES, NUM_COORDS = 0, 2
SCALES = (7, 6, 9, 8)  # y, x, height, width
EXPONENTIAL_SIZE, SIGMOID_SCORE = 10, 11
# That with which Model Maker measures its detectors.
THRESHOLDS = PostprocessSpec(score_threshold=0.05, nms_iou_threshold=0.5, max_detections=100)
REMEDY = "Export the model again with MediaPipe Model Maker."


def read_detector_metadata(content: bytes, where: object) -> PostProcessing | None:
    """What the metadata of a file say of its boxes.

    Args:
        content: All bytes of a ``.tflite`` file.
        where: Its path, for messages.

    Returns:
        None where there are no such metadata. A first class with the name ``background`` in the
        packed list of labels is the background.

    Raises:
        ModelFileError: They are damaged, or contradict themselves.
        UnsupportedError: They ask for keypoints, or for boxes or scores in another form.
    """
    if NAME.encode() not in content:
        return None
    try:
        options = _detector_options(content)
        if options is None:
            return None
        decoding = options.table(DECODING_OPTIONS)
        anchors = _anchors(options)
        if decoding is None or not len(anchors):
            raise ModelFileError(where, "has metadata without anchors or box code", REMEDY)
        _check_form(decoding, where)
        scales = np.array([decoding.real(slot) for slot in SCALES], np.float32)
        num_classes = decoding.integer(NUM_CLASSES, "int32")
    except MalformedError as error:
        raise ModelFileError(where, f"has damaged metadata ({error})", REMEDY) from None
    lines = packed_lines(io.BytesIO(content)) or ("",)
    if len(lines) == num_classes and lines[0].lower() == BACKGROUND:
        num_classes -= 1
    sound = np.isfinite(anchors).all() and np.isfinite(scales).all() and (scales > 0).all()
    if not sound or not 1 <= num_classes <= MAX_COUNT:
        raise ModelFileError(where, "has metadata with impossible anchors or classes", REMEDY)
    return PostProcessing(
        anchors=anchors,
        scales=scales,
        num_classes=num_classes,
        each_class=False,
        classes_per_box=1,
        boxes_per_class=THRESHOLDS.max_detections,
        postprocess=THRESHOLDS,
    )


def _detector_options(content: bytes) -> Table | None:
    model = root_table(content)
    buffers = model.tables(schema.MODEL_BUFFERS)
    for entry in model.tables(schema.MODEL_METADATA):
        index = entry.integer(METADATA_BUFFER, "uint32")
        if entry.text(METADATA_NAME) == CONTAINER and index < len(buffers):
            raw = buffers[index].raw(schema.BUFFER_DATA)
            if raw is not None:
                return _in_container(root_table(raw.tobytes()))
    return None


def _in_container(metadata: Table) -> Table | None:
    for graph in metadata.tables(SUBGRAPH_METADATA):
        for custom in graph.tables(CUSTOM_METADATA):
            raw = custom.raw(CUSTOM_DATA)
            if custom.text(CUSTOM_NAME) == NAME and raw is not None:
                return root_table(raw.tobytes())
    return None


def _anchors(options: Table) -> FloatArray:
    fixed = options.table(ANCHORS_OPTIONS)
    schema_of_them = None if fixed is None else fixed.table(0)
    tables = [] if schema_of_them is None else schema_of_them.tables(0)
    x, y, width, height = range(4)  # slots of an anchor
    rows = [[anchor.real(slot) for slot in (y, x, height, width)] for anchor in tables]
    return np.array(rows, np.float32).reshape(-1, BOX_COLUMNS)


def _check_form(decoding: Table, where: object) -> None:
    found = [
        what
        for what, is_so in (
            ("keypoints", decoding.integer(NUM_COORDS, "int32") != BOX_COLUMNS),
            ("sizes of boxes without exponential", not decoding.flag(EXPONENTIAL_SIZE)),
            ("scores before the sigmoid", decoding.flag(SIGMOID_SCORE)),
        )
        if is_so
    ]
    if found:
        raise UnsupportedError(
            str(where),
            f"a detector with {' and '.join(found)}",
            "boxes of centre and exponential size, and sigmoid scores",
            "Use MediaPipe for it.",
        )


MAX_LABEL_BYTES = 1 << 20
UNREADABLE = (OSError, ValueError, NotImplementedError, RuntimeError, EOFError, zlib.error)


def packed_lines(file: Path | io.BytesIO) -> tuple[str, ...] | None:
    """The lines of the one list, without empty ones; None where there is no list, or several."""
    try:
        with zipfile.ZipFile(file) as packed:
            lists = [e for e in packed.infolist() if e.filename.lower().endswith(".txt")]
            if len(lists) != 1 or lists[0].file_size > MAX_LABEL_BYTES:
                return None
            text = packed.read(lists[0]).decode("utf-8")
    except (*UNREADABLE, zipfile.BadZipFile):
        return None
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def packed_labels(path: Path, num_classes: int) -> tuple[str, ...] | None:
    """Class names of the list.

    Args:
        path: The ``.tflite`` file.
        num_classes: Without the background, which the list may name first.

    Returns:
        None where there is no list of as many different names.
    """
    names = packed_lines(path) or ()
    if len(names) == num_classes + 1:
        names = names[1:]
    return names if len(names) == num_classes == len(set(names)) else None
