"""What an estimate says of a small program on a board."""

from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.compiler.small_detector import small_compiled
from tinydet.errors import UnsupportedError
from tinydet.targets import Builds, CortexMTarget, benchmark, format_benchmark
from tinydet.targets.boards import find_board
from tinydet.targets.timing import (
    MODEL_ERROR,
    draw_roofline,
    estimate,
    estimate_columns,
    estimate_notes,
)

pytest.importorskip("capstone")


@pytest.fixture(scope="module")
def builds(stand_in, tmp_path_factory):
    return Builds.of(CortexMTarget(), stand_in.model(), tmp_path_factory.mktemp("builds"))


@pytest.fixture(scope="module")
def image(stand_in):
    return stand_in.random_images(1)[0]


@pytest.fixture(scope="module")
def result(builds, image):
    return estimate(builds, image, find_board("STM32H747I-DISCO"))


def test_it_is_of_the_instructions_that_are_counted(builds, image, result):
    """And nothing of it stays in the emulator."""
    counts = benchmark(builds, image)
    assert [(s.op, s.instructions) for s in result.steps] == [
        (s.op, s.instructions) for s in counts.steps
    ]
    for step in result.steps:
        assert step.issue_cycles >= step.instructions / 2  # two a cycle at best
    assert result.milliseconds == pytest.approx(result.cycles / 400e3)
    assert result.cold_cycles >= result.cycles > counts.network_instructions / 2


def test_it_calls_itself_an_estimate_and_tells_its_error(result):
    notes = estimate_notes(result)
    assert notes.startswith("Estimate for STM32H747I-DISCO")
    assert MODEL_ERROR.text() in notes
    assert "Derived, not measured" in notes
    assert result.to_record()["estimate"] is True
    assert result.to_record()["error"]["worst"] == MODEL_ERROR.worst


def test_its_columns_stand_beside_the_counts(builds, image, result):
    lines = format_benchmark(benchmark(builds, image), estimate_columns(result)).splitlines()
    begin = lines[0].index("share") + len("share")
    end = lines[0].index("weights read B") + len("weights read B")
    heads = lines[1 : 1 + len(result.steps)]
    for line, step in zip(heads, result.steps, strict=True):
        assert line[begin:end].split()[0] == f"{step.cycles:,}"
    network = lines[1 + len(result.steps)][begin:end].split()
    assert network[0] == f"{result.cycles:,}"
    assert sum(int(share.rstrip("%")) for share in network[1:4]) in (99, 100, 101)


def test_slower_memories_cost_more(builds, image):
    """Weights from external flash, and the arena outside of the DTCM: never faster."""
    board = find_board("STM32H747I-DISCO")
    times = [
        estimate(builds, image, board, **how)
        for how in ({}, {"arena": "AXI SRAM"}, {"arena": "AXI SRAM", "external_weights": True})
    ]
    assert all(a.cold_cycles <= b.cold_cycles for a, b in pairwise(times))
    assert times[0].cold_cycles < times[-1].cold_cycles


def test_what_comes_from_flash_are_whole_lines_that_no_cache_held(builds, image, result):
    """The smaller cache holds fewer of them; what a copy in RAM gives is not among them."""
    smaller = estimate(builds, image, find_board("STM32F746G-DISCO"), arena="SRAM1")
    for step, other in zip(result.steps, smaller.steps, strict=True):
        assert step.fetched_bytes % 32 == other.fetched_bytes % 32 == 0
        assert step.weight_bytes == other.weight_bytes
    assert result.fetched_bytes <= smaller.fetched_bytes


def test_kernels_run_from_ram_for_code_where_they_fit(tmp_path):
    """Of a real network: the stand-in has no kernels."""
    detector = small_compiled()
    builds = Builds.of(CortexMTarget(), detector, tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, detector.input_shape, np.uint8)
    board = find_board("STM32F746G-DISCO")
    tiny = replace(board, code_ram=replace(board.code_ram, size_bytes=64))
    inside, outside = (estimate(builds, noise, b) for b in (board, tiny))
    assert inside.places["kernels"] == "ITCM"
    assert "kernels in ITCM" in estimate_notes(inside)
    assert "kernels" not in outside.places
    assert inside.cold_cycles < outside.cold_cycles
    assert inside.fetched_bytes > 0  # its weights are more than the cache of 4 KiB holds
    assert inside.memory_cycles < outside.memory_cycles


def test_a_memory_whose_waits_nobody_knows_is_refused(builds, image):
    with pytest.raises(UnsupportedError, match="external flash of the STM32L4R9I-DISCO"):
        estimate(builds, image, find_board("STM32L4R9I-DISCO"), external_weights=True)


def test_roofline_has_a_dot_for_each_operator_that_multiplies(result, tmp_path):
    assert result.weights_bytes_per_cycle == 32 / 18  # a line of the data cache, and its wait
    taken = [step for step in result.steps if step.cycles]
    steps = [replace(step, macs=step.cycles, weight_bytes=8) for step in taken[:2]]
    path = tmp_path / "roofline.svg"
    draw_roofline(replace(result, steps=(*steps, *taken[2:])), path)
    dots = ElementTree.parse(path).iterfind(".//{*}g[@id='PathCollection_1']/{*}path")
    assert sum(1 for _ in dots) == 2
