"""Passes keep the outputs bit for bit, and find the detector's head."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.network_builder import NetworkBuilder
from tests.compiler.reference_interpreter import run, run_outputs
from tests.compiler.sample_networks import detector, every_operator, image_for
from tinydet.compiler.ir import ConvOptions, PoolOptions, Quantization, read_only, verify
from tinydet.compiler.passes import lower
from tinydet.compiler.passes.cleanup import fold_input_type, remove_no_ops
from tinydet.compiler.passes.constant_folding import fold_constants
from tinydet.compiler.passes.detector_head import cut_detector_head
from tinydet.compiler.passes.padding import fold_padding
from tinydet.compiler.tflite_reader import read_tflite
from tinydet.errors import ModelFileError, UnsupportedOpsError

LAYOUTS = ["joined", "si di", "df sf", "su du", "sf df af", "af df sf", "ai si di", "df ai sf"]


def assert_same_outputs(before, after, seeds=2):
    verify(after)
    for seed in range(seeds):
        image = image_for(before, seed)
        for a, b in zip(run_outputs(before, image), run_outputs(after, image), strict=True):
            np.testing.assert_array_equal(a, b)


def kinds(graph):
    return [op.kind for op in graph.ops]


@pytest.mark.parametrize("num_classes", [1, 3])
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_head_is_found_in_every_layout(layout, dynamic, num_classes):
    """The outputs become the int8 scores and deltas; the anchors are those of the file.

    With three classes all parts have four columns: they are told apart by what they are made of.
    """
    graph, scores, deltas, anchors = detector(layout, num_classes, dynamic=dynamic)
    after, head = lower(graph, "m.tflite")
    verify(after)
    assert head.num_classes == num_classes
    assert head.num_anchors == graph.tensors[scores].shape[1]
    assert [after.tensors[i] for i in after.outputs] == [head.scores, head.deltas]
    assert head.scores.quantization == graph.tensors[scores].quantization
    assert head.deltas.quantization == graph.tensors[deltas].quantization
    if anchors is None:
        assert head.anchors is None
    else:
        np.testing.assert_array_equal(head.anchors, anchors)
        assert head.anchors.dtype == np.float32
    assert not {"DEQUANTIZE", "TILE", "PAD", "QUANTIZE"} & set(kinds(after)) - {"QUANTIZE"}
    image = image_for(graph)
    expected = run(fold_constants(graph), image)
    folded = fold_constants(graph)
    names = [graph.tensors[i].name for i in (scores, deltas)]
    for name, found in zip(names, run_outputs(after, image), strict=True):
        index = next(i for i, t in enumerate(folded.tensors) if t.name == name)
        np.testing.assert_array_equal(found, expected[index])


def test_a_network_without_a_softmax_is_no_detector():
    graph, scores, _, _ = detector("si di")
    softmax = graph.ops[graph.producers()[scores]]
    graph = replace(graph, outputs=(softmax.inputs[0], graph.outputs[1]))
    with pytest.raises(ModelFileError, match="0 of its outputs come from a softmax"):
        lower(graph, "m.tflite")


@pytest.mark.parametrize("outputs", [slice(0, 1), slice(0, 0)])
def test_another_number_of_outputs_is_no_detector(outputs):
    graph, *_ = detector("sf df af")
    graph = replace(graph, outputs=graph.outputs[outputs] + graph.outputs[:1] * 3)
    with pytest.raises(ModelFileError, match="its outputs are not those of a detector"):
        cut_detector_head(graph, "m.tflite")


def test_a_plain_network_is_no_detector():
    with pytest.raises(
        ModelFileError, match=r"its outputs are not those of a detector \(int8 1x3x4, int8"
    ):
        lower(every_operator(), "m.tflite")
    with pytest.raises(ModelFileError, match="2 of its outputs come from a softmax"):
        lower(replace(every_operator(), outputs=every_operator().outputs[:1] * 2), "m.tflite")


def test_int8_anchors_without_a_scale_are_no_anchors():
    graph, *_ = detector("ai df sf")
    tensors = list(graph.tensors)
    index = graph.outputs[0]
    tensors[index] = replace(tensors[index], quantization=None)
    with pytest.raises(ModelFileError, match="not those of a detector"):
        lower(replace(graph, tensors=tuple(tensors)), "m.tflite")


def test_anchors_that_depend_on_the_image_are_refused():
    """A sub-graph that cannot be computed beforehand is named."""
    graph, *_ = detector("sf df af", dynamic=True)
    shape = next(op for op in graph.ops if op.kind == "SHAPE")
    slices = next(op for op in graph.ops if op.kind == "STRIDED_SLICE")
    assert slices.inputs[0] == shape.outputs[0]
    ops = tuple(op for op in graph.ops if op is not shape)
    broken = replace(graph, ops=ops, inputs=(*graph.inputs, shape.outputs[0]))
    with pytest.raises(ModelFileError, match="not those of a detector"):
        lower(broken, "m.tflite")


def test_a_repetition_to_gigabytes_is_not_computed():
    """TILE of one row to 2**27 numbers is left as it is, and allocates nothing."""
    graph, *_ = detector("sf df af", dynamic=True)
    tile = next(op for op in graph.ops if op.kind == "TILE")
    tensors = list(graph.tensors)
    index = tile.outputs[0]
    tensors[index] = replace(tensors[index], shape=(2**20, *tensors[index].shape[1:]))
    bomb = replace(graph, tensors=tuple(tensors))
    assert "TILE" in kinds(fold_constants(bomb))


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D"])
@settings(max_examples=15)
@given(
    paddings=st.tuples(*[st.integers(0, 2)] * 4),
    padding=st.sampled_from(["SAME", "VALID"]),
    stride=st.integers(1, 3),
    seed=st.integers(0, 999),
)
def test_padding_is_folded_exactly(kind, paddings, padding, stride, seed):
    """PAD and window give what the window with explicit padding gives."""
    net = NetworkBuilder(seed)
    top, bottom, left, right = paddings
    x = net.conv(net.image(7, 9, dtype="int8"), 4)
    net.tensors[x] = replace(net.tensors[x], quantization=Quantization((0.05,), (-128,)))
    y = net.pad(x, (0, 0), (top, bottom), (left, right), (0, 0))
    options = {"padding": padding, "stride_height": stride, "stride_width": stride}
    if kind == "CONV_2D":
        y = net.conv(y, 5, (3, 2), **options)
    elif kind == "DEPTHWISE_CONV_2D":
        y = net.depthwise(y, (3, 3), 2, **options)
    else:
        y = net.pool(y, kind, (4, 5), (stride, stride), padding=padding)
    graph = net.graph(y)
    after = fold_padding(graph)
    assert kinds(after) == ["CONV_2D", kind] or kind == "MAX_POOL_2D"
    assert_same_outputs(graph, after, 1)


def test_chains_of_padding_are_folded():
    net = NetworkBuilder(2)
    x = net.pad(net.image(6, 5, dtype="int8"), (0, 0), (1, 0), (0, 2), (0, 0))
    x = net.pad(x, (0, 0), (0, 1), (1, 0), (0, 0))
    graph = net.graph(net.conv(x, 3, (3, 3)))
    after = fold_padding(graph)
    assert kinds(after) == ["CONV_2D"]
    assert after.ops[0].options == ConvOptions(padding=(1, 1, 1, 2))
    assert_same_outputs(graph, after)


def test_padding_that_others_read_stays_for_them():
    net = NetworkBuilder(2)
    x = net.pad(net.image(6, 5, dtype="int8"), (0, 0), (1, 0), (0, 2), (0, 0))
    graph = net.graph(net.conv(x, 3, (3, 3)), net.pool(x, "AVERAGE_POOL_2D"))
    after = fold_padding(graph)
    assert sorted(kinds(after)) == ["AVERAGE_POOL_2D", "CONV_2D", "PAD"]
    assert_same_outputs(graph, after)


@pytest.mark.parametrize(("kind", "zero_point"), [("MAX_POOL_2D", 3), ("AVERAGE_POOL_2D", -128)])
def test_padding_in_front_of_other_poolings_stays(kind, zero_point):
    """An average counts padded pixels; a maximum sees a zero point that is not the lowest."""
    net = NetworkBuilder(2)
    x = net.conv(net.image(6, 5, dtype="int8"), 3)
    net.tensors[x] = replace(net.tensors[x], quantization=Quantization((0.05,), (zero_point,)))
    x = net.pad(x, (0, 0), (1, 0), (0, 1), (0, 0))
    graph = net.graph(net.pool(x, kind))
    assert kinds(fold_padding(graph)) == kinds(graph)


def test_padded_channels_stay():
    net = NetworkBuilder(2)
    x = net.pad(net.image(6, 5, dtype="int8"), (0, 0), (1, 0), (0, 1), (0, 1))
    graph = net.graph(net.conv(x, 3, (2, 2)))
    assert kinds(fold_padding(graph)) == ["PAD", "CONV_2D"]


def test_the_uint8_image_is_read_directly():
    """QUANTIZE by 128 disappears; the sums of the first layer stay the same."""
    net = NetworkBuilder(4)
    x = net.quantize(net.image(9, 7))
    options = {"padding": "SAME", "stride_height": 2, "stride_width": 2}
    graph = net.graph(net.conv(x, 5, (3, 3), **options), net.depthwise(x, padding="SAME"))
    after = fold_input_type(graph)
    assert kinds(after) == ["CONV_2D", "DEPTHWISE_CONV_2D"]
    assert after.tensors[after.ops[0].inputs[0]].dtype == "uint8"
    assert_same_outputs(graph, after)


@pytest.mark.parametrize("changes", [{"scale": 0.01}, {"zero_point": 5}])
def test_a_quantize_that_changes_values_stays(changes):
    net = NetworkBuilder(4)
    graph = net.graph(net.conv(net.quantize(net.image(5, 7), **changes), 3))
    assert kinds(fold_input_type(graph)) == ["QUANTIZE", "CONV_2D"]


def test_what_changes_nothing_is_removed():
    net = NetworkBuilder(5)
    x = net.conv(net.image(6, 4, dtype="int8"), 4)
    unread = net.conv(x, 2)
    x = net.reshape(net.reshape(net.reshape(x, 1, 24, 4), 1, 4, 24), 1, 6, 4, 4)
    x = net.pad(x, (0, 0), (0, 0), (0, 0), (0, 0))
    x = net.concat([x], 3)
    x = net.copy_of_codes(x, x)
    x = net.pool(x, "AVERAGE_POOL_2D", (1, 1), (1, 1))
    graph = net.graph(net.reshape(net.conv(x, 3), 1, 24, 3))
    after = remove_no_ops(graph)
    assert unread
    assert kinds(after) == ["CONV_2D", "CONV_2D", "RESHAPE"]
    assert len(after.tensors) == 1 + 3 * 2 + 1
    assert_same_outputs(graph, after)


def test_what_changes_something_stays():
    net = NetworkBuilder(5)
    x = net.conv(net.image(6, 4, dtype="int8"), 4)
    x = net.pool(x, "MAX_POOL_2D", (1, 1), (1, 1), activation="RELU")
    x = net.quantize(x, zero_point=1)
    graph = net.graph(net.concat([x, x], 3))
    assert kinds(remove_no_ops(graph)) == kinds(graph)
    assert isinstance(graph.ops[1].options, PoolOptions)


def test_float_inside_of_the_network_is_refused():
    """DEQUANTIZE and back between two layers is no tail that could be cut."""
    graph, scores, *_ = detector("sf df")
    deltas = graph.outputs[1]
    net_op = graph.ops[graph.producers()[deltas]]
    shape = graph.tensors[deltas].shape
    tensor = replace(graph.tensors[net_op.inputs[0]], name="again", shape=shape)
    again = replace(net_op, kind="QUANTIZE", name="again", inputs=(deltas,))
    tensors = (*graph.tensors, tensor)
    again = replace(again, outputs=(len(graph.tensors),))
    broken = replace(
        graph,
        tensors=tensors,
        ops=(*graph.ops, again),
        outputs=(graph.outputs[0], len(tensors) - 1),
    )
    assert scores
    with pytest.raises(UnsupportedOpsError, match="float32"):
        lower(broken, "m.tflite")


def test_quantizing_constants_follows_tflite():
    """float32 anchors to int8: halves away from zero, then the zero point, then the range."""
    net = NetworkBuilder(1)
    net.image(4, 4)
    values = np.array([[0.5, -0.5, 1.5, 1e30, -1e30, 0.24]], np.float32)
    net.tensors.append(replace(net.tensors[0], name="real", shape=(1, 6), dtype="float32"))
    net.tensors[-1] = replace(net.tensors[-1], quantization=None, data=read_only(values))
    x = net._append("QUANTIZE", (1,), detector()[0].ops[0].options, Quantization((1.0,), (3,)))
    folded = fold_constants(net.graph(x))
    np.testing.assert_array_equal(folded.tensors[folded.outputs[0]].data, [[4, 2, 5, 127, -128, 3]])


def test_reading_and_passes_agree_with_the_file(tmp_path):
    """The whole way from bytes to the integer network keeps scores and deltas."""
    from tests.compiler.tflite_writer import write_tflite

    del tmp_path
    graph, *_ = detector("joined", 3, dynamic=True)
    content = write_tflite(graph)
    after, head = lower(read_tflite(content, "m.tflite"), "m.tflite")
    image = image_for(graph)
    found = run_outputs(after, image)
    joined = run_outputs(fold_constants(graph), image)[0]
    scores = head.scores.scale * (found[0].astype(np.float64) - head.scores.zero_point)
    deltas = head.deltas.scale * (found[1].astype(np.float64) - head.deltas.zero_point)
    expected = np.concatenate([scores, deltas, head.anchors[None]], axis=2).astype(np.float32)
    np.testing.assert_array_equal(joined, expected)
