from dataclasses import replace

import numpy as np
import pytest

from tinydet.targets import CortexMTarget, benchmark, format_benchmark
from tinydet.targets.benchmark import _assign
from tinydet.targets.cortex_m import CortexMProgram
from tinydet.targets.elf import read_image
from tinydet.targets.emulator import Piece


@pytest.fixture(scope="module")
def result(stand_in, tmp_path_factory):
    image = stand_in.random_images(1)[0]
    return benchmark(CortexMTarget(), stand_in.model(), image, tmp_path_factory.mktemp("b"))


def test_steps_add_up_to_the_program_without_marks(stand_in, m7_program, result):
    image = stand_in.random_images(1)[0]
    assert [(s.op, s.kernels) for s in result.steps] == [
        ("mean/cells", ("td_cells",)),
        ("heads", ("td_heads",)),
    ]
    network = m7_program.measure_run(image).instructions
    assert sum(s.instructions for s in result.steps) == result.network_instructions == network
    assert result.total_instructions == m7_program.measure_detect(image).instructions


def test_work_in_one_kernel_is_counted_for_its_operator(stand_in, result, tmp_path):
    """1000 additions more in the second kernel change the second step's count only."""
    kernels = stand_in.KERNELS.replace(
        "int8_t *deltas)\n{",
        "int8_t *deltas)\n{ volatile int32_t more = 0; for (int i = 0; i < 1000; i++) more += 1;",
    )
    slower = replace(stand_in.model(), sources={**stand_in.model().sources, "kernels.c": kernels})
    image = stand_in.random_images(1)[0]
    found = benchmark(CortexMTarget(), slower, image, tmp_path)
    assert found.steps[0] == result.steps[0]
    assert found.steps[1].instructions - result.steps[1].instructions >= 3000
    assert found.boxes_instructions == result.boxes_instructions


def test_a_traced_build_tells_what_each_step_computed(stand_in, tmp_path):
    image = stand_in.random_images(1)[0]
    linked = read_image(CortexMTarget().link(stand_in.model(), tmp_path, "-DTD_TRACE"))
    cells, heads = CortexMProgram(linked, "cortex-m7", "tiny", tmp_path).trace(image)
    scores, deltas, _ = stand_in.expected(image)
    assert (cells.op, heads.op) == ("mean/cells", "heads")
    assert heads.output == deltas.tobytes() + scores.tobytes()
    sums = image.astype(np.int64).reshape(4, 8, 6, 8, 3).sum(axis=(1, 3, 4)).reshape(-1)
    assert cells.output == ((sums * 341 + 32768) >> 16).astype(np.uint8).tobytes()


def test_operators_without_calls_and_the_end_of_the_function():
    """No call: 0 instructions. What follows the last call belongs to the last step."""
    plain = [Piece(10, "a"), Piece(20, "b"), Piece(30, "a"), Piece(5, "")]
    mark = Piece(3, "td_trace")
    marked = [Piece(10, "a"), mark, mark, Piece(20, "b"), Piece(30, "a"), mark, Piece(5, "")]
    steps = _assign(plain, marked, ["first", "reshape", "last"])
    assert [(s.op, s.instructions) for s in steps] == [("first", 10), ("reshape", 0), ("last", 55)]


@pytest.mark.parametrize("plain", [["a"], ["a", "c"], ["a", "b", "b"]])
def test_builds_that_differ_are_no_benchmark(plain):
    pieces = [Piece(1, callee) for callee in plain]
    marked = [Piece(1, "a"), Piece(1, "b"), Piece(1, "td_trace")]
    with pytest.raises(RuntimeError, match="build"):
        _assign(pieces, marked, ["only"])


def test_the_table_names_operators_and_shares(result):
    text = format_benchmark(result, {"heads": 1000})
    lines = text.splitlines()
    assert lines[0].split() == ["operator", "instructions", "share", "per", "MAC", "kernels"]
    assert lines[1].startswith("cells ")
    assert f"{result.steps[1].instructions / 1000:.2f}" in lines[2]
    assert lines[-1].split() == ["inference", f"{result.total_instructions:,}", "on", "cortex-m7"]
