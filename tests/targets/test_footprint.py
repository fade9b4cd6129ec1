from dataclasses import replace

import pytest

from tinydet.targets import CortexMTarget, format_footprint, measure_footprint


@pytest.fixture(scope="module")
def footprint(m7_program):
    return measure_footprint(m7_program)


def build(stand_in, folder, old, new):
    body = stand_in.MODEL.replace(old, new)
    assert body != stand_in.MODEL
    return measure_footprint(CortexMTarget().build(stand_in.model(body), folder))


def test_arena_and_detections_are_those_of_the_header(stand_in, footprint):
    assert footprint.activation_ram_bytes == 32 * 48 * 3 + 24 + stand_in.NUM_ANCHORS * 7
    assert footprint.detections_bytes == stand_in.CAPACITY * 24
    assert footprint.static_bytes == 0
    assert 0 < footprint.stack_bytes < 1024


def test_weights_are_the_constants_of_the_model(stand_in, footprint):
    """3 weights (padded to the alignment of what follows) and the anchors."""
    assert footprint.weights_bytes == 4 + stand_in.NUM_ANCHORS * 16


def test_a_larger_table_takes_weights_flash_only(stand_in, footprint, tmp_path):
    found = build(stand_in, tmp_path, "weights[3] = {10,", "weights[1003] = {10,")
    more = found.weights_bytes - footprint.weights_bytes
    assert 1000 - 4 < more < 1000 + 4  # alignment
    assert found == replace(footprint, weights_bytes=footprint.weights_bytes + more)


def test_a_variable_takes_ram_and_its_initial_value_flash(stand_in, footprint, tmp_path):
    found = build(
        stand_in,
        tmp_path,
        "uint8_t *tiny_input(void *arena) {",
        "extern int32_t more[100]; int32_t more[100] = {1};\n"
        "uint8_t *tiny_input(void *arena) { more[0]++;",
    )
    assert found.static_bytes == 400
    assert 400 < found.code_bytes - footprint.code_bytes < 500
    assert found.runtime_ram_bytes == found.stack_bytes + 400 + stand_in.CAPACITY * 24


def test_sums(footprint):
    record = footprint.to_record()
    assert record["total_ram_bytes"] == (
        record["arena_bytes"]
        + record["stack_bytes"]
        + record["static_bytes"]
        + record["detections_bytes"]
    )
    assert record["total_flash_bytes"] == record["weights_bytes"] + record["code_bytes"]


def test_table(footprint):
    known = replace(
        footprint,
        arena_bytes=728525,
        stack_bytes=600,
        weights_bytes=1007872,
        code_bytes=40000,
        kernels_bytes=14000,
    )
    assert (
        format_footprint(known)
        == """\
Memory on cortex-m7:
activation RAM     711.45 KiB   the arena, with the input
runtime RAM          1.05 KiB   stack 600 B, detections 480 B, variables 0 B
weights flash      984.25 KiB
code flash          39.06 KiB   13.7 KiB of it also in RAM for code (ITCM), if the board has it
total RAM          712.50 KiB
total flash       1023.31 KiB"""
    )
