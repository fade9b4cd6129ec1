"""A file of MediaPipe Model Maker gives the boxes that its metadata ask for."""

import io
import zipfile
from contextlib import suppress

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.inference.conftest import CELL_PX, TinyDetector
from tinydet.compiler import compile_detector
from tinydet.errors import ModelFileError, TinydetError, UnsupportedError
from tinydet.inference import load_detector, read_facts
from tinydet.inference.detector_metadata import read_detector_metadata
from tinydet.inference.tflite_file import pack_model, parse_model

SCALES = {"x_scale": 2.0, "y_scale": 3.0, "w_scale": 4.0, "h_scale": 5.0}


def vector(builder, tables):
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return builder.EndVector()


def table(builder, size, **slots):
    """A table of slots ``iN``, ``fN``, ``bN`` (numbers) and ``tN`` (what was written before)."""
    builder.StartObject(size)
    for name, value in slots.items():
        kind, slot = name[0], int(name[1:])
        if kind == "t":
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
        else:
            write = {"i": builder.PrependInt32Slot, "f": builder.PrependFloat32Slot}
            write.get(kind, builder.PrependBoolSlot)(slot, value, 0)
    return builder.EndObject()


def detector_options(anchors, num_classes, coords=4, exponential=True, sigmoid=False):
    """As the schema of MediaPipe's object detector says it; anchors of x, y, width, height."""
    builder = flatbuffers.Builder(1024)
    rows = [table(builder, 4, f0=x, f1=y, f2=w, f3=h) for x, y, w, h in anchors]
    fixed = table(builder, 1, t0=vector(builder, rows))
    ssd = table(builder, 1, t0=fixed)
    x, y, w, h = SCALES.values()
    decoding = table(
        builder, 12, i0=num_classes, i1=len(anchors), i2=coords, f6=x, f7=y, f8=w, f9=h,
        b10=exponential, b11=sigmoid,
    )  # fmt: skip
    builder.Finish(table(builder, 3, t1=ssd, t2=decoding), b"V001")
    return bytes(builder.Output())


def container(options):
    builder = flatbuffers.Builder(1024)
    data, name = builder.CreateByteVector(options), builder.CreateString("DETECTOR_METADATA")
    custom = vector(builder, [table(builder, 2, t0=name, t1=data)])
    graphs = vector(builder, [table(builder, 10, t9=custom)])
    builder.Finish(table(builder, 8, t3=graphs), b"M001")
    return bytes(builder.Output())


def model_maker_file(
    folder,
    labels="background\ncat\nowl",
    outputs=("codes", "sigmoid"),
    *,
    input_type="uint8",
    cell_px=CELL_PX,
    **form,
):
    """A tiny detector of two classes and the background; ``(recipe, path)``."""
    recipe = TinyDetector(
        num_classes=2,
        outputs=outputs,
        input_type=input_type,
        input_code=(2 / 255, 128),
        cell_px=cell_px,
    )
    path = recipe.save(folder / "model.tflite")
    low, high = recipe.anchors[:, :2], recipe.anchors[:, 2:]
    anchors = np.concatenate([(low + high) / 2, high - low], axis=1)
    model = parse_model(path.read_bytes())
    options = container(detector_options(anchors, 3, **form))
    model.buffers.append(schema.BufferT(data=np.frombuffer(options, np.uint8)))
    entry = schema.MetadataT(name="TFLITE_METADATA", buffer=len(model.buffers) - 1)
    model.metadata = [entry]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("labels.txt", labels)
    path.write_bytes(pack_model(model) + packed.getvalue())
    return recipe, path


@pytest.mark.parametrize("outputs", [("codes", "sigmoid"), ("sigmoid", "codes")])
def test_boxes_are_decoded_as_mediapipe_does_it(tmp_path, images_u8, outputs):
    """The calculator's lines for one box, in NumPy."""
    recipe, path = model_maker_file(tmp_path, outputs=outputs)
    facts = read_facts(path)
    assert facts.label_names == ("cat", "owl")
    detector = load_detector(path, recipe.spec)
    scores, boxes = detector.outputs(images_u8)
    assert scores.shape == (3, recipe.rows, 3)  # the background in front
    flat = recipe.features_of(images_u8)
    codes = (flat @ recipe.delta_weights.T).reshape(3, recipe.rows, 4)
    low, high = recipe.anchors[:, :2], recipe.anchors[:, 2:]
    (x, y), (width, height) = ((low + high) / 2).T, (high - low).T
    y_center = codes[..., 0] / SCALES["y_scale"] * height + y
    x_center = codes[..., 1] / SCALES["x_scale"] * width + x
    h = np.exp(codes[..., 2] / SCALES["h_scale"]) * height
    w = np.exp(codes[..., 3] / SCALES["w_scale"]) * width
    expected = [x_center - w / 2, y_center - h / 2, x_center + w / 2, y_center + h / 2]
    np.testing.assert_allclose(boxes, np.stack(expected, axis=-1), atol=1e-5)


def test_without_a_background_among_the_labels_all_columns_are_classes(tmp_path):
    _, path = model_maker_file(tmp_path, labels="a\nb\nc")
    assert read_facts(path).num_classes == 3


@pytest.mark.parametrize(
    ("form", "found"),
    [
        ({"coords": 16}, "a detector with keypoints"),
        ({"exponential": False, "sigmoid": True}, "without exponential and scores before the"),
    ],
)
def test_other_forms_are_refused_by_name(tmp_path, form, found):
    _, path = model_maker_file(tmp_path, **form)
    for use in (read_facts, lambda p: load_detector(p, TinyDetector(num_classes=2).spec)):
        with pytest.raises(UnsupportedError, match=found):
            use(path)


def test_metadata_of_another_network_are_refused(tmp_path):
    recipe, path = model_maker_file(tmp_path)
    told = detector_options([(0.5, 0.5, 0.1, 0.1)] * 3, 3)
    model = parse_model(path.read_bytes())
    model.buffers[-1].data = np.frombuffer(container(told), np.uint8)
    path.write_bytes(pack_model(model))
    with pytest.raises(ModelFileError, match=rf"states 3 anchors .* gives 1x{recipe.rows}x4"):
        read_facts(path)


def test_damaged_metadata_are_refused_or_read(tmp_path):
    _, path = model_maker_file(tmp_path)
    content, rng = bytearray(path.read_bytes()), np.random.default_rng(1)
    start = content.index(b"M001") - 4
    for _ in range(300):
        damaged = content.copy()
        for place in rng.integers(start, start + 9000, 6):
            damaged[place] = rng.integers(256)
        with suppress(TinydetError):
            read_detector_metadata(bytes(damaged), path)


def test_a_float_file_is_refused_by_the_compiler_with_what_to_do(tmp_path):
    recipe, path = model_maker_file(tmp_path)
    with pytest.raises(TinydetError, match="tinydet quantize"):
        compile_detector(path, spec=recipe.spec)
