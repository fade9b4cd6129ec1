"""What the self-test finds."""

import re
from dataclasses import replace

import pytest

from tinydet.targets.board_emulator import run_firmware
from tinydet.targets.boards import find_board
from tinydet.targets.firmware_project import (
    build_firmware,
    read_report,
    write_firmware_project,
)
from tinydet.targets.gdb_remote.self_test import RESULT, parse_result

AN500 = find_board("mps2-an500")


def broken(model, kernel):
    """The model with a kernel that spoils the first byte of each of its outputs."""
    file = next(
        name
        for name, text in model.sources.items()
        if name.startswith("td_") and re.search(rf"^void {kernel}\([^;]*\{{", text, re.M)
    )
    parameters = next(
        found[1]
        for text in model.sources.values()
        if (found := re.search(rf"void {kernel}\(([^;{{]*)\);", text))
    )
    names = [re.search(r"(\w+)$", part.strip())[1] for part in parameters.split(",")]
    spoilt = (
        f"#define {kernel} td_sound\n{model.sources[file]}\n#undef {kernel}\n"
        f"void {kernel}({parameters});\nvoid {kernel}({parameters})\n{{\n"
        f"    td_sound({', '.join(names)});\n    output[0] ^= 1;\n}}\n"
    )
    return replace(model, sources={**model.sources, file: spoilt})


@pytest.mark.parametrize("kind", ["DEPTHWISE_CONV_2D", "SOFTMAX"])
def test_a_broken_kernel_is_found_by_the_name_of_its_operator(kind, model, golden, tmp_path):
    step = re.search(rf"/\* (\d+) {kind} [^\n]*\*/\s+(td_\w+)\(", model.sources["small.c"])
    kernel = step[2]
    listed = model.sources["small_weights.c"].split("small_operators[")[1]
    operator = re.findall(r'^    "(.*)",$', listed, re.M)[int(step[1])]
    project = write_firmware_project(
        broken(model, kernel), AN500, tmp_path, image=golden.image_u8, golden=golden
    )
    run = run_firmware(build_firmware(project), AN500, variables=["td_self_test_result"])
    names = [output.operator for output in golden.outputs]
    index = names.index(operator)
    assert not run.success
    assert run.text.startswith(
        f"self-test failed: operator {index}, {operator}, differs from the PC\n"
    )
    report = read_report(run.text)
    assert not report.self_test_passed
    assert report.first_bad_operator == index
    result = parse_result(run.objects["td_self_test_result"][: RESULT.size])
    assert not result.passed
    assert result.first_bad_operator == index


def test_an_operator_may_report_its_output_in_pieces(model, golden, tmp_path):
    """As one that is streamed: its pieces count as one, in whatever places its name is stored."""
    whole = "#define TD_DONE(step, output, size) td_trace(small_operators[step], output, size)"
    pieces = (
        "#define TD_DONE(step, output, size) do { char again[500]; int32_t end = 0; "
        "for (; small_operators[step][end]; end++) again[end] = small_operators[step][end]; "
        "again[end] = 0; td_trace(small_operators[step], output, (size) / 3); "
        "td_trace(again, (output) + (size) / 3, (size) - (size) / 3); } while (0)"
    )
    assert whole in model.sources["small.c"]
    source = model.sources["small.c"].replace(whole, pieces)
    project = write_firmware_project(
        replace(model, sources={**model.sources, "small.c": source}),
        AN500,
        tmp_path,
        image=golden.image_u8,
        golden=golden,
    )
    assert read_report(run_firmware(build_firmware(project), AN500).text).self_test_passed
