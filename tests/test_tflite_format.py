"""A damaged file is refused before LiteRT, which it would end, sees it."""

from contextlib import suppress

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.inference.conftest import TinyDetector
from tinydet.errors import ModelFileError
from tinydet.inference import read_facts
from tinydet.pretrained import pretrained_model
from tinydet.tflite_format import MalformedError, check_structure


def damaged(content, change):
    """The content with a change to the model that it holds."""
    model = schema.ModelT.InitFromPackedBuf(content)
    change(model, model.subgraphs[0])
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def set_code(_, graph):
    graph.operators[0].opcodeIndex = 58888


def set_input(_, graph):
    graph.operators[0].inputs = np.array([999], np.int32)


def set_output(_, graph):
    graph.outputs = np.array([-1], np.int32)


def set_buffer(_, graph):
    graph.tensors[0].buffer = 4000


def shorten(model, _):
    longest = max(model.buffers, key=lambda buffer: 0 if buffer.data is None else len(buffer.data))
    longest.data = longest.data[:-4]


def set_shape(_, graph):
    graph.tensors[0].shape = np.array([2**30, 2**30], np.int32)


def quantized(graph):
    return next(t for t in graph.tensors if t.quantization is not None and t.quantization.scale)


def set_zero_point(_, graph):
    quantized(graph).quantization.zeroPoint = [-53035]


def set_scales(_, graph):
    tensor = quantized(graph)
    tensor.quantization.scale, tensor.quantization.zeroPoint = [0.1] * 7, [0] * 7


def set_zero_points(_, graph):
    quantized(graph).quantization.zeroPoint = [0, 0]


def reshape_target(model, graph):
    reshape = next(op for op in graph.operators if op.builtinOptions is None)
    return model.buffers[graph.tensors[reshape.inputs[1]].buffer]


def set_negative_size(model, graph):
    reshape_target(model, graph).data = np.array([-52993, 48], "<i4").view(np.uint8)


def set_large_size(model, graph):
    reshape_target(model, graph).data = np.array([2**20, 2**20], "<i4").view(np.uint8)


def set_output_twice(_, graph):
    graph.operators[-1].outputs = graph.operators[0].outputs


def pool(graph):
    pools = schema.BuiltinOptions.Pool2DOptions
    return next(op.builtinOptions for op in graph.operators if op.builtinOptionsType == pools)


def set_window(_, graph):
    pool(graph).filterHeight = 2**24


def set_window_of_many(_, graph):
    pool(graph).filterHeight = pool(graph).filterWidth = 2**12


def set_stride(_, graph):
    pool(graph).strideW = 0


def operator_of(model, graph, builtin):
    return next(
        o for o in graph.operators if model.operatorCodes[o.opcodeIndex].builtinCode == builtin
    )


def drop_input(model, graph):
    """XNNPACK reads the fourth input of a STRIDED_SLICE before it counts them."""
    operator = operator_of(model, graph, schema.BuiltinOperator.STRIDED_SLICE)
    operator.inputs = operator.inputs[:3]


def unset_input(model, graph):
    operator = operator_of(model, graph, schema.BuiltinOperator.FULLY_CONNECTED)
    operator.inputs = [operator.inputs[0], -1, -1]


def set_scale_of(value):
    def change(_, graph):
        quantized(graph).quantization.scale = [value]

    return change


def set_late_input(_, graph):
    graph.operators[0].inputs = graph.operators[-1].outputs


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_code, "operator code 58888 of"),
        (set_input, "tensor 999 of"),
        (set_output, "tensor -1 of"),
        (set_buffer, "buffer 4000 of"),
        (shorten, "for a tensor that needs"),
        (set_zero_point, "a zero point of -53035 in uint8"),
        (set_scales, "7 scales for a tensor of the shape"),
        (set_zero_points, "1 scales, but 2 zero points"),
        (set_negative_size, "a RESHAPE to a size of -52993"),
        (set_large_size, f"a RESHAPE to {2**40} elements"),
        (set_output_twice, "computes tensor 1 twice"),
        (set_window, f"window of {2**24}"),
        (set_window_of_many, f"a window of {2**24} pixels in AVERAGE_POOL_2D"),
        (set_stride, "stride, dilation or window of 0"),
        (set_late_input, "before it is computed"),
        (set_shape, "elements"),
        *(
            (set_scale_of(v), f"a scale of {v:.3g}".split("+")[0])
            for v in (0.0, -1.0, np.inf, np.nan, 1e35)
        ),
        (drop_input, "a STRIDED_SLICE without its 4 inputs"),
        (unset_input, "a FULLY_CONNECTED without its 2 inputs"),
    ],
)
def test_what_refers_to_nothing_is_refused(tmp_path, change, said):
    path = TinyDetector(dynamic=True).save(tmp_path / "tiny.tflite")
    check_structure(path.read_bytes())
    path.write_bytes(damaged(path.read_bytes(), change))
    with pytest.raises(ModelFileError, match=f"is damaged .*{said}"):
        read_facts(path)


def test_a_sound_file_passes():
    check_structure(pretrained_model("person_192").read_bytes())


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_any_bytes_are_judged_without_another_error(tmp_path, seed):
    content = bytearray(TinyDetector().save(tmp_path / "tiny.tflite").read_bytes())
    rng = np.random.default_rng(seed)
    for place in rng.integers(-3000, 3000, 4):
        content[place] = rng.integers(0, 256)
    with suppress(MalformedError):
        check_structure(bytes(content))
