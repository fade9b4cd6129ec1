"""Tensors that share bytes, worked out by hand."""

from tests.compiler.network_builder import NetworkBuilder
from tinydet.compiler.schedule import make_flow
from tinydet.compiler.schedule.storages import Place, find_storages


def running(graph):
    """Kinds of the operators that run."""
    numbers = [step.number for step in make_flow(graph).steps[1:-1]]
    return [graph.ops[number - 1].kind for number in numbers]


def test_a_reshape_and_parts_of_a_joined_tensor_take_no_step():
    net = NetworkBuilder(0)
    x = net.image(4, 3)
    a, b = (net.conv(x, 2) for _ in range(2))
    b = net.copy_of_codes(b, a)
    parts = [net.reshape(t, 1, 12, 2) for t in (a, b)]
    graph = net.graph(net.concat(parts, 1))
    storages = find_storages(graph)
    whole = graph.outputs[0]
    assert storages.places[whole].offset == 0
    assert storages.lies_in(parts[1], whole, 24)
    assert storages.lies_in(b, whole, 24)
    assert running(graph) == ["CONV_2D", "CONV_2D", "QUANTIZE"]


def test_without_sharing_everything_is_copied():
    net = NetworkBuilder(0)
    graph = net.graph(net.concat([net.reshape(net.conv(net.image(4, 3), 2), 1, 12, 2)], 1))
    assert len(find_storages(graph, shared=False).tensors) == 4
    assert len(find_storages(graph).tensors) == 2


def test_a_part_of_two_wholes_lies_in_the_later_one():
    net = NetworkBuilder(0)
    part = net.conv(net.image(4, 3), 2)
    other = net.copy_of_codes(net.conv(net.inputs[0], 2), part)
    graph = net.graph(net.concat([part, other], 1), net.concat([other, part], 1))
    storages, (first, second) = find_storages(graph), graph.outputs
    assert storages.lies_in(part, second, 24)
    assert storages.lies_in(other, second, 0)
    assert storages.places[first].storage != storages.places[second].storage
    assert running(graph)[-1] == "CONCATENATION"


def test_a_nested_whole_keeps_its_parts():
    net = NetworkBuilder(0)
    a = net.conv(net.image(4, 3), 2)
    b, c = (net.copy_of_codes(net.conv(net.inputs[0], 2), a) for _ in range(2))
    outer = net.concat([c, net.concat([a, b], 1)], 1)
    storages = find_storages(net.graph(outer))
    assert [storages.places[t].offset for t in (c, a, b, outer)] == [0, 24, 48, 0]


def test_interleaved_parts_and_the_image_are_copied():
    net = NetworkBuilder(0)
    image = net.image(4, 3, 2, "int8")
    x = net.copy_of_codes(net.conv(image, 2), image)
    graph = net.graph(net.concat([x, x], 3), net.concat([image, x], 1))
    assert running(graph)[-2:] == ["CONCATENATION", "CONCATENATION"]
    assert find_storages(graph).places[image] == Place(0, 0)


def test_two_shapes_of_one_tensor_in_one_whole_are_two_copies():
    net = NetworkBuilder(0)
    x = net.conv(net.image(4, 3), 2)
    graph = net.graph(net.concat([x, net.reshape(x, 1, 4, 3, 2)], 1))
    assert running(graph) == ["CONV_2D", "RESHAPE"]
