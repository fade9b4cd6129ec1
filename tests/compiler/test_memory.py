"""Every planner, on every problem, must pass the validator; sizes are pinned on known problems."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.compiler.graphs import activation, graph_of
from tinydet.compiler.memory import (
    INPUT_SCRATCH,
    OUTPUT_SCRATCH,
    Buffer,
    arena_bytes,
    find_clobbered,
    lower_bound_bytes,
    plan_best,
    plan_greedy,
    plan_memory,
    validate,
)
from tinydet.compiler.schedule import make_schedule

# The example of the MiniMalloc README (half-open [lower, upper) -> inclusive steps).
MINIMALLOC_EXAMPLE = [
    Buffer("b1", 0, 2, 4, alignment=1),
    Buffer("b2", 3, 8, 4, alignment=1),
    Buffer("b3", 0, 8, 4, alignment=1),
    Buffer("b4", 9, 20, 4, alignment=1),
    Buffer("b5", 0, 20, 4, alignment=1),
]
# Greedy by size leaves a gap here that no buffer fits in; 7 bytes are enough.
HARD_FOR_GREEDY = [
    Buffer("a", 0, 1, 3, alignment=1),
    Buffer("b", 1, 2, 2, alignment=1),
    Buffer("c", 2, 3, 4, alignment=1),
    Buffer("d", 0, 0, 4, alignment=1),
    Buffer("e", 3, 4, 3, alignment=1),
    Buffer("f", 1, 1, 2, alignment=1),
]


@st.composite
def buffer_lists(draw):
    spans = draw(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)), max_size=12))
    sizes, alignments = st.integers(1, 4096), st.sampled_from([1, 4, 16, 24])
    return [
        Buffer(f"t{i}", a, a + n, draw(sizes), draw(alignments)) for i, (a, n) in enumerate(spans)
    ]


@st.composite
def chains(draw):
    """Random networks of operators that may and may not work in place."""
    sizes = draw(st.lists(st.sampled_from([16, 17, 48]), min_size=2, max_size=12))
    tensors = [activation(f"t{i}", size) for i, size in enumerate(sizes)]
    steps = []
    for output in range(1, len(sizes)):
        reads = [draw(st.integers(0, output - 1)) for _ in range(draw(st.integers(1, 2)))]
        kinds = ["MEAN", "ADD", "SOFTMAX"]
        if sizes[reads[0]] == sizes[output]:
            kinds.append("RESHAPE")
        steps.append((draw(st.sampled_from(kinds)), reads, output))
    outputs = draw(st.sets(st.integers(1, len(sizes) - 1), min_size=1, max_size=3))
    return graph_of(tensors, steps, [0], sorted(outputs))


@pytest.mark.parametrize("planner", [plan_greedy, plan_best])
@given(buffers=buffer_lists())
def test_plan_is_valid(planner, buffers):
    assert validate(buffers, planner(buffers)) == []


@given(buffers=buffer_lists())
def test_plan_is_between_the_lower_bound_and_everything_side_by_side(buffers):
    arena = arena_bytes(buffers, plan_best(buffers))
    assert lower_bound_bytes(buffers) <= arena <= arena_bytes(buffers, plan_greedy(buffers))
    assert arena <= sum(b.size_bytes + b.alignment for b in buffers)


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


@pytest.mark.parametrize(
    ("offsets", "complaint"),
    [
        pytest.param([0, 16], "t0 [0, 32) and t1 [16, 48) overlap at step 1", id="overlap"),
        pytest.param([0, 40], "t1: offset 40 is not on 16 bytes", id="alignment"),
        pytest.param([0], "one offset per buffer is needed", id="missing"),
    ],
)
def test_validate_names_the_fault(offsets, complaint):
    buffers = [Buffer("t0", 0, 1, 32), Buffer("t1", 1, 2, 32)]
    assert validate(buffers, offsets) == [complaint]


@pytest.mark.parametrize(
    "wrong", [{"size_bytes": 0}, {"first_step": 3}, {"first_step": -1}, {"alignment": 0}]
)
def test_a_buffer_without_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="a buffer needs"):
        dataclasses.replace(Buffer("t", 0, 1, 32), **wrong)


@given(graph=chains(), in_place=st.booleans(), first=st.integers(0, 40), last=st.integers(0, 40))
def test_every_value_is_still_there_when_it_is_read(graph, in_place, first, last):
    plan = plan_memory(  # the plan is validated in there
        make_schedule(graph, in_place=in_place),
        input_scratch_bytes=first,
        output_scratch_bytes=last,
    )
    assert (plan.scratch(INPUT_SCRATCH) or (0, 0))[1] == first
    assert (plan.scratch(OUTPUT_SCRATCH) or (0, 0))[1] == last
    assert plan.arena_bytes >= plan.lower_bound_bytes


@given(graph=chains())
def test_working_in_place_never_needs_more_at_once(graph):
    shared, plain = make_schedule(graph), make_schedule(graph, in_place=False)
    assert plan_memory(shared).lower_bound_bytes <= plan_memory(plain).lower_bound_bytes


@pytest.mark.parametrize(
    ("steps", "offsets", "complaint"),
    [
        pytest.param(
            [("MEAN", [0], 1), ("MEAN", [1], 2)],
            {0: 0, 1: 8, 2: 16},
            "step 1: MEAN writes a over image while it reads it",
            id="overlapping window",
        ),
        pytest.param(
            [("SOFTMAX", [0], 1), ("ADD", [0, 1], 2)],
            {0: 0, 1: 0, 2: 16},
            "step 2: 16 bytes of image were overwritten by a",
            id="in place too early",
        ),
        pytest.param(
            [("SOFTMAX", [0], 1), ("ADD", [1, 1], 2)],
            {0: 0, 1: 8, 2: 32},
            "step 1: SOFTMAX writes a over image while it reads it",
            id="in place but shifted",
        ),
        pytest.param(
            [("MEAN", [0], 1), ("MEAN", [1], 2)],
            {0: 0, 1: 40, 2: 0},
            "step 1: a reaches out of the arena",
            id="outside",
        ),
    ],
)
def test_playing_the_steps_through_names_the_fault(steps, offsets, complaint):
    tensors = [activation(name, 16) for name in ("image", "a", "b")]
    assert complaint in find_clobbered(graph_of(tensors, steps, [0], [2]), offsets, 48)


def test_scratch_over_an_output_is_a_fault():
    tensors = [activation(name, 16) for name in ("image", "out")]
    graph = graph_of(tensors, [("MEAN", [0], 1)], [0], [1])
    problems = find_clobbered(graph, {0: 0, 1: 16}, 32, output_scratch=(24, 8))
    assert problems == ["step 2: 8 bytes of out were overwritten by scratch memory"]


def test_scratch_over_the_image_or_outside_is_a_fault():
    tensors = [activation(name, 16) for name in ("image", "out")]
    graph = graph_of(tensors, [("MEAN", [0], 1)], [0], [1])
    assert find_clobbered(graph, {0: 0, 1: 16}, 32, input_scratch=(12, 24)) == [
        "scratch memory reaches out of the arena",
        "step 1: 4 bytes of image were overwritten by scratch memory",
    ]


def test_plan_as_json_tells_every_place():
    tensors = [activation("image", 20), activation("a", 40), activation("out", 10)]
    graph = graph_of(tensors, [("MEAN", [0], 1), ("MEAN", [1], 2)], [0], [2])
    record = json.loads(
        json.dumps(plan_memory(make_schedule(graph), output_scratch_bytes=8).to_json())
    )
    assert record["arena_bytes"] == 68
    assert record["lower_bound_bytes"] == 68
    assert record["whole_tensor_peak_bytes"] == 60
    assert record["buffers"][1] == {
        "name": "a",
        "tensors": ["a"],
        "offset": 0,
        "size_bytes": 40,
        "first_step": 1,
        "last_step": 2,
    }
    assert [b["name"] for b in record["buffers"]] == ["image", "a", "out", "boxes scratch"]
    assert record["steps"][3] == {"step": 3, "name": "boxes", "live_bytes": 18}
