"""Another order of the operators: one that can run, in which large tensors wait less."""

from hypothesis import given, settings

from tests.compiler.network_builder import NetworkBuilder
from tests.compiler.random_networks import networks
from tinydet.compiler.ir import verify
from tinydet.compiler.schedule import late_order


@given(graph=networks())
@settings(max_examples=30)
def test_the_order_can_run_and_leaves_nothing_out(graph):
    ordered = late_order(graph)
    verify(ordered)
    assert sorted(op.name for op in ordered.ops) == sorted(op.name for op in graph.ops)
    assert (ordered.inputs, ordered.outputs) == (graph.inputs, graph.outputs)


def test_an_upsampled_map_is_made_when_it_is_needed():
    net = NetworkBuilder(0)
    low = net.conv(net.image(6, 6), 8)
    up = net.resize(low, 12, 12)
    head = net.conv(net.depthwise(low, padding="SAME"), 8)
    tap = net.resize(net.conv(head, 8), 12, 12)
    ordered = late_order(net.graph(net.add(up, tap)))
    outputs = [op.outputs[0] for op in ordered.ops]
    assert outputs.index(up) > outputs.index(head)
