from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tinydet.targets import Builds, CortexMTarget, benchmark, draw_benchmark, format_benchmark
from tinydet.targets.benchmark import INPUT
from tinydet.targets.benchmark.measure import INPUT_PARAMETERS, assign
from tinydet.targets.emulator import Piece


@pytest.fixture(scope="module")
def result(stand_in, tmp_path_factory):
    image = stand_in.random_images(1)[0]
    return benchmark(
        Builds.of(CortexMTarget(), stand_in.model(), tmp_path_factory.mktemp("b")), image
    )


def test_steps_add_up_to_the_program_without_marks(stand_in, m7_program, result):
    image = stand_in.random_images(1)[0]
    assert [(s.op, s.kernels) for s in result.steps] == [
        ("mean/cells", {"td_cells": 1}),
        ("heads", {"td_heads": 1}),
    ]
    network = m7_program.measure_run(image).instructions
    assert sum(s.instructions for s in result.steps) == result.network_instructions == network
    assert result.total_instructions == m7_program.measure_inference(image).instructions


def test_work_in_one_kernel_is_counted_for_its_operator(stand_in, result, tmp_path):
    """1000 additions more in the second kernel change the second step's count only."""
    kernels = stand_in.KERNELS.replace(
        "int8_t *deltas)\n{",
        "int8_t *deltas)\n{ volatile int32_t more = 0; for (int i = 0; i < 1000; i++) more += 1;",
    )
    slower = replace(stand_in.model(), sources={**stand_in.model().sources, "kernels.c": kernels})
    image = stand_in.random_images(1)[0]
    found = benchmark(Builds.of(CortexMTarget(), slower, tmp_path), image)
    assert found.steps[0] == result.steps[0]
    assert found.steps[1].instructions - result.steps[1].instructions >= 3000
    assert found.boxes_instructions == result.boxes_instructions


def pieces(*described):
    """Pieces of ``(instructions, callee, argument)``; a mark is ``"done <operator>"``."""
    made = []
    for item in described:
        if isinstance(item, str):
            made.append(Piece(3, 1, "td_trace", item.removeprefix("done ")))
        else:
            made.append(Piece(item[0], 1, *item[1:]))
    return made


def counts(costs):
    return [(op, cost.instructions, dict(cost.kernels)) for op, cost in costs.items()]


def test_operators_without_calls_and_the_end_of_the_function():
    """No call: 0 instructions. What follows the last call belongs to the last step."""
    calls = [(10, "a", "p"), (20, "b", "q"), (30, "a", "r"), (5, "", "")]
    plain = pieces(*calls)
    marked = pieces(calls[0], "done 1", "done reshape", *calls[1:3], "done last", calls[3])
    costs = assign(plain, marked)
    assert counts(costs) == [
        ("1", 10, {"a": 1}),
        ("reshape", 0, {}),
        ("last", 55, {"a": 1, "b": 1}),
    ]
    assert costs["last"].parameters == {"q", "r"}


def test_an_operator_that_runs_row_by_row_has_the_sum_of_its_calls():
    rows = [(10, "a", "p"), (20, "b", "q"), (11, "a", "p"), (21, "b", "q")]
    marks = ["done first", "done second"] * 2
    marked = pieces(*(item for pair in zip(rows, marks, strict=True) for item in pair))
    assert counts(assign(pieces(*rows), marked)) == [
        ("first", 21, {"a": 2}),
        ("second", 41, {"b": 2}),
    ]


def test_bringing_rows_of_the_image_is_a_step_of_its_own():
    """Two rows come before the first operator can run; its copies are not that of a neighbour."""
    copy, calls = (7, "td_copy", INPUT_PARAMETERS), [(10, "td_copy", "p"), (20, "b", "q")]
    plain = pieces(copy, copy, calls[0], copy, calls[1])
    marked = pieces(copy, copy, calls[0], "done first", copy, calls[1], "done second")
    assert counts(assign(plain, marked)) == [
        (INPUT, 21, {"td_copy": 3}),
        ("first", 10, {"td_copy": 1}),
        ("second", 20, {"b": 1}),
    ]


@pytest.mark.parametrize("plain", ["a", "ac", "abb"])
def test_builds_that_differ_are_no_benchmark(plain):
    marked = pieces((1, "a", ""), (1, "b", ""), "done only")
    with pytest.raises(RuntimeError, match="build"):
        assign(pieces(*((1, callee, "") for callee in plain)), marked)


def test_constants_of_an_operator_are_those_its_parameters_point_at(stand_in, tmp_path):
    """Parameters and the tables that they point at, each once, and no table of others."""
    body = stand_in.MODEL.replace(
        "static const int8_t weights[3] = {10, 50, 55};",
        """\
typedef struct { const int32_t *more; const int8_t *weights; } td_tables;
static const int8_t weights[3] = {10, 50, 55};
static const int32_t more[20] = {1, 2};
static const td_tables params = {
    .more = more,
    .weights = weights,
};
void td_heads_of(const td_tables *params, const uint8_t *cells, int8_t *scores, int8_t *deltas);""",
    ).replace("td_heads(weights,", "td_heads_of(&params,")
    kernels = (
        stand_in.KERNELS
        + """
typedef struct { const int32_t *more; const int8_t *weights; } td_tables;
void td_heads_of(const td_tables *params, const uint8_t *cells, int8_t *scores, int8_t *deltas);
void td_heads_of(const td_tables *params, const uint8_t *cells, int8_t *scores, int8_t *deltas)
{
    td_heads(params->weights, cells, scores, deltas);
}
"""
    )
    model = stand_in.model(body, **{"kernels.c": kernels})
    model = replace(model, tables={"params": ("more", "weights")})
    found = benchmark(Builds.of(CortexMTarget(), model, tmp_path), stand_in.random_images(1)[0])
    assert [step.weights_bytes for step in found.steps] == [0, 8 + 80 + 3]
    assert found.weights_bytes == 91
    gap = 1  # behind the three weights
    assert found.boxes_weights_bytes == stand_in.NUM_ANCHORS * 16 + gap


def test_the_table_names_operators_and_shares(result):
    heads = replace(result.steps[1], macs=1000)
    lines = format_benchmark(replace(result, steps=(result.steps[0], heads))).splitlines()
    heading = ["operator", "MACs", "instructions", "per", "MAC", "weights", "B", "share", "kernels"]
    assert lines[0].split() == heading
    assert lines[1].startswith("cells ")
    assert lines[2].split() == [
        "heads",
        "1,000",
        f"{heads.instructions:,}",
        f"{heads.instructions / 1000:.2f}",
        "3",
        f"{heads.instructions / result.network_instructions:.1%}",
        "td_heads",
    ]
    network = f"{result.network_instructions / 1000:.2f}"
    assert lines[3].split()[:4] == ["network", "1,000", f"{result.network_instructions:,}", network]
    assert lines[-2].split() == ["inference", f"{result.total_instructions:,}", "on", "cortex-m7"]


def test_loops_and_calls_are_a_small_part_of_the_network(result):
    assert 0 < result.loop_instructions < 100 < result.network_instructions


def test_the_picture_is_one(result, tmp_path):
    """Also of a result without products, and of one with a kernel that has none."""
    for name, steps in (("no_macs", result.steps), ("macs", with_macs(result.steps))):
        draw_benchmark(replace(result, steps=steps), tmp_path / f"{name}.png")
        height, width, _ = np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB")).shape
        assert width > height > 500


def with_macs(steps):
    return (steps[0], replace(steps[1], macs=1000))
