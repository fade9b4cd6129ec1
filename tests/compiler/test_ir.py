"""The graph's own rules."""

from dataclasses import replace

import numpy as np
import pytest

from tests.compiler.network_builder import NetworkBuilder
from tests.compiler.sample_networks import every_operator
from tinydet.compiler.ir import Quantization, ReshapeOptions, Tensor, verify, window_padding
from tinydet.errors import CompilerError


def test_a_sound_graph_is_accepted():
    verify(every_operator())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: replace(t, shape=(1, 5, 5, 8)), "gives the shape"),
        (lambda t: replace(t, shape=(1, 0, 5, 8)), "has the shape"),
        (lambda t: replace(t, shape=(2**20,) * 4), "elements, more than"),
        (lambda t: replace(t, dtype="complex64"), "unknown type"),
        (lambda t: replace(t, quantization=Quantization((0.0,), (0,))), "not a positive number"),
        (lambda t: replace(t, quantization=Quantization((0.1,), (200,))), "outside of int8"),
        (lambda t: replace(t, quantization=Quantization((0.1, 0.2), (0,))), "2 scales and 1 zero"),
        (lambda t: replace(t, data=np.zeros(t.shape, np.int8)), "can be written to"),
    ],
)
def test_a_broken_tensor_is_found(change, problem):
    graph = every_operator()
    tensors = list(graph.tensors)
    index = graph.ops[1].outputs[0]
    tensors[index] = change(tensors[index])
    with pytest.raises(CompilerError, match=problem):
        verify(replace(graph, tensors=tuple(tensors)))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda ops: ops[::-1], "before it is computed"),
        (lambda ops: (*ops, ops[0]), "which is known already"),
        (lambda ops: (replace(ops[0], name=ops[1].name), *ops[1:]), "two operators have the name"),
        (lambda ops: (ops[0], replace(ops[1], options=ReshapeOptions()), *ops[2:]), "Reshape"),
        (lambda ops: ops[:-1], "is never computed"),
        (lambda ops: (replace(ops[0], inputs=(9999,)), *ops[1:]), "refers to tensor 9999"),
        (lambda ops: (ops[0], replace(ops[1], inputs=ops[1].inputs[:1]), *ops[2:]), "needs 2"),
    ],
)
def test_a_broken_order_is_found(change, problem):
    graph = every_operator()
    with pytest.raises(CompilerError, match=problem):
        verify(graph.with_ops(change(graph.ops)))


def test_an_input_without_dimensions_is_found():
    """A depthwise convolution of a scalar is a problem, not a crash."""
    net = NetworkBuilder()
    x = net.depthwise(net.image(5, 5, dtype="int8"))
    net.tensors[0] = replace(net.tensors[0], shape=())
    with pytest.raises(CompilerError, match="instead of four dimensions"):
        verify(net.graph(x))


def test_all_problems_are_listed():
    graph = every_operator()
    with pytest.raises(CompilerError) as caught:
        verify(graph.with_ops((*graph.ops, graph.ops[0], graph.ops[1])))
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    ("size", "filter_size", "stride", "expected"),
    [
        ((192, 192), (3, 3), 2, (0, 1, 0, 1)),
        ((13, 7), (3, 3), 2, (1, 1, 1, 1)),
        ((10, 9), (4, 5), 1, (1, 2, 2, 2)),
        ((5, 6), (1, 1), 2, (0, 0, 0, 0)),
    ],
)
def test_same_padding(size, filter_size, stride, expected):
    """TFLite's SAME: the smaller half before; golden values."""
    net = NetworkBuilder()
    options = {"padding": "SAME", "stride_height": stride, "stride_width": stride}
    net.conv(net.image(*size, dtype="int8"), 2, filter_size, **options)
    graph = net.graph()
    assert window_padding(graph, graph.ops[0]) == expected


def test_a_tensor_knows_its_size():
    tensor = Tensor("t", (1, 3, 5), "int32", Quantization((0.5,), (3,)))
    assert (tensor.num_elements, tensor.size_bytes) == (15, 60)
    assert (tensor.scale, tensor.zero_point) == (0.5, 3)
    with pytest.raises(ValueError, match="not quantized as a whole"):
        _ = replace(tensor, quantization=None).scale
