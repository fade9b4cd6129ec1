"""Every planner, on every problem, must pass the validator; sizes are pinned on known problems."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydet.compiler.memory import Buffer
from tinydet.compiler.memory.buffers import (
    Life,
    constant_buffer,
    gap_bytes,
    live_bytes,
    lower_bound_bytes,
)
from tinydet.compiler.memory.planners import arena_bytes, plan_around, plan_best
from tinydet.compiler.memory.validator import validate_offsets

# The example of the MiniMalloc README (half-open [lower, upper) -> inclusive events).
MINIMALLOC_EXAMPLE = [
    constant_buffer("b1", 0, 2, 4, alignment=1),
    constant_buffer("b2", 3, 8, 4, alignment=1),
    constant_buffer("b3", 0, 8, 4, alignment=1),
    constant_buffer("b4", 9, 20, 4, alignment=1),
    constant_buffer("b5", 0, 20, 4, alignment=1),
]
# Greedy by size leaves a gap here that no buffer fits in; 7 bytes are enough.
HARD_FOR_GREEDY = [
    constant_buffer("a", 0, 1, 3, alignment=1),
    constant_buffer("b", 1, 2, 2, alignment=1),
    constant_buffer("c", 2, 3, 4, alignment=1),
    constant_buffer("d", 0, 0, 4, alignment=1),
    constant_buffer("e", 3, 4, 3, alignment=1),
    constant_buffer("f", 1, 1, 2, alignment=1),
]


@st.composite
def lives(draw, size):
    """Bytes that come into use from below and go out of use from below, as rows do."""
    count = draw(st.integers(1, 8))
    levels = st.lists(st.integers(0, size), min_size=count, max_size=count)
    low, high = np.sort(draw(levels)), np.sort(draw(levels))
    return Life(draw(st.integers(0, 12)), np.minimum(low, high), high)


@st.composite
def buffer_lists(draw):
    buffers = []
    for number in range(draw(st.integers(0, 12))):
        size, alignment = draw(st.integers(1, 4096)), draw(st.sampled_from([1, 4, 16, 24]))
        both = tuple(draw(lives(size)) for _ in range(draw(st.integers(1, 2))))
        buffers.append(Buffer(f"t{number}", "tensor", size, both, alignment))
    return buffers


def plan_greedy(buffers):
    """The largest buffers first, each in the lowest gap that is free while it lives."""
    return plan_around(buffers, [None] * len(buffers))


@pytest.mark.parametrize("planner", [plan_greedy, plan_best])
@given(buffers=buffer_lists())
def test_plan_is_valid(planner, buffers):
    assert validate_offsets(buffers, planner(buffers)) == []


@given(buffers=buffer_lists())
def test_plan_is_not_larger_than_that_of_greedy_or_than_everything_side_by_side(buffers):
    arena = arena_bytes(buffers, plan_best(buffers))
    assert arena <= arena_bytes(buffers, plan_greedy(buffers))
    assert arena <= sum(b.size_bytes + b.alignment for b in buffers)
    if all(len(b.lives) == 1 for b in buffers):
        assert arena >= lower_bound_bytes(buffers)


@given(buffers=buffer_lists(), data=st.data())
def test_what_has_a_place_keeps_it(buffers, data):
    offsets = plan_best(buffers)
    fixed = [data.draw(st.sampled_from((offset, None))) for offset in offsets]
    planned = plan_around(buffers, fixed)
    assert validate_offsets(buffers, planned) == []
    assert [o for o, f in zip(planned, fixed, strict=True) if f is not None] == [
        f for f in fixed if f is not None
    ]


@given(buffers=buffer_lists())
def test_plan_is_the_same_every_time(buffers):
    assert plan_best(buffers) == plan_best(list(buffers))


@pytest.mark.parametrize("planner", [plan_greedy, plan_best])
def test_known_problem_needs_12_bytes(planner):
    assert arena_bytes(MINIMALLOC_EXAMPLE, planner(MINIMALLOC_EXAMPLE)) == 12


def test_search_reaches_the_bound_where_greedy_does_not():
    assert lower_bound_bytes(HARD_FOR_GREEDY) == 7
    assert arena_bytes(HARD_FOR_GREEDY, plan_greedy(HARD_FOR_GREEDY)) > 7
    assert arena_bytes(HARD_FOR_GREEDY, plan_best(HARD_FOR_GREEDY)) == 7


def rising(name, first, *pairs, size=100):
    low, high = np.array(pairs, np.int64).T
    return Buffer(name, "tensor", size, (Life(first, low, high),), 1)


def test_an_output_lies_over_what_has_been_read():
    """A row of 10 is written while two rows are still read, ten times: two rows lower is enough."""
    read = rising("in", 0, *[(max(y - 1, 0) * 10, 100) for y in range(10)])
    written = rising("out", 0, *[(0, 10 * y + 10) for y in range(10)])
    assert gap_bytes(written.lives[0], read.lives[0]) == 20
    assert gap_bytes(read.lives[0], written.lives[0]) == 100
    assert arena_bytes([read, written], plan_best([read, written])) == 120


def test_a_chain_of_outputs_over_inputs_drifts_downwards():
    buffers = []
    for link in range(5):
        grows = [(0, 10 * y + 10) for y in range(10)]
        dwindles = [(max(y - 1, 0) * 10, 100) for y in range(10)]
        buffers.append(rising(f"t{link}", 10 * link, *grows, *dwindles))
    assert arena_bytes(buffers, plan_best(buffers)) == 100 + 4 * 20


def test_bytes_in_use_are_summed_per_event():
    buffers = [rising("a", 0, (0, 10), (5, 10), (10, 10)), constant_buffer("b", 2, 3, 7)]
    assert live_bytes(buffers).tolist() == [10, 5, 7, 7]


@pytest.mark.parametrize(
    ("offsets", "complaint"),
    [
        pytest.param([0, 16], "t0 up to 32 and t1 [16, 48) overlap at event 1", id="overlap"),
        pytest.param([0, 40], "t1: offset 40 is not on 16 bytes", id="alignment"),
        pytest.param([0], "one offset per buffer is needed", id="missing"),
    ],
)
def test_validator_names_the_fault(offsets, complaint):
    buffers = [constant_buffer("t0", 0, 1, 32), constant_buffer("t1", 1, 2, 32)]
    assert validate_offsets(buffers, offsets) == [complaint]


@pytest.mark.parametrize("wrong", [{"size_bytes": 0}, {"alignment": 0}, {"lives": ()}])
def test_a_buffer_without_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="a buffer needs"):
        dataclasses.replace(constant_buffer("t", 0, 1, 32), **wrong)
