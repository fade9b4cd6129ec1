"""A uint8 network of TensorFlow 1, read as int8, gives what LiteRT's reference kernels give."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler import reference_interpreter
from tests.inference.conftest import OP, Graph, T
from tinydet.compiler.tflite_reader import read_tflite
from tinydet.errors import UnsupportedOpsError

SIDE = 11
PROBABILITIES = (1 / 256, 0)


class Unsigned:
    """A network of uint8 codes, layer by layer; weights use all nine bits."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.graph = Graph()
        self.last = self.image = self.codes((1, SIDE, SIDE + 2, 3), (0.0078125, 128))
        self.graph.graph.inputs = [self.image]

    def codes(self, shape, code):
        return self.graph.tensor(shape, T.UINT8, code=code)

    def of(self, index):
        tensor = self.graph.graph.tensors[index]
        [scale], [zero_point] = tensor.quantization.scale, tensor.quantization.zeroPoint
        return tuple(tensor.shape), float(np.float32(scale)), zero_point

    def layer(self, source, channels, size=3, stride=1, activation=3, *, depthwise=False):
        (_, height, width, depth), scale, _ = self.of(source)
        channels = depth if depthwise else channels
        shape = (1, size, size, channels) if depthwise else (channels, size, size, depth)
        zero_point = int(self.rng.integers(60, 196))
        values = np.clip(np.round(self.rng.normal(zero_point, 40, shape)), 0, 255)
        values.reshape(-1)[self.rng.integers(0, values.size, 3)] = (0, 255, 0)
        taps = size * size * (1 if depthwise else depth)
        weight_scale = float(np.float32(self.rng.uniform(0.5, 2) / 40 / np.sqrt(taps)))
        weights = self.graph.tensor(shape, T.UINT8, values, (weight_scale, zero_point))
        bias_code = (float(np.float32(scale * weight_scale)), 0)
        biases = self.rng.integers(-9, 9, channels) / bias_code[0] / 10
        bias = self.graph.tensor((channels,), T.INT32, biases, bias_code)
        result_code = (0.0235294122, 0) if activation else (self.rng.uniform(0.02, 0.09), 117)
        result = (1, -(-height // stride), -(-width // stride), channels)
        name = "DepthwiseConv2D" if depthwise else "Conv2D"
        options = getattr(schema, f"{name}OptionsT")(
            strideH=stride, strideW=stride, fusedActivationFunction=activation
        )
        options.dilationHFactor = options.dilationWFactor = 1
        if depthwise:
            options.depthMultiplier = 1
        kind = OP.DEPTHWISE_CONV_2D if depthwise else OP.CONV_2D
        inputs = [source, weights, bias]
        return self.graph.op(kind, inputs, self.codes(result, result_code), options)

    def reshape(self, source, *shape):
        _, *code = self.of(source)
        sides = self.graph.tensor((len(shape),), T.INT32, shape)
        return self.graph.op(OP.RESHAPE, [source, sides], self.codes(shape, code))

    def concat(self, parts, code):
        shape = list(self.of(parts[0])[0])
        shape[1] = sum(self.of(part)[0][1] for part in parts)
        options = schema.ConcatenationOptionsT(axis=1)
        return self.graph.op(OP.CONCATENATION, parts, self.codes(shape, code), options)

    def save(self, folder, *outputs):
        self.graph.graph.outputs = list(outputs)
        return self.graph.save(folder / "unsigned.tflite")


def detector(seed):
    """Two maps with heads of their own scales, joined, as SSD has them."""
    net = Unsigned(seed)
    x = net.layer(net.image, 6, stride=2)
    x = net.layer(x, 0, depthwise=True, stride=int(net.rng.integers(1, 3)))
    x = net.layer(x, 9, size=1)
    y = net.layer(net.layer(x, 0, depthwise=True, stride=2), 7, size=1)
    heads = [net.layer(m, 6, size=1, activation=0) for m in (x, y)]
    rows = [np.prod(net.of(head)[0][1:3]) for head in heads]
    scores = [net.reshape(h, 1, 2 * n, 3) for h, n in zip(heads, rows, strict=True)]
    joined = net.concat(scores, net.of(heads[0])[1:] if seed % 2 else (0.0731, 130))
    probabilities = net.graph.op(OP.LOGISTIC, [joined], net.codes(net.of(joined)[0], PROBABILITIES))
    return net, (probabilities, joined, x)


def by_litert(content, image):
    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_every_code_is_that_of_the_reference_kernels(tmp_path_factory, seed):
    net, outputs = detector(seed)
    content = net.save(tmp_path_factory.getbasetemp(), *outputs).read_bytes()
    image = net.rng.integers(0, 256, net.of(net.image)[0]).astype(np.uint8)
    graph = read_tflite(content, "unsigned.tflite")
    found = reference_interpreter.run_outputs(graph, image)
    for mine, expected in zip(found, by_litert(content, image), strict=True):
        assert mine.dtype == np.uint8
        np.testing.assert_array_equal(mine, expected)


def test_an_operator_without_a_form_in_int8_is_named(tmp_path):
    net = Unsigned(3)
    x = net.layer(net.image, 4)
    shape, *code = net.of(x)
    options = schema.Pool2DOptionsT(filterHeight=2, filterWidth=2, strideH=1, strideW=1)
    pooled = net.graph.op(OP.AVERAGE_POOL_2D, [x], net.codes(shape, code), options)
    content = net.save(tmp_path, pooled).read_bytes()
    with pytest.raises(UnsupportedOpsError, match="AVERAGE_POOL_2D at t4: uint8 values") as caught:
        read_tflite(content, "unsigned.tflite")
    assert "CONV_2D at" not in str(caught.value).replace("AVERAGE_POOL_2D at", "")


def test_a_change_of_scale_that_float32_cannot_compute(tmp_path):
    net, outputs = detector(3)
    net.graph.graph.tensors[outputs[1]].quantization.scale = [1e-38]
    content = net.save(tmp_path, *outputs).read_bytes()
    with pytest.raises(UnsupportedOpsError, match="a change of scale"):
        read_tflite(content, "unsigned.tflite")
