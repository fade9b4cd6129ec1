"""The validator finds every way in which a plan can be wrong."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.graphs import activation, graph_of
from tests.compiler.network_builder import NetworkBuilder
from tests.compiler.random_networks import networks
from tinydet.compiler.memory import Plan, PlanRequest, plan_memory
from tinydet.compiler.memory.plan import turns_and_layout
from tinydet.compiler.memory.planners import plan_best
from tinydet.compiler.memory.timeline import make_timeline
from tinydet.compiler.memory.validator import Layout, Turn, find_faults
from tinydet.compiler.schedule import Schedule, SegmentMaker, make_flow


def singles(count):
    return [[Turn(step)] for step in range(count + 2)]


@pytest.mark.parametrize(
    ("steps", "offsets", "complaint"),
    [
        pytest.param(
            [("MEAN", [0], 1), ("MEAN", [1], 2)],
            {0: 0, 1: 8, 2: 16},
            "MEAN a_0 writes over what it reads, row None",
            id="overlapping window",
        ),
        pytest.param(
            [("SOFTMAX", [0], 1), ("ADD", [0, 1], 2)],
            {0: 0, 1: 0, 2: 16},
            "b_1 reads image: 16 bytes are not there",
            id="in place too early",
        ),
        pytest.param(
            [("SOFTMAX", [0], 1), ("ADD", [1, 1], 2)],
            {0: 0, 1: 8, 2: 32},
            "SOFTMAX a_0 writes over what it reads, row None",
            id="in place but upwards",
        ),
        pytest.param(
            [("MEAN", [0], 1), ("MEAN", [1], 2)],
            {0: 0, 1: 40, 2: 0},
            "a reaches out of the arena",
            id="outside",
        ),
    ],
)
def test_playing_the_steps_through_names_the_fault(steps, offsets, complaint):
    tensors = [activation(name, 16) for name in ("image", "a", "b")]
    graph = graph_of(tensors, steps, [0], [2])
    assert complaint in find_faults(graph, singles(2), Layout(48, offsets))


def test_scratch_over_an_output_over_the_image_or_outside_is_a_fault():
    tensors = [activation(name, 16) for name in ("image", "out")]
    graph = graph_of(tensors, [("MEAN", [0], 1)], [0], [1])
    offsets = {0: 0, 1: 16}
    assert find_faults(graph, singles(1), Layout(40, offsets, scratch={2: (32, 8)})) == []
    assert find_faults(graph, singles(1), Layout(32, offsets, scratch={2: (24, 8)})) == [
        "the scratch memory of boxes is what it reads or writes"
    ]
    assert find_faults(graph, singles(1), Layout(32, offsets, scratch={0: (12, 24)})) == [
        "the scratch memory of input is what it reads or writes",
        "the scratch memory of input reaches out of the arena",
        "a_0 reads image: 4 bytes are not there".replace("a_0", "out_0"),
    ]


def test_a_step_that_is_left_out_or_runs_twice_is_a_fault():
    tensors = [activation(name, 16) for name in ("image", "a", "out")]
    graph = graph_of(tensors, [("MEAN", [0], 1), ("MEAN", [1], 2)], [0], [2])
    layout = Layout(48, {0: 0, 1: 16, 2: 32})
    assert find_faults(graph, [[Turn(0)], [Turn(2)], [Turn(3)]], layout) == [
        "out_1 reads a: 16 bytes are not there",
        "a_0: rows are computed [0] times",
    ]
    twice = [[Turn(0)], [Turn(1)], [Turn(1)], [Turn(2)], [Turn(3)]]
    assert find_faults(graph, twice, layout) == ["a_0: rows are computed [2] times"]
    assert find_faults(graph, [[Turn(0)], [Turn(1)], [Turn(2)]], layout) == [
        "the outputs are never taken"
    ]


def streamed():
    """A network that runs in one loop while its input is fed."""
    net = NetworkBuilder(3)
    x = net.conv(net.image(16, 6), 4, (3, 3), stride_height=2, padding="SAME")
    y = net.conv(net.depthwise(net.conv(x, 9), padding="SAME"), 4)
    graph = net.graph(net.conv(net.depthwise(net.add(x, y), padding="SAME", stride_height=2), 6))
    maker = SegmentMaker(make_flow(graph, input_rows=True))
    schedule = Schedule(maker, (maker.loop(0, 8), maker.single(8)))
    timeline = make_timeline(schedule)
    plan = Plan(schedule, timeline, tuple(plan_best(timeline.buffers)))
    return graph, *turns_and_layout(plan)


def test_a_ring_of_one_row_less_is_a_fault():
    graph, segments, layout = streamed()
    assert find_faults(graph, segments, layout) == []
    larger = [tensor for tensor, rows in layout.rings.items() if rows > 1]
    assert len(larger) == 4
    for tensor in larger:
        rings = {**layout.rings, tensor: layout.rings[tensor] - 1}
        assert find_faults(graph, segments, replace(layout, rings=rings))


def test_a_step_that_runs_an_iteration_too_early_is_a_fault():
    graph, segments, layout = streamed()
    found = 0
    for number, turns in enumerate(segments):
        for place, turn in enumerate(turns):
            if turn.lag > 0:
                changed = [*turns[:place], replace(turn, lag=turn.lag - 1), *turns[place + 1 :]]
                wrong = [*segments[:number], changed, *segments[number + 1 :]]
                assert find_faults(graph, wrong, layout)
                found += 1
    assert found == 7


def test_steps_of_a_loop_in_another_order_are_a_fault():
    graph, segments, layout = streamed()
    assert find_faults(graph, [segments[0][::-1], segments[1]], layout)


def test_segments_in_another_order_are_a_fault():
    graph, segments, layout = streamed()
    assert find_faults(graph, segments[::-1], layout)


def test_what_is_kept_from_row_to_row_and_overwritten_is_a_fault():
    """Two convolutions of one loop that work in the same memory, of which one keeps it."""
    graph, segments, layout = streamed()
    steps = [step for step in layout.scratch if 0 < step <= len(graph.ops)]
    place = layout.scratch[steps[0]]
    shared = replace(layout, scratch=layout.scratch | {steps[1]: place})
    assert find_faults(graph, segments, shared) == find_faults(graph, segments, layout) == []
    (fault,) = find_faults(graph, segments, replace(shared, kept=frozenset(steps[:1])))
    assert fault == f"what {graph.ops[steps[0] - 1].name} keeps from row to row was overwritten"


def test_a_state_that_is_overwritten_is_a_fault():
    graph, segments, layout = streamed()
    image = layout.offsets[graph.inputs[0]]
    assert "the state was overwritten" in find_faults(
        graph, segments, replace(layout, state=(image, 4))
    )


@given(graph=networks(most_blocks=3), data=st.data())
@settings(max_examples=40)
def test_a_tensor_over_one_that_is_alive_is_a_fault(graph, data):
    """The output of an operator is moved onto one of its inputs, a byte off any place it may take.

    Upwards of its own input no output may begin, not even of an operator that works in place.
    Strides may leave rows behind that are long enough for the output: these are left out.
    """
    plan = plan_memory(graph, PlanRequest(objective="speed"))
    segments, layout = turns_and_layout(plan)
    running = [step for step in plan.schedule.flow.steps[1:-1] if step.reads]
    step = data.draw(st.sampled_from(running))
    op = graph.ops[step.number - 1]
    source = next(i for i in op.inputs if i is not None and graph.tensors[i].data is None)
    sizes = [graph.tensors[t].size_bytes for t in (source, op.outputs[0])]
    stride = getattr(op.options, "stride_height", 1)
    rows = [graph.tensors[t].shape[1] for t in (source, op.outputs[0])]
    if min(sizes) < 2 or (sizes[1] // rows[1] < stride * (sizes[0] // rows[0]) and stride > 1):
        return
    moved = {**layout.offsets, op.outputs[0]: layout.offsets[source] + 1}
    wrong = replace(layout, arena_bytes=layout.arena_bytes + sum(sizes), offsets=moved)
    assert find_faults(graph, segments, wrong)
