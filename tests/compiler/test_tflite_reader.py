"""Reading .tflite files: what is read, and how the rest is refused."""

import struct
from dataclasses import replace

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.compiler.network_builder import NetworkBuilder
from tests.compiler.sample_networks import detector, every_operator, graph_equals
from tests.compiler.tflite_writer import write_tflite
from tinydet.compiler.ir import read_only, verify
from tinydet.compiler.tflite_reader import read_tflite
from tinydet.errors import ModelFileError, UnsupportedOpsError


def changed(content, change):
    """The file with a change made to its ``ModelT``."""
    model = schema.ModelT.InitFromPackedBuf(bytearray(content))
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.fixture(scope="module")
def content():
    return write_tflite(every_operator())


@pytest.mark.parametrize(
    "graph",
    [every_operator(), detector()[0], detector("ai df su", dynamic=True)[0]],
    ids=["every operator", "joined", "dynamic anchors"],
)
def test_a_written_graph_is_read_back(graph):
    """read(write(graph)) == graph, including options, scales and every constant."""
    verify(graph)
    assert graph_equals(read_tflite(write_tflite(graph), "m.tflite"), graph)


def test_constants_are_views_of_the_file(content):
    """Nothing is allocated by what the file claims: constants are read-only views."""
    graph = read_tflite(content, "m.tflite")
    constants = [t.data for t in graph.tensors if t.data is not None]
    assert constants
    for data in constants:
        assert not data.flags.writeable
        assert not data.flags.owndata


@pytest.mark.parametrize("size", [0, 3, 7, 8, 9, 20, 100, 1000])
def test_truncated_files_are_refused(content, size):
    with pytest.raises(ModelFileError):
        read_tflite(content[:size], "m.tflite")


def test_other_files_are_told_apart():
    with pytest.raises(
        ModelFileError, match=r"^x.png: is not a .tflite file\. Give a .tflite file\.$"
    ):
        read_tflite(b"\x89PNG\r\n\x1a\n" + bytes(100), "x.png")


def test_all_unsupported_operators_are_listed_at_once(content):
    """One message names every kind with its places and what to do."""

    def change(model):
        for code in model.operatorCodes:
            if code.builtinCode == schema.BuiltinOperator.LOGISTIC:
                code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.HARD_SWISH
            if code.builtinCode == schema.BuiltinOperator.MEAN:
                code.builtinCode = schema.BuiltinOperator.CUSTOM
                code.customCode = b"TFLite_Detection_PostProcess"
                code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM

    with pytest.raises(UnsupportedOpsError) as caught:
        read_tflite(changed(content, change), "m.tflite")
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("m.tflite: HARD_SWISH at logistic ")
    assert lines[0].endswith(": is not supported. Train with relu6.")
    assert "CUSTOM TFLite_Detection_PostProcess at mean " in lines[1]
    assert len(caught.value.findings) == 2


def test_equal_findings_share_a_line(content):
    """Two MAX_POOL of another scale and a grouped convolution make two lines."""

    def change(model):
        graph = model.subgraphs[0]
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex].builtinCode
            if code == schema.BuiltinOperator.CONV_2D:
                operator.builtinOptions.fusedActivationFunction = 4

    with pytest.raises(UnsupportedOpsError) as caught:
        read_tflite(changed(content, change), "m.tflite")
    (line,) = str(caught.value).splitlines()
    assert "the fused activation TANH. Use relu6" in line
    assert line.count("conv_2d ") == 3


@pytest.mark.parametrize(
    ("kind", "change", "found"),
    [
        ("PAD", lambda t: t.quantization.zeroPoint.__setitem__(0, 5), "a change of scale"),
        ("ADD", lambda t: t.quantization.scale.__setitem__(0, 1e-9), "too far apart"),
        ("CONV_2D", lambda t: t.quantization.scale.__setitem__(0, 1e-12), "bias of another scale"),
        ("SOFTMAX", lambda t: t.quantization.scale.__setitem__(0, 0.5), "an output of the scale"),
        ("MUL", lambda t: setattr(t, "type", schema.TensorType.FLOAT32), "float32 values"),
    ],
)
def test_broken_constraints_are_findings(content, kind, change, found):
    """A change to an operator's output breaks its constraint, and the message says which."""

    def on_first(model):
        graph = model.subgraphs[0]
        code = getattr(schema.BuiltinOperator, kind)
        operator = next(
            o for o in graph.operators if model.operatorCodes[o.opcodeIndex].builtinCode == code
        )
        change(graph.tensors[operator.outputs[0]])

    with pytest.raises(UnsupportedOpsError, match=found):
        read_tflite(changed(content, on_first), "m.tflite")


@pytest.mark.parametrize(("bias", "fits"), [(2**31 - 1 - 2**16, True), (2**31 - 1, False)])
def test_sums_that_may_overflow_are_refused(bias, fits):
    """The largest bias that leaves room for 255 * sum |weights| is taken, a larger one is not."""
    net = NetworkBuilder(1)
    x = net.conv(net.image(4, 4, dtype="int8"), 1)
    index = net.ops[0].inputs[2]
    data = read_only(np.array([bias], np.int32))
    net.tensors[index] = replace(net.tensors[index], data=data)
    content = write_tflite(net.graph(x))
    if fits:
        read_tflite(content, "m.tflite")
        return
    with pytest.raises(UnsupportedOpsError, match="sums that may overflow 32 bits"):
        read_tflite(content, "m.tflite")


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.subgraphs.append(m.subgraphs[0]),
        lambda m: setattr(m, "version", 2),
        lambda m: m.subgraphs[0].operators.reverse(),
        lambda m: m.subgraphs[0].operators.append(m.subgraphs[0].operators[0]),
        lambda m: setattr(m.subgraphs[0].operators[1], "opcodeIndex", 99),
        lambda m: m.subgraphs[0].operators[1].inputs.__setitem__(0, 10**6),
        lambda m: m.subgraphs[0].operators[1].inputs.__setitem__(0, -7),
        lambda m: m.subgraphs[0].outputs.__setitem__(0, 2**31 - 1),
        lambda m: m.subgraphs[0].tensors[1].shape.__setitem__(1, 2**31 - 1),
        lambda m: m.subgraphs[0].tensors[1].shape.__setitem__(1, -1),
        lambda m: setattr(m.subgraphs[0].tensors[2], "shape", np.array([2**30] * 8, np.int32)),
        lambda m: setattr(m.subgraphs[0].tensors[2], "buffer", 4000),
        lambda m: setattr(m.subgraphs[0].tensors[2], "shape", np.ones(9, np.int32)),
        lambda m: setattr(m.buffers[1], "data", m.buffers[1].data[:-1]),
        lambda m: m.subgraphs[0].tensors[1].quantization.scale.__setitem__(0, np.nan),
        lambda m: m.subgraphs[0].tensors[1].quantization.zeroPoint.__setitem__(0, 2**40),
        lambda m: setattr(m.subgraphs[0].operators[1].builtinOptions, "strideH", 0),
        lambda m: setattr(m.subgraphs[0].operators[1].builtinOptions, "dilationHFactor", -1),
    ],
)
def test_contradictions_are_refused(content, change):
    """Wrong indices, cycles, absurd shapes and overflows are no files to compile."""
    with pytest.raises(ModelFileError):
        read_tflite(changed(content, change), "m.tflite")


def test_a_bomb_of_references_is_refused_fast():
    """Many tensors that all have the one long name cost no more than the file is long."""
    builder = flatbuffers.Builder(1024)
    name = builder.CreateString("n" * 1000)
    schema.TensorStart(builder)
    schema.TensorAddName(builder, name)
    tensor = schema.TensorEnd(builder)
    schema.SubGraphStartTensorsVector(builder, 20_000)
    for _ in range(20_000):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    graph = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, 1)
    builder.PrependUOffsetTRelative(graph)
    graphs = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddVersion(builder, 3)
    schema.ModelAddSubgraphs(builder, graphs)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    with pytest.raises(ModelFileError, match="over and over"):
        read_tflite(bytes(builder.Output()), "m.tflite")


def test_a_vtable_outside_of_the_file_is_refused(content):
    """The root table's own pointer to its vtable leads far away, forwards and backwards."""
    (root,) = struct.unpack_from("<I", content, 0)
    for offset in (2**31 - 1, -(2**31), len(content)):
        broken = bytearray(content)
        struct.pack_into("<i", broken, root, offset)
        with pytest.raises(ModelFileError, match="is damaged"):
            read_tflite(bytes(broken), "m.tflite")
