"""Lifetimes and shared storage of small graphs, worked out by hand."""

import pytest

from tests.compiler.graphs import activation, graph_of
from tinydet.compiler.schedule import make_schedule


def lifetimes(schedule):
    """``{first tensor's name: (names, first, last, bytes)}``."""
    tensors = schedule.graph.tensors
    return {
        tensors[s.tensors[0]].name: (
            [tensors[t].name for t in s.tensors],
            s.first_step,
            s.last_step,
            s.size_bytes,
        )
        for s in schedule.storages
    }


def test_input_lives_from_the_start_and_output_to_the_end():
    tensors = [activation("image", 5), activation("a", 7), activation("b", 3)]
    graph = graph_of(tensors, [("MEAN", [0], 1), ("MEAN", [1], 2)], [0], [2])
    assert lifetimes(make_schedule(graph)) == {
        "image": (["image"], 0, 1, 5),
        "a": (["a"], 1, 2, 7),
        "b": (["b"], 2, 3, 3),
    }


def test_a_sum_takes_the_place_of_the_input_that_dies():
    tensors = [activation(n, 8) for n in ("image", "a", "b", "sum", "out")]
    steps = [("MEAN", [0], 1), ("MEAN", [1], 2), ("ADD", [1, 2], 3), ("MUL", [1, 3], 4)]
    storages = lifetimes(make_schedule(graph_of(tensors, steps, [0], [4])))
    # a is read again after the sum, so that b gives its place; then a dies and takes the product.
    assert storages["b"] == (["b", "sum"], 2, 4, 8)
    assert storages["a"] == (["a", "out"], 1, 5, 8)


def test_no_storage_is_shared_when_not_wanted():
    tensors = [activation(n, 8) for n in ("image", "a")]
    graph = graph_of(tensors, [("SOFTMAX", [0], 1)], [0], [1])
    assert len(make_schedule(graph, in_place=False).storages) == 2
    assert len(make_schedule(graph).storages) == 1


def test_an_input_that_is_also_an_output_is_not_overwritten():
    tensors = [activation(n, 8) for n in ("image", "a", "b")]
    graph = graph_of(tensors, [("MEAN", [0], 1), ("SOFTMAX", [1], 2)], [0], [1, 2])
    assert lifetimes(make_schedule(graph))["a"] == (["a"], 1, 3, 8)


def test_a_view_shares_even_what_is_read_later_and_is_then_not_overwritten():
    tensors = [activation(n, 8) for n in ("image", "a", "view", "soft", "late")]
    steps = [("MEAN", [0], 1), ("RESHAPE", [1], 2), ("SOFTMAX", [2], 3), ("MEAN", [1], 4)]
    storages = lifetimes(make_schedule(graph_of(tensors, steps, [0], [3, 4])))
    assert storages["a"] == (["a", "view"], 1, 4, 8)
    assert storages["soft"] == (["soft"], 3, 5, 8)


def test_broadcast_writes_over_the_large_input_only():
    tensors = [activation("image", 8), activation("small", 2), activation("sum", 8)]
    graph = graph_of(tensors, [("MEAN", [0], 1), ("ADD", [1, 0], 2)], [0], [2])
    assert lifetimes(make_schedule(graph))["image"][0] == ["image", "sum"]


def test_a_result_that_nobody_reads_has_a_place_while_it_is_written():
    tensors = [activation(n, 8) for n in ("image", "dead", "out")]
    graph = graph_of(tensors, [("MEAN", [0], 1), ("MEAN", [0], 2)], [0], [2])
    assert lifetimes(make_schedule(graph))["dead"] == (["dead"], 1, 1, 8)


@pytest.mark.parametrize(("step", "name"), [(0, "input"), (1, "MEAN a_0"), (2, "boxes")])
def test_steps_carry_the_name_of_their_operator(step, name):
    graph = graph_of([activation("image", 8), activation("a", 8)], [("MEAN", [0], 1)], [0], [1])
    assert make_schedule(graph).step_name(step) == name
