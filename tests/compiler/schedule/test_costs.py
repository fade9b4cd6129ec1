"""What ``--optimize`` weighs: estimated cycles of calls and products on the chosen core."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.random_networks import networks
from tinydet.compiler.schedule import SegmentMaker, kernel_costs, make_flow, segment_cost
from tinydet.compiler.schedule.costs import COSTS_FILE, DEFAULT_CORE, KernelCosts

CORES = tuple(json.loads(COSTS_FILE.read_text(encoding="utf-8"))["figures"]["cores"])


@pytest.mark.parametrize("core", CORES)
def test_no_core_does_more_than_two_products_in_a_cycle(core):
    costs = kernel_costs(core)
    assert costs.per_mac["CONV_2D"] > 0.5
    assert costs.per_mac["DEPTHWISE_CONV_2D"] >= costs.per_mac["CONV_2D"]
    assert all(cycles >= 0 for cycles in (*costs.per_call.values(), costs.other_call))


def test_cores_that_nobody_estimated_cost_what_the_default_does():
    """But for its RAM: what is fast there, nobody knows."""
    default = replace(kernel_costs(DEFAULT_CORE), fast_ram_bytes=None)
    assert kernel_costs("some other core") == kernel_costs() == default


@given(graph=networks(), call=st.integers(1, 1000))
@settings(max_examples=15)
def test_loops_cost_a_call_for_every_row(graph, call):
    """Products cost nothing here, so that only calls are left."""
    costs = KernelCosts(per_mac={}, per_call={}, other_call=call)
    maker = SegmentMaker(replace(make_flow(graph, input_rows=True), costs=costs))
    steps = maker.flow.steps
    for begin in range(len(steps)):
        for end in range(begin + 2, maker.longest_end(begin) + 1):
            segment = maker.loop(begin, end)
            if segment is not None:
                rows = sum(step.rows for step in steps[begin:end])
                assert segment_cost(maker, segment).overhead == call * rows
