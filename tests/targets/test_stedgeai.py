"""The call and the report of stedgeai, after its public documentation; the tool is a stand-in."""

import json
import sys
from pathlib import Path

import pytest

from tinydet.errors import UnsupportedError
from tinydet.targets import load_boards
from tinydet.targets.stedgeai import (
    StedgeaiError,
    StedgeaiJob,
    command_line,
    find_stedgeai,
    format_report,
    parse_report,
    run_stedgeai,
    target_of,
)

# The layout of the documented reports; the numbers are made up.
SUMMARY = """
ST Edge AI Core v2.2.0-20266 329b0e98d
Created date          : 2026-01-31 12:00:00

 Exec/report summary (analyze)
 -----------------------------------------------------------------------------------------
 model file         :   /models/quantized_model.tflite
 type               :   tflite
 c_name             :   network
 options            :   allocate-inputs, allocate-outputs
 optimization       :   balanced
 target/series      :   stm32h7
 model_fmt          :   ss/sa per channel
 params #           :   1,125,130 items (1.08 MiB)
 -----------------------------------------------------------------------------------------
 input 1/1          :   'serving', uint8(1x192x192x3), 108.00 KBytes, QLinear(0.0078,127,uint8)
 output 1/1         :   'nl_1', f32(1x3845x10), 150.20 KBytes, activations
 macc               :   121,800,345
 weights (ro)       :   1,125,131 B (1.07 MiB) (1 segment) / -3,370,000(-74.9%) vs float model
 activations (rw)   :   533,720 B (521.21 KiB) (1 segment) *
 ram (total)        :   533,724 B (521.21 KiB) = 533,720 + 0 + 4
 -----------------------------------------------------------------------------------------
"""
SECTIONS = """
 Requested memory size by section - "stm32h7" target
 ------------------------------ --------- ----------- -------- -----------
 module                              text      rodata     data         bss
 ------------------------------ --------- ----------- -------- -----------
 NetworkRuntime1020_CM7_GCC.a     103,876           0        0           0
 network.o                         12,058      44,028   65,432       1,536
 lib (toolchain)*                   2,360         624        0           0
 ------------------------------ --------- ----------- -------- -----------
 RT total**                       118,294      44,652   65,432       1,536
 ------------------------------ --------- ----------- -------- -----------
 weights                                0   1,125,131        0           0
 activations                            0           0        0     533,720
 TOTAL                            118,294   1,169,783   65,432     535,256
"""
# Begun by the shell: the first line of a script names no program with a blank in its path.
TOOL = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
'''
import json, pathlib, sys
arguments = sys.argv[1:]
output = pathlib.Path(arguments[arguments.index("--output") + 1])
(output / "call.json").write_text(json.dumps(arguments))
(output / f"network_{{arguments[0]}}_report.txt").write_text({report!r}, encoding="utf-8")
print("elapsed time: 1 s")
sys.exit({status})
"""


@pytest.fixture
def tool(tmp_path):
    """``tool(report, status)``: a program that notes how it was called."""

    def make(report=SUMMARY, status=0, text=None):
        path = tmp_path / "installed here" / "stedgeai"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text or TOOL.format(python=sys.executable, report=report, status=status))
        path.chmod(0o755)
        return path

    return make


def job(tmp_path, program, **changes):
    model = tmp_path / "a model.tflite"
    return StedgeaiJob(program, model, "stm32h7", tmp_path / "st out", **changes)


def test_the_command_line_is_the_documented_one(tmp_path):
    arguments = command_line("analyze", job(tmp_path, Path("/opt/stedgeai"), optimization="ram"))
    assert arguments[:2] == ["/opt/stedgeai", "analyze"]
    options = dict(zip(arguments[2::2], arguments[3::2], strict=True))
    assert options == {
        "--model": str(tmp_path / "a model.tflite"),
        "--type": "tflite",
        "--target": "stm32h7",
        "--optimization": "ram",
        "--name": "network",
        "--workspace": str(tmp_path / "st out" / "workspace"),
        "--output": str(tmp_path / "st out"),
    }


def test_a_call_gives_the_figures_of_its_report(tmp_path, tool):
    report = run_stedgeai("analyze", job(tmp_path, tool(SUMMARY + SECTIONS)))
    assert report.tool == "ST Edge AI Core v2.2.0-20266"
    assert (report.macc, report.weights_bytes) == (121_800_345, 1_125_131)
    assert report.activations_bytes == 533_724  # with what is outside of the activations
    assert report.runtime_ram_bytes == 65_432 + 1_536
    assert report.code_flash_bytes == 118_294 + 44_652 + 65_432
    called = json.loads((tmp_path / "st out" / "call.json").read_text())
    assert called[0] == "analyze"
    assert str(tmp_path / "a model.tflite") in called  # one argument, in spite of the blank
    assert "elapsed" in (tmp_path / "st out" / "analyze.log").read_text()
    assert json.dumps(report.to_record())
    assert "121,800,345 MACC" in format_report(report)


def test_older_units_are_read():
    text = "weights (ro) : 1.5 MiB\nactivations (rw) : 36.00 KiB (1 segment)\n"
    report = parse_report(text, "stm32f4")
    assert (report.weights_bytes, report.activations_bytes) == (3 << 19, 36864)
    assert report.tool == "stedgeai"
    assert parse_report("nothing of use", "stm32f4") is None


def test_an_error_of_the_tool_is_passed_on(tmp_path, tool):
    script = "#!/bin/sh\necho 'E010(InvalidModelError): no such model' >&2\nexit 3\n"
    with pytest.raises(StedgeaiError, match=r"analyze failed \(E010\(InvalidModelError\): no such"):
        run_stedgeai("analyze", job(tmp_path, tool(text=script)))


def test_a_report_without_figures(tmp_path, tool):
    with pytest.raises(StedgeaiError, match="contains no memory figures"):
        run_stedgeai("analyze", job(tmp_path, tool("TOTAL 1 2 3")))


def test_a_program_that_cannot_be_run(tmp_path, tool):
    with pytest.raises(StedgeaiError, match="cannot be run"):
        run_stedgeai("analyze", job(tmp_path, tool(text="\x7fELF no program")))


def test_the_program_is_found_by_itself_or_by_its_folder(tmp_path, tool):
    path = tool()
    assert find_stedgeai(str(path)) == path
    assert find_stedgeai(str(path.parent)) == path
    assert find_stedgeai(str(path.parent / "stm32ai")) is None
    assert find_stedgeai(str(tmp_path)) is None
    assert find_stedgeai(None) is None
    path.rename(path.with_name("stedgeai.exe"))
    assert find_stedgeai(str(path)) == path.with_name("stedgeai.exe")


def test_the_series_of_boards():
    """Every board of the publisher has a series; others are refused."""
    targets = {}
    for board in load_boards():
        if board.chip.startswith("STM32"):
            targets[board.name] = target_of(board)
        else:
            with pytest.raises(UnsupportedError, match=board.name):
                target_of(board)
    assert targets["STM32H747I-DISCO"] == "stm32h7"
    assert targets["B-U585I-IOT02A"] == "stm32u5"
    assert targets["STM32N6570-DK"] == "stm32n6"
