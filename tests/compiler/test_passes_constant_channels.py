"""Removing constant channels changes no output, and its checker finds what would."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.network_builder import NetworkBuilder
from tests.compiler.reference_interpreter import run, run_outputs
from tests.compiler.sample_networks import image_for, network_with_constant_channels
from tinydet.compiler.ir import read_only, verify
from tinydet.compiler.passes.constant_channels import eliminate_constant_channels
from tinydet.compiler.passes.constant_channels.bounds import value_bounds
from tinydet.compiler.passes.constant_channels.checker import check_removal
from tinydet.compiler.passes.constant_channels.elimination import remove_constant_channels
from tinydet.compiler.passes.constant_channels.intervals import channel_intervals
from tinydet.errors import CompilerError

SEEDS = st.integers(0, 10**6)


def images(graph):
    """Random ones, and the extremes at which bounds are reached."""
    shape, dtype = graph.tensors[graph.inputs[0]].shape, np.uint8
    rng = np.random.default_rng(7)
    yield from (image_for(graph, seed) for seed in range(3))
    yield np.zeros(shape, dtype)
    yield np.full(shape, 255, dtype)
    yield (rng.integers(0, 2, shape) * 255).astype(dtype)


@settings(max_examples=25)
@given(seed=SEEDS)
def test_outputs_stay_bit_for_bit(seed):
    graph = network_with_constant_channels(seed)
    verify(graph)
    after = eliminate_constant_channels(graph)
    verify(after)
    for image in images(graph):
        for a, b in zip(run_outputs(graph, image), run_outputs(after, image), strict=True):
            np.testing.assert_array_equal(a, b)


def test_something_is_removed():
    """The law above is not empty: most of these networks lose weights."""
    sizes = []
    for seed in range(10):
        graph = network_with_constant_channels(seed)
        after = eliminate_constant_channels(graph)
        sizes.append(
            [sum(t.size_bytes for t in g.tensors if t.data is not None) for g in (graph, after)]
        )
    smaller = [after < 0.8 * before for before, after in sizes]
    assert sum(smaller) >= 8


@settings(max_examples=20)
@given(seed=SEEDS)
def test_values_stay_within_the_bounds(seed):
    """Every value that an image causes lies within both analyses' bounds."""
    graph = network_with_constant_channels(seed)
    intervals, bounds = channel_intervals(graph), value_bounds(graph)
    for image in images(graph):
        values = run(graph, image)
        for op in graph.ops:
            index = op.outputs[0]
            flat = values[index].reshape(-1, values[index].shape[-1]).astype(int)
            low, high = flat.min(axis=0), flat.max(axis=0)
            assert (low >= intervals[index].low).all()
            assert (high <= intervals[index].high).all()
            assert (low >= [b[0] for b in bounds[index]]).all()
            assert (high <= [b[1] for b in bounds[index]]).all()


@settings(max_examples=10)
@given(seed=SEEDS)
def test_both_analyses_agree(seed):
    """Two implementations without common code give the same bounds, channel by channel."""
    graph = network_with_constant_channels(seed)
    intervals, bounds = channel_intervals(graph), value_bounds(graph)
    for op in graph.ops:
        index = op.outputs[0]
        pairs = zip(intervals[index].low, intervals[index].high, strict=True)
        assert [(int(a), int(b)) for a, b in pairs] == bounds[index], op.name


def removal(seed=3):
    graph = network_with_constant_channels(seed)
    after, removed = remove_constant_channels(graph)
    assert removed
    check_removal(graph, after, removed)
    return graph, after, removed


def test_the_checker_finds_a_wrong_value():
    graph, after, removed = removal()
    position = next(i for i, r in enumerate(removed) if r.value is not None)
    wrong = replace(removed[position], value=removed[position].value + 1)
    with pytest.raises(CompilerError, match="not always"):
        check_removal(graph, after, (*removed[:position], wrong, *removed[position + 1 :]))


def test_the_checker_finds_a_channel_that_is_read():
    """Every channel with several values is claimed to be unread: some are read."""
    graph, after, removed = removal()
    everything = [replace(record, value=None) for record in removed]
    with pytest.raises(CompilerError, match="which was removed"):
        check_removal(graph, after, everything)


@pytest.mark.parametrize("position", [1, 2])
def test_the_checker_finds_a_changed_number(position):
    """One weight or one bias that is off by one."""
    graph, after, removed = removal()
    old = {op.name: op for op in graph.ops}
    op = next(o for o in after.ops if o.kind == "CONV_2D" and o.inputs != old[o.name].inputs)
    tensors = list(after.tensors)
    index = op.inputs[position]
    data = np.array(tensors[index].data)
    data.flat[0] += 1 if data.flat[0] < 100 else -1
    tensors[index] = replace(tensors[index], data=read_only(data))
    with pytest.raises(CompilerError, match=["weights", "bias"][position - 1]):
        check_removal(graph, replace(after, tensors=tuple(tensors)), removed)


def test_the_checker_finds_a_lost_channel():
    """A record that is missing: the graph after has fewer channels than are accounted for."""
    graph, after, removed = removal()
    with pytest.raises(CompilerError):
        check_removal(graph, after, removed[1:])


def test_padding_that_sees_a_constant_keeps_it():
    """A 3x3 convolution with padding sees 0 beside a channel that is always 5: it must stay."""
    net = NetworkBuilder(1)
    x = net.conv(net.image(6, 5), 4)
    weights, bias = net.ops[-1].inputs[1:3]
    for index, value in ((weights, 0), (bias, 100_000)):
        data = np.array(net.tensors[index].data)
        data[1] = value
        net.tensors[index] = replace(net.tensors[index], data=read_only(data))
    edge = net.graph(net.conv(x, 3, (3, 3), padding="SAME"))
    inside = net.graph(net.conv(x, 3, (3, 3)))
    assert not remove_constant_channels(replace(edge, ops=edge.ops[:2]))[1]
    kept = replace(inside, ops=(inside.ops[0], inside.ops[2]))
    (record,) = remove_constant_channels(kept)[1]
    assert (record.channel, record.value) == (1, 127)


def test_a_network_without_bias_gets_one():
    net = NetworkBuilder(1)
    x = net.conv(net.image(6, 5), 4)
    weights, bias = net.ops[-1].inputs[1:3]
    for index, value in ((weights, 0), (bias, 100_000)):
        data = np.array(net.tensors[index].data)
        data[2] = value
        net.tensors[index] = replace(net.tensors[index], data=read_only(data))
    graph = net.graph(net.conv(x, 3, bias=False))
    after = eliminate_constant_channels(graph)
    assert after.tensors[after.ops[1].inputs[2]].dtype == "int32"
    image = image_for(graph)
    np.testing.assert_array_equal(run_outputs(graph, image)[0], run_outputs(after, image)[0])
