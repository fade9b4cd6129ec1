"""Timing on a board that is this machine."""

import json
import os
import sys

import pytest

from tests.compiler.small_detector import small_detector
from tests.targets.linux.pictures import write_pictures
from tinydet.errors import ModelFileError
from tinydet.targets.linux import (
    BenchmarkOptions,
    RemoteError,
    benchmark,
    benchmark_linux,
    format_linux_benchmark,
)


@pytest.fixture
def measure(small_model, native_board, native, board, tmp_path, monkeypatch):
    """Time the small detector; nothing is built again."""
    monkeypatch.setattr(benchmark, "build_program", lambda *_: native)

    def run(**options):
        return benchmark_linux(
            small_model,
            native_board,
            board.host,
            build_folder=tmp_path,
            options=BenchmarkOptions(**options),
        )

    return run


def test_median_spread_and_machine(measure, native_board, board, tmp_path):
    board.server.stub("python3", "exit 1")
    image = write_pictures(tmp_path, 1)[0]
    result = measure(runs=11, warmup=2, image=image)
    for timed in filter(None, (result.single, result.parallel)):
        assert timed.network.runs == timed.whole.runs == 11
        assert 0 < timed.network.min <= timed.network.median <= timed.network.max
        assert timed.peak_memory_kib > 100
    assert result.single.threads == 1
    assert (result.parallel is None) == (len(os.sched_getaffinity(0)) == 1)
    assert result.machine.cores >= 1
    assert result.kernel.startswith("Linux ")
    record = json.loads(json.dumps(result.to_record()))
    assert record["how"] == "measured on the board"
    assert (record["board"], record["threads"], record["tflite"]) == (native_board.name, 1, [])
    text = format_linux_benchmark(result)
    assert f"tinydet C ({result.single.kernels}), network" in text
    assert "No TensorFlow Lite runtime" in text


def test_the_runtime_of_the_board_beside_it(measure, board, tmp_path):
    """CPU with one thread and with all, and a delegate that fails in a row of its own."""
    board.server.stub("python3", f'exec "{sys.executable}" "$@"')
    model = tmp_path / "model.tflite"
    model.write_bytes(small_detector())
    result = measure(runs=3, warmup=1, tflite=model, delegate="/no/delegate.so")
    cores = result.machine.cores
    threads = [(row.threads, row.delegate) for row in result.tflite]
    assert threads == [*((n, "") for n in sorted({1, cores})), (1, "/no/delegate.so")]
    assert result.tflite[0].spread.runs == 3
    assert result.tflite[-1].error
    text = format_linux_benchmark(result)
    assert "ai_edge_litert" in text
    assert "delegate.so" in text.splitlines()[-1]


def test_a_delegate_without_a_runtime_is_refused(measure, board, tmp_path):
    board.server.stub("python3", "exit 1")
    with pytest.raises(RemoteError, match=r"no TensorFlow Lite runtime .* Install"):
        measure(runs=1, tflite=tmp_path / "model.tflite", delegate="/usr/lib/d.so")


def test_a_missing_model_is_said(measure, board, tmp_path):
    board.server.stub("python3", f'exec "{sys.executable}" "$@"')
    with pytest.raises(ModelFileError, match="cannot be read"):
        measure(runs=1, tflite=tmp_path / "none.tflite")
