"""Files that end in TFLite_Detection_PostProcess: the C finds what LiteRT's operator finds."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from flatbuffers import flexbuffers

from tests.compiler.network_builder import NetworkBuilder
from tests.compiler.tflite_writer import write_tflite
from tinydet.boxes import clip_boxes
from tinydet.compiler import CompileOptions, compile_detector, compile_network
from tinydet.compiler.ir import PackOptions, Quantization
from tinydet.config.detector_spec import DetectorSpec, PreprocessSpec
from tinydet.errors import TinydetError, UnsupportedError
from tinydet.inference import load_detector, read_facts
from tinydet.inference.post_processing import OPERATOR
from tinydet.inference.tflite_file import pack_model, parse_model
from tinydet.targets import HostTarget, program_detector

SIDE, CELLS, PER_CELL, CLASSES = 32, 8, 2, 3
DIM = float(np.float32(5e-5))  # scale of the input
ROWS = CELLS * CELLS * PER_CELL
BY_2 = {"stride_height": 2, "stride_width": 2, "padding": "SAME", "activation": "RELU6"}


@cache
def file_content(*, background=1, stacked=(3, 2), merged=True, **changes):
    """An int8 detector of one level, upsampled by copies, with the operator at its end."""
    net = NetworkBuilder(5)
    image = net.image(SIDE, SIDE)
    # So dim that scores do not all lie at the ends of their range.
    net.tensors[image] = replace(net.tensors[image], quantization=Quantization((DIM,), (127,)))
    x = net.quantize(image)
    x = net.conv(net.conv(x, 8, (3, 3), **BY_2), 8, (3, 3), **BY_2)
    small = net.conv(x, 8, (3, 3), **BY_2)
    up = small
    for axis in stacked:
        up = net._append("PACK", (up, up), PackOptions(axis=axis), net._same(up))
        if not merged and axis == stacked[0]:
            up = net.reshape(up, 1, CELLS // 2, CELLS, 8)
    x = net.add(x, net.reshape(up, 1, CELLS, CELLS, 8))
    columns = background + CLASSES
    codes = net.reshape(net.conv(x, PER_CELL * 4), 1, ROWS, 4)
    scores = net.logistic(net.reshape(net.conv(x, PER_CELL * columns), 1, ROWS, columns))
    scale = net.tensors[codes].scale * 60
    options = {
        "max_detections": 6,
        "max_classes_per_detection": 1,
        "nms_score_threshold": 0.6,
        "nms_iou_threshold": 0.2,
        "num_classes": CLASSES,
        "y_scale": scale * 2,
        "x_scale": scale,
        "h_scale": scale * 1.5,
        "w_scale": scale * 2.5,
    } | changes
    graph = net.graph(net.dequantize(codes), net.dequantize(scores))
    return _with_operator(write_tflite(graph), options)


def _with_operator(content, options):
    model = parse_model(content)
    graph = model.subgraphs[0]
    centres = (np.arange(CELLS) + 0.5) / CELLS
    y, x, kind = (v.reshape(-1) for v in np.meshgrid(centres, centres, [0.5, 0.8], indexing="ij"))
    anchors = np.stack([y, x, kind, kind * 0.6], axis=1).astype(np.float32)
    model.buffers.append(schema.BufferT(data=np.frombuffer(anchors.tobytes(), np.uint8)))
    constant = schema.TensorT(shape=anchors.shape, type=0, name="anchors")
    constant.buffer = len(model.buffers) - 1
    graph.tensors.append(constant)
    found = options["max_detections"]
    inputs = [*graph.outputs, len(graph.tensors) - 1]
    first = len(graph.tensors)
    for name, shape in (("boxes", [1, found, 4]), ("classes", [1, found]), ("scores", [1, found])):
        graph.tensors.append(schema.TensorT(shape=shape, type=0, name=name))
    graph.tensors.append(schema.TensorT(shape=[1], type=0, name="count"))
    custom = schema.BuiltinOperator.CUSTOM
    code = schema.OperatorCodeT(
        builtinCode=custom, deprecatedBuiltinCode=custom, customCode=OPERATOR
    )
    model.operatorCodes.append(code)
    outputs = list(range(first, first + 4))
    operator = schema.OperatorT(
        opcodeIndex=len(model.operatorCodes) - 1, inputs=inputs, outputs=outputs
    )
    operator.customOptions = list(bytes(flexbuffers.Dumps(options)))
    graph.operators.append(operator)
    graph.outputs = outputs
    return pack_model(model)


def by_operator(content, image_u8):
    """Boxes (x, y, x, y) clipped, classes, scores."""
    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image_u8[None])
    interpreter.invoke()
    boxes, classes, scores, count = (
        interpreter.get_tensor(details["index"])[0] for details in interpreter.get_output_details()
    )
    return (
        clip_boxes(boxes[: int(count), [1, 0, 3, 2]]),
        classes[: int(count)],
        scores[: int(count)],
    )


def spec_of(path):
    facts = read_facts(path)
    scale, offset = facts.rescaling
    preprocess = PreprocessSpec(height=SIDE, width=SIDE, scale=scale, offset=offset)
    names = tuple(f"class {index}" for index in range(CLASSES))
    return DetectorSpec(class_names=names, preprocess=preprocess, postprocess=facts.postprocess)


@pytest.mark.parametrize(("regular", "background", "merged"), [(False, 1, True), (True, 0, False)])
def test_the_same_boxes_as_the_operator(regular, background, merged, tmp_path):
    content = file_content(
        background=background, merged=merged, use_regular_nms=regular, detections_per_class=4
    )
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    spec = spec_of(path)
    compiled = compile_detector(path, CompileOptions(name="ssd"), spec=spec)
    kinds = [op.kind for op in compiled.plan.schedule.graph.ops]
    assert "RESIZE_NEAREST_NEIGHBOR" in kinds
    assert "PACK" not in kinds
    voting = {"postprocess": spec.postprocess.model_copy(update={"box_voting_iou": 0.7})}
    with pytest.raises(UnsupportedError, match="box voting"):
        compile_detector(path, spec=spec.model_copy(update=voting))
    program = HostTarget(sanitize=True).build(compiled, tmp_path / "host")
    own, reference = program_detector(program), load_detector(path, spec, engine="litert-ref")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (24, 4, 4, 3)).astype(np.uint8).repeat(8, 1).repeat(8, 2)
    scores, boxes = own.outputs(images)
    for ours, theirs in zip((scores, boxes), reference.outputs(images), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for image, all_scores, all_boxes in zip(images, scores, boxes, strict=True):
        found = program.detect(image)
        expected = own.select(all_scores, all_boxes, spec.postprocess)
        np.testing.assert_array_equal(found.scores, expected.scores)
        np.testing.assert_array_equal(found.boxes, clip_boxes(expected.boxes))
        np.testing.assert_array_equal(found.class_ids, expected.class_ids)
        np.testing.assert_allclose(rows(found.boxes, found.class_ids, found.scores), rows(
            *by_operator(content, image)), atol=1e-6)  # fmt: skip


def rows(boxes, class_ids, scores):
    """In an order of their own: that of equal scores of several classes is not defined."""
    together = np.column_stack([scores.round(4), class_ids, boxes.round(5)])
    return together[np.lexsort(together.T)]


def test_copies_in_another_order_are_no_upsampling(tmp_path):
    """Stacked in front, rows follow each other as a whole."""
    path = tmp_path / "m.tflite"
    path.write_bytes(file_content(stacked=(1, 3)))
    with pytest.raises(TinydetError, match=r"PACK"):
        compile_detector(path, spec=spec_of(path))


def test_what_has_no_c_is_refused_by_name(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(file_content(max_classes_per_detection=2))
    with pytest.raises(TinydetError, match=r"max_classes_per_detection 2"):
        compile_detector(path, spec=spec_of(path))
    with pytest.raises(TinydetError, match=r"leave out --raw-outputs"):
        compile_network(path)
