"""Plans of random networks: correct by the validator, as small as promised, and told in JSON."""

import json
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.network_builder import NetworkBuilder
from tests.compiler.random_networks import networks
from tinydet.compiler.memory import (
    PlanRequest,
    live_bytes,
    plan_memory,
    plan_record,
    whole_tensor_peak_bytes,
    with_output_scratch,
)
from tinydet.compiler.memory.buffers import lower_bound_bytes
from tinydet.compiler.memory.choice import SegmentChoice
from tinydet.compiler.memory.plan import proven
from tinydet.compiler.memory.timeline import make_timeline
from tinydet.compiler.schedule import Schedule, SegmentMaker, kernel_costs, make_flow, segment_cost
from tinydet.errors import CompilerError

REQUESTS = st.builds(
    PlanRequest,
    objective=st.sampled_from(("ram", "balanced", "speed")),
    input_mode=st.sampled_from(("image", "caller", "rows")),
    output_scratch_bytes=st.integers(0, 40),
)


@given(graph=networks(), request=REQUESTS)
@settings(max_examples=20)
def test_every_plan_is_correct(graph, request):
    """``plan_memory`` has the validator play it through."""
    plan = plan_memory(graph, request)
    assert lower_bound_bytes(plan.buffers) <= plan.arena_bytes
    assert plan.arena_bytes <= sum(b.size_bytes + b.alignment for b in plan.buffers)
    assert (plan.scratch(len(graph.ops) + 1) or (0, 0))[1] == request.output_scratch_bytes


def test_free_memory_keeps_weights_that_are_read_often():
    """The arena is as large as without that, and says where they are kept."""
    net = NetworkBuilder(0)
    x = net.conv(net.image(128, 128), 64, (3, 3), stride_height=8, stride_width=8, padding="SAME")
    graph = net.graph(net.conv(net.conv(x, 64), 64))
    requests = [PlanRequest(objective="speed", keeps_weights=keeps) for keeps in (False, True)]
    plans = [plan_memory(graph, request) for request in requests]
    assert plans[0].arena_bytes == plans[1].arena_bytes
    kept = [sum(bool(step.kept_bytes) for step in p.schedule.flow.steps) for p in plans]
    assert kept[0] == 0 < kept[1]


def test_speed_weighs_rows_against_ram_that_the_core_waits_for(monkeypatch):
    net = NetworkBuilder(0)
    x = net.conv(net.image(48, 48), 8, (3, 3), padding="SAME")
    graph = net.graph(net.conv(net.depthwise(x, padding="SAME"), 4))
    request = PlanRequest(objective="speed", core="cortex-m7")
    whole = plan_memory(graph, replace(request, core=None))
    assert whole.overhead == 0
    for slow_ram, fits in ((100.0, True), (0.0, False)):
        costs = replace(kernel_costs(), fast_ram_bytes=whole.arena_bytes - 1, slow_ram=slow_ram)
        monkeypatch.setattr(
            "tinydet.compiler.memory.planning.kernel_costs", lambda _, costs=costs: costs
        )
        plan = plan_memory(graph, request)
        assert (plan.arena_bytes < whole.arena_bytes) == fits
        assert (plan.overhead > 0) == fits


@given(graph=networks())
@settings(max_examples=12)
def test_smaller_arenas_cost_more_and_every_limit_is_kept_or_out_of_reach(graph):
    ram, balanced, speed = (
        plan_memory(graph, PlanRequest(objective=o)) for o in ("ram", "balanced", "speed")
    )
    assert ram.arena_bytes <= balanced.arena_bytes
    assert speed.overhead == 0
    for limit in (speed.arena_bytes, ram.arena_bytes):
        plan = plan_memory(graph, PlanRequest(ram_limit_bytes=limit))
        assert plan.arena_bytes <= limit
    assert plan_memory(graph, PlanRequest(ram_limit_bytes=speed.arena_bytes)).overhead == 0


@given(graph=networks(most_blocks=3))
@settings(max_examples=12)
def test_no_way_to_cut_needs_fewer_bytes_at_once_than_the_one_that_is_chosen(graph):
    """Against all ways to cut, one after the other."""
    maker = SegmentMaker(make_flow(graph))
    count = len(maker.flow.steps)

    def options(begin):
        yield maker.single(begin)
        for end in range(begin + 2, maker.longest_end(begin) + 1):
            segment = maker.loop(begin, end)
            if segment is not None:
                yield segment

    @cache
    def smallest(begin):
        if begin == count:
            return 0
        return min(
            max(segment_cost(maker, segment).peak_bytes, smallest(segment.end))
            for segment in options(begin)
        )

    choice = SegmentChoice(maker)
    assert choice.smallest_peak_bytes() == smallest(0)
    cheapest = choice.within(smallest(0))[0]
    timeline = make_timeline(Schedule(maker, cheapest))
    assert live_bytes(timeline.buffers).max() <= smallest(0)
    assert choice.within(smallest(0) - 1) == []


@given(graph=networks())
@settings(max_examples=20)
def test_more_room_for_the_boxes_changes_nothing_else(graph):
    plan = plan_memory(graph, PlanRequest(output_scratch_bytes=16))
    larger = with_output_scratch(plan, 4096)
    assert larger.schedule.segments == plan.schedule.segments
    assert (larger.scratch(len(graph.ops) + 1) or (0, 0))[1] == 4096
    assert larger.arena_bytes >= max(plan.arena_bytes, 4096) - 16 * len(plan.buffers)


def chain():
    """A wide block between an image and a small output, on which streaming pays."""
    net = NetworkBuilder(3)
    x = net.conv(net.image(24, 20), 8, (3, 3), stride_height=2, stride_width=2, padding="SAME")
    y = net.conv(net.depthwise(net.conv(x, 24), padding="SAME"), 8)
    x = net.add(x, y)
    return net.graph(net.conv(net.depthwise(x, padding="SAME", stride_height=2), 6))


def test_streaming_takes_a_fraction_of_the_memory():
    ram, speed = (plan_memory(chain(), PlanRequest(objective=o)) for o in ("ram", "speed"))
    assert whole_tensor_peak_bytes(speed.schedule) == 7296
    assert 3456 <= speed.arena_bytes <= 5000
    assert ram.arena_bytes < 0.6 * speed.arena_bytes
    assert any(segment.is_loop for segment in ram.schedule.segments)


def test_a_sum_takes_the_place_of_an_input():
    net = NetworkBuilder(0)
    x = net.conv(net.image(8, 8, 1), 4)
    graph = net.graph(net.add(x, net.conv(x, 4)))
    plan = plan_memory(graph, PlanRequest(objective="speed", input_mode="caller"))
    assert plan.arena_bytes - sum(b.size_bytes for b in plan.buffers if b.kind == "scratch") <= 512


def test_an_image_of_the_caller_is_not_in_the_arena():
    plan = plan_memory(chain(), PlanRequest(input_mode="caller"))
    assert plan.schedule.graph.inputs[0] not in plan.tensor_offsets
    assert plan.state is None


def test_rows_that_are_fed_wait_in_a_ring_beside_a_state():
    plan = plan_memory(chain(), PlanRequest(objective="ram", input_mode="rows"))
    assert plan.schedule.ring_rows(plan.schedule.graph.inputs[0]) == 3
    assert plan.state is not None


def test_rows_of_what_is_no_image_cannot_be_fed():
    net = NetworkBuilder(0)
    image = net.image(4, 6)
    graph = net.graph(net.conv(image, 2))
    shape = replace(graph.tensors[image], shape=(1, 24, 3))
    flat = replace(graph, tensors=(shape, *graph.tensors[1:]), ops=(), outputs=(image,))
    with pytest.raises(CompilerError, match="not an image"):
        plan_memory(flat, PlanRequest(input_mode="rows"))


def test_plan_as_json_tells_every_place():
    plan = plan_memory(chain(), PlanRequest(objective="ram", output_scratch_bytes=8))
    record = json.loads(json.dumps(plan_record(plan)))
    assert record["arena_bytes"] == plan.arena_bytes
    assert record["input"] == "image"
    names = [step["step"] for segment in record["segments"] for step in segment["steps"]]
    assert names == list(range(len(plan.schedule.graph.ops) + 2))
    assert {b["kind"] for b in record["buffers"]} == {"tensor", "ring", "scratch"}
    assert record["steps"][-1] == {"step": 8, "name": "boxes", "live_bytes": 6 * 6 * 10 + 8}
    for tensor in record["tensors"]:
        end = tensor["offset"] + tensor["ring_rows"] * tensor["row_bytes"]
        assert end <= record["arena_bytes"]
    assert any("planar" in tensor for tensor in record["tensors"])


def test_a_wrong_plan_is_our_bug():
    plan = plan_memory(chain())
    with pytest.raises(AssertionError, match="wrong memory plan"):
        proven(replace(plan, offsets=(0,) * len(plan.offsets)))
