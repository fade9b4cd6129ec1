"""The runtime of a board: found, timed, its failures told."""

import sys
from pathlib import Path

import pytest

from tests.compiler.small_detector import small_detector
from tinydet.targets.linux.ssh import Answer
from tinydet.targets.linux.tflite_runtime import (
    RuntimeRun,
    RuntimeTools,
    benchmark_model_command,
    find_runtime_tools,
    read_benchmark_model,
    time_runtime,
)

RUN = RuntimeRun("model.tflite", threads=1, warmup=1, runs=4)
# As a published log of the tool has it, shortened.
PRINTED = """\
STARTING!
Num threads: [1]
Initialized session in 20.283ms.
Running benchmark for at least 1 iterations and at least 0.5 seconds.
count=2 first=339304 curr=266325 min=266325 max=339304 avg=302814 std=36489
Running benchmark for at least 50 iterations and at least 1 seconds.
count=50 first=266601 curr=266931 min=265837 max=268116 avg=266473 std=419
Inference timings in us: Init: 20283, First inference: 339304, Warmup (avg): 302814
"""


def test_the_last_statistics_count():
    timing = read_benchmark_model(Answer(0, PRINTED, ""), RUN)
    assert timing.mean_ms == pytest.approx(266.473)
    assert timing.spread is None  # no median is told
    assert timing.to_record()["mean_ms"] == 266.473


def test_newer_statistics_have_a_median():
    newer = PRINTED.replace("std=419", "std=419 p5=265900 median=266400 p95=267900")
    timing = read_benchmark_model(Answer(0, newer, ""), RUN)
    assert (timing.spread.median, timing.spread.p95) == pytest.approx((266.4, 267.9))
    assert timing.spread.runs == 50


def test_a_failure_is_a_row():
    timing = read_benchmark_model(Answer(1, "ERROR: no delegate\n", ""), RUN)
    assert (timing.mean_ms, timing.error) == (None, "ERROR: no delegate")


def test_delegate_is_in_the_command():
    run = RuntimeRun("a.tflite", 2, 5, 50, "/usr/lib/libvx_delegate.so.2")
    command = benchmark_model_command("/opt/benchmark_model", run)
    assert command[0] == "/opt/benchmark_model"
    assert command[-1] == "--external_delegate_path=/usr/lib/libvx_delegate.so.2"


def test_the_timing_program_is_run_as_documented(board):
    board.server.stub("benchmark_model", 'echo "$@" > arguments; cat <<E\n' + PRINTED + "E")
    tools = RuntimeTools(python=False, benchmark_model=str(board.server.stubs / "benchmark_model"))
    timing = time_runtime(board.host, tools, RUN)
    assert timing.mean_ms == pytest.approx(266.473)
    assert (board.home / "arguments").read_text() == (
        "--graph=model.tflite --num_threads=1 --warmup_runs=1 --num_runs=4\n"
    )


def test_a_board_without_a_runtime(board):
    board.server.stub("python3", "exit 1")
    tools = find_runtime_tools(board.host)
    assert not tools


def test_a_timing_program_on_the_path_is_found(board):
    board.server.stub("python3", "exit 1")
    board.server.stub("benchmark_model", "exit 0")
    tools = find_runtime_tools(board.host)
    assert (tools.python, Path(tools.benchmark_model).name) == (False, "benchmark_model")


@pytest.fixture
def python_board(board):
    """A board whose python3 has a runtime: that of these tests."""
    board.server.stub("python3", f'exec "{sys.executable}" "$@"')
    (board.home / "model.tflite").write_bytes(small_detector())
    return board


def test_a_real_runtime_is_timed(python_board):
    assert find_runtime_tools(python_board.host).python
    timing = time_runtime(python_board.host, RuntimeTools(True, ""), RUN)
    assert (timing.runtime, timing.error) == ("ai_edge_litert", "")
    assert timing.spread.runs == 4
    assert 0 < timing.spread.median < 1000


def test_a_delegate_that_cannot_be_loaded_is_a_row(python_board):
    run = RuntimeRun("model.tflite", 1, 1, 1, "/no/such/delegate.so")
    timing = time_runtime(python_board.host, RuntimeTools(True, ""), run)
    assert "delegate.so" in timing.error
    assert timing.spread is None


def test_a_runtime_that_crashes_is_a_row(board):
    board.server.stub("python3", 'cat > /dev/null; echo "Segmentation fault" >&2; exit 139')
    timing = time_runtime(board.host, RuntimeTools(True, ""), RUN)
    assert timing.error == "Segmentation fault"
