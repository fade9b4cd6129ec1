"""Every row says how it was obtained, and no kind of record can pass for another."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydet.errors import DataError
from tinydet.report.benchmark_report import (
    read_benchmark_files,
    read_benchmarks,
    write_benchmark_report,
)
from tinydet.report.benchmark_report.figures import Origin
from tinydet.report.benchmark_report.published import Published
from tinydet.report.benchmark_report.tables import NONE, fits_table
from tinydet.targets import load_boards
from tinydet.targets.timing import ModelError, StepTime, TimingEstimate

DETECTOR = {
    "class_names": ["cat", "dog"],
    "alpha": 0.35,
    "preprocess": {"height": 192, "width": 256},
}
FOOTPRINT = {
    "model": "run/eye.tflite", "core": "cortex-m7", "arena_bytes": 300 * 1024, "stack_bytes": 1024,
    "static_bytes": 0, "detections_bytes": 1024, "weights_bytes": 1000 * 1024,
    "code_bytes": 12 * 1024, "versions": {"tinydet": "9.9", "ziglang": "0.1"}, "detector": DETECTOR,
}  # fmt: skip
INSTRUCTIONS = {
    "model": "eye.tflite", "core": "cortex-m4", "network_instructions": 5, "steps": [],
    "total_instructions": 123456789, "compiler": "zig",
}  # fmt: skip
BOARD = {
    "model": "eye.tflite", "server": "gdb://host:1", "core": "cortex-m7", "board": "MY-BOARD",
    "cycles": 48_000_000, "clock_hz": 480e6, "ms": 100.0, "stack_bytes": 312,
}  # fmt: skip
LINUX = {
    "model": "eye.tflite", "board": "linux-armv7", "kernel": "Linux 6.1",
    "machine": {"model": "A board", "cpu": "Cortex-A7", "cores": 2},
    "after": {"clocks_mhz": [650.0, 800.0]}, "threads": 1,
    "network_ms": {"median": 150.5, "p05": 149.25, "p95": 160.0},
    "tflite": [
        {"runtime": "tflite_runtime", "version": "2.11", "threads": 2, "delegate": "",
         "network_ms": {"median": 190.0, "p05": 189.0, "p95": 191.0}, "mean_ms": None},
        {"runtime": "benchmark_model", "version": "", "threads": 1, "delegate": "/usr/lib/npu.so",
         "network_ms": None, "mean_ms": 12.5},
        {"runtime": "benchmark_model", "version": "", "threads": 1, "delegate": "/bad.so",
         "network_ms": None, "mean_ms": None},
    ],
}  # fmt: skip
STEDGEAI = {
    "model": "eye.tflite", "tool": "ST Edge AI Core v3.0.0", "target": "stm32h7",
    "activations_bytes": 512, "weights_bytes": 2048, "runtime_ram_bytes": None,
    "code_flash_bytes": None, "ms": None,
}  # fmt: skip
EVALUATION = {
    "model": {"path": "x/eye.tflite", "name": "eye.tflite", "kind": "int8 tflite"},
    "data": {"path": "/data/cats", "images": 7},
    "settings": {"engine": "c"},
    "ap": {"0.40": {"mean": 0.375}, "0.50": {"mean": None}},
    "coco": {"ap": 0.21},
}
ALL = [FOOTPRINT, INSTRUCTIONS, BOARD, LINUX, STEDGEAI, EVALUATION]
ORIGINS = {
    "measured on a board", "instructions counted in an emulator", "measured on a Linux machine",
    "linked program, stack measured in an emulator", "reported by stedgeai",
    "evaluated on this machine",
}  # fmt: skip


def markdown(folder, records, *, published=False):
    write_benchmark_report(read_benchmarks(records), folder, published=published)
    return (folder / "benchmark_report.md").read_text(encoding="utf-8")


def rows(text, word):
    return [
        [cell.strip() for cell in line.strip("|").split(" |")]
        for line in text.splitlines()
        if line.startswith("|") and word in line
    ]


def test_each_record_gives_rows_of_its_own_origin(tmp_path):
    text = markdown(tmp_path, ALL)
    for origin in ORIGINS:
        assert rows(text, origin), origin
    assert "published" not in text.replace("published rows", "")
    (memory,) = rows(text, "linked program")
    assert memory[:2] == ["eye.tflite, alpha 0.35 (cat, dog)", "256x192"]
    assert memory[3:9] == ["300.00", "2.00", "1,000.00", "12.00", "302.00", "1,012.00"]
    (board,) = rows(text, "measured on a board")
    assert board[2:9] == ["MY-BOARD", "1 CPU", "480", "100.00", "48,000,000", NONE, "312"]
    (counted,) = rows(text, "instructions counted")
    assert counted[4:9] == [NONE, NONE, NONE, "123,456,789", NONE]
    (reported,) = rows(text, "reported by stedgeai")
    assert reported[3:9] == ["0.50", NONE, "2.00", NONE, NONE, NONE]
    linux = rows(text, "measured on a Linux")
    assert [row[3:7] for row in linux] == [
        ["1 thread, tinydet C", "800", "150.50", "149.25 .. 160.00"],
        ["2 threads, tflite\\_runtime 2.11", "800", "190.00", "189.00 .. 191.00"],
        ["npu.so, benchmark\\_model", "800", "12.50", NONE],
    ]
    (accuracy,) = rows(text, "evaluated on this machine")
    assert accuracy[2:7] == ["int8 tflite", "cats, 7 images", "37.5", NONE, "21.0"]


@pytest.mark.parametrize("beside", [INSTRUCTIONS, BOARD], ids=["counts", "measurement"])
def test_an_estimate_is_a_row_of_its_own_and_says_so(tmp_path, beside):
    error = {"points": 7, "median": 0.03, "worst": 0.2}
    time = {"board": "MY-BOARD", "clock_mhz": 400, "milliseconds": 250.5, "cycles": 100_200_000}
    record = {**beside, "timing_estimate": {**time, "error": error}}
    (row,) = rows(markdown(tmp_path, [record]), "estimated, not measured")
    assert row[2:8] == ["MY-BOARD", "1 CPU", "400", "250.50", "100,200,000", NONE]
    assert "7 programs" in row[-1]
    assert "worst 20" in row[-1]


def test_an_estimate_of_operators_has_a_picture(tmp_path):
    """Also beside the Markdown, and in the page itself; without its operators there is none."""
    step = StepTime("conv", 100, 800, 100, 50, 10, 64, 32)
    error = ModelError(7, 0.03, 0.2)
    places = {"weights": "flash"}
    time = TimingEstimate("MY-BOARD", "cortex-m55", 400.0, places, (step,), 0, (9, 99), 0.0, error,
                          "measured", 2.5)  # fmt: skip
    assert TimingEstimate.from_record(json.loads(json.dumps(time.to_record()))) == time
    text = markdown(tmp_path, [INSTRUCTIONS | {"timing_estimate": time.to_record()}])
    assert "(benchmark_roofline_1.png)" in text
    assert (tmp_path / "benchmark_roofline_1.png").read_bytes().startswith(b"\x89PNG")
    html = (tmp_path / "benchmark_report.html").read_text(encoding="utf-8")
    assert "Roofline of eye" in html
    assert "roofline" not in markdown(tmp_path, [INSTRUCTIONS])


def test_a_core_without_cycle_counter_has_no_time(tmp_path):
    """An emulator behind a GDB server must not look like a board that was timed."""
    record = BOARD | {"cycles": None, "ms": 3.0}
    (row,) = rows(markdown(tmp_path, [record]), "MY-BOARD")
    assert row[5:7] == [NONE, NONE]
    assert row[-1].startswith("run on a core without a cycle counter")


def test_published_figures_stand_below_and_are_linked(tmp_path):
    text = markdown(tmp_path, ALL, published=True)
    published = rows(text, "published: ")
    assert all("](https://github.com/" in row[-1] for row in published)
    assert {row[1] for row in published} == {"192", "224", "256", "416"}
    board = text.index("measured on a board")
    assert board < text.index("480.95")


def test_published_figures_are_consistent():
    """Each row has a card with a source, plausible sizes, and the four inputs of the network."""
    published = Published()
    every = [*published.memory, *published.mcu, *published.mpu, *published.accuracy]
    assert {row.source.origin for row in every} == {Origin.PUBLISHED}
    assert all(row.source.url.startswith("https://") for row in every)
    # The totals that the cards print; they round the parts before adding.
    totals = [(591.46, 1291.45), (1027.13, 1312.82), (1308.60, 1337.40), (2939.36, 1513.60)]
    for row, (ram, flash) in zip(published.memory, totals, strict=True):
        assert row.total_ram / 1024 == pytest.approx(ram, abs=0.021)
        assert row.total_flash / 1024 == pytest.approx(flash, abs=0.021)


def test_fits_table_has_every_board_and_model():
    other = FOOTPRINT | {"arena_bytes": 5000 * 1024}
    table = fits_table(read_benchmarks([FOOTPRINT, other]).footprints)
    assert [row[0].text for row in table.rows] == [board.name for board in load_boards()]
    by_board = {row[0].text: [cell.text for cell in row[2:]] for row in table.rows}
    small, large = by_board["STM32H747I-DISCO"]
    assert re.fullmatch(r"yes: RAM \d+, flash 1036 free", small)
    assert large == "with external memory: RAM 4488 short"
    assert by_board["NUCLEO-H743ZI2"][1] == "no: RAM 4488 short"


def test_files_and_the_detector_beside_them(tmp_path):
    (tmp_path / "detector.json").write_text(json.dumps(DETECTOR))
    plain = {key: value for key, value in FOOTPRINT.items() if key != "detector"}
    path = tmp_path / "footprint.json"
    path.write_text(json.dumps(plain))
    benchmarks = read_benchmark_files([path, tmp_path / "benchmark.json"])
    (row,) = benchmarks.memory
    assert row.subject.input_size == (192, 256)
    assert not benchmarks.unknown


@pytest.mark.parametrize("content", ["{", "[]", "\xff"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "footprint.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(
        DataError, match=r"footprint\.json: (cannot be read|does not contain a JSON)"
    ):
        read_benchmark_files([path])


@given(st.sampled_from(ALL), st.data())
def test_incomplete_records_are_named_and_never_stop_the_report(record, data):
    """With any key missing or of another type the record is used or listed, never lost."""
    key = data.draw(st.sampled_from(sorted(record)))
    value = data.draw(st.sampled_from([..., None, "text", 5, [], {}]))
    changed = {k: v for k, v in record.items() if k != key}
    changed |= {} if value is ... else {key: value}
    found = read_benchmarks([changed])
    shown = [*found.memory, *found.mcu, *found.mpu, *found.accuracy]
    assert bool(shown) != bool(found.unknown)


def test_names_cannot_break_out_of_the_tables(tmp_path):
    name = "a|b](x) <script>alert(1)</script>\n# head"
    text = markdown(tmp_path, [FOOTPRINT | {"model": name}, {"model": name}])
    html = (tmp_path / "benchmark_report.html").read_text(encoding="utf-8")
    assert "<script" not in html
    assert not re.search(r"(?<!\\)<script", text)
    assert "\n# head" not in text
    widths = {len(re.split(r"(?<!\\)\|", line)) for line in text.splitlines() if "linked p" in line}
    assert widths == {12}


def test_an_empty_report_and_the_same_bytes_twice(tmp_path):
    """Without any record the published figures remain; the same input gives the same files."""
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        assert write_benchmark_report(read_benchmarks([]), folder).name == "benchmark_report.html"
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()
    assert (first / "benchmark_memory.png").read_bytes().startswith(b"\x89PNG")
