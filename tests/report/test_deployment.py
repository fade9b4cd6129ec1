"""The deployment side of the report, the thresholds, and the warnings about the data."""

import json
import re
from pathlib import Path

import pytest

from tests.compiler.small_detector import small_detector, small_spec
from tests.report.test_page import Page, page_of
from tinydet.compiler import compile_detector
from tinydet.report.data_warnings import data_warnings
from tinydet.report.deployment import C_SNIPPET
from tinydet.targets import load_boards
from tinydet.targets.footprint import Footprint

KIB = 1024
SMALL = Footprint("cortex-m7", 100 * KIB, 900, 4, 240, 600 * KIB, 40 * KIB)


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def rows_of(page: Page, board: str) -> str:
    """The line of a board in the page."""
    return re.search(rf"<tr><td>{board}</td>.*?</tr>", page.source, re.DOTALL).group(0)


def test_without_a_footprint_the_report_says_so_and_how_to_get_it(run_folder: Path) -> None:
    text = page_of(run_folder).text
    assert "so its RAM and flash are not known here" in text
    assert "tinydet benchmark run & <i> --board" in text
    assert "detector_detect_image(" in text


@pytest.mark.parametrize(
    ("ram_kib", "flash_kib", "board", "word"),
    [
        (100, 600, "STM32H747I-DISCO", "yes"),
        (100, 600, "NUCLEO-F401RE", "no"),
        (100, 3000, "STM32H747I-DISCO", "with external memory"),
    ],
)
def test_every_board_is_listed_with_what_it_has_room_for(
    run_folder: Path, ram_kib: int, flash_kib: int, board: str, word: str
) -> None:
    footprint = Footprint("cortex-m7", ram_kib * KIB, 900, 4, 240, flash_kib * KIB, 40 * KIB)
    write_json(run_folder / "benchmarking/footprint.json", footprint.to_record())
    page = page_of(run_folder)
    assert f">{word}</span>" in rows_of(page, board)
    assert all(each.name in page.text for each in load_boards())
    assert f"of {len(load_boards())}" in page.text
    assert "Time of an image" not in page.text


def test_an_estimated_time_is_called_one_and_carries_its_error(run_folder: Path) -> None:
    write_json(run_folder / "benchmarking/footprint.json", SMALL.to_record())
    estimate = {
        "board": "STM32H747I-DISCO",
        "milliseconds": 283.6,
        "clock_mhz": 400.0,
        "error": {"points": 19, "median": 0.01, "worst": 0.052},
    }
    write_json(run_folder / "benchmarking/benchmark.json", {"timing_estimate": estimate})
    page = page_of(run_folder)
    said = "284 ms at 400 MHz, estimated, worst error so far 5%"
    assert said in rows_of(page, "STM32H747I-DISCO")
    assert said not in rows_of(page, "STM32F746G-DISCO")
    measured = {"timing_estimate": estimate, "board": "STM32H747I-DISCO", "ms": 290.4}
    write_json(run_folder / "benchmarking/benchmark.json", measured)
    assert "290 ms, measured" in rows_of(page_of(run_folder), "STM32H747I-DISCO")
    assert "tinydet benchmark" not in page.text


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"core": "x"}', b'{"timing_estimate": 3}'])
def test_a_damaged_record_is_named(run_folder: Path, content: bytes) -> None:
    for name in ("footprint", "benchmark"):
        (run_folder / "benchmarking").mkdir(exist_ok=True)
        (run_folder / f"benchmarking/{name}.json").write_bytes(content)
    assert "benchmarking/footprint.json:" in page_of(run_folder).text


def test_the_snippet_is_c_that_compiles(tmp_path: Path) -> None:
    from tinydet.targets.toolchain import LANGUAGE, Toolchain, zig_cc

    detector = compile_detector(small_detector(), spec=small_spec())
    detector.save(tmp_path, picture=False)
    (tmp_path / "find.c").write_text(C_SNIPPET, encoding="utf-8")
    toolchain = Toolchain("zig cc", zig_cc(), (*LANGUAGE, "-Wall", "-Wextra", "-Werror"), ("-c",))
    assert toolchain.build([tmp_path / "find.c"], tmp_path / "find.o", [f"-I{tmp_path}"]).is_file()


def test_the_slider_begins_with_the_figures_of_its_threshold(run_folder: Path) -> None:
    """Without a script the table is right, too: 30 hits of 40, 10 false alarms at 0.39."""
    path = run_folder / "evaluation/q8/result.json"
    result = json.loads(path.read_text())
    hits, alarms = [35] * 38 + [30] * 61, [50] * 38 + [10] * 61
    counts = {"objects": 40, "hits": hits, "false_alarms": alarms}
    result["score_counts"] = dict.fromkeys(result["class_names"][:2], counts)
    write_json(path, result)
    page = page_of(run_folder)
    data = json.loads(next(s for s in page.scripts if '"alarms"' in s))
    assert [row["name"] for row in data["rows"]] == ["all classes", *result["class_names"][:2]]
    assert data["rows"][0]["hits"][38] == 60
    cells = re.findall(r"<td>(.*?)</td>", page.source.split('id="threshold-rows"')[1])
    assert cells[:7] == ["all classes", "75.0", "75.0", "75.0", "60", "20", "20"]


def test_a_result_of_an_earlier_version_has_no_slider(run_folder: Path) -> None:
    assert 'id="threshold"' not in page_of(run_folder).source


def test_warnings_about_the_data_are_on_top(run_folder: Path) -> None:
    path = run_folder / "data/train/check.json"
    check = json.loads(path.read_text())
    check["unreadable"] = [{"path": f"<{n}>.jpg", "fault": "is truncated"} for n in range(5)]
    write_json(path, check)
    page = page_of(run_folder)
    said = "train: 5 unreadable images: <0>.jpg (is truncated), <1>.jpg (is truncated), "
    assert page.text.count(said) == 2
    assert page.text.index("1 warning about the data") < page.text.index("Example detections")


def test_every_kind_of_finding_is_a_warning() -> None:
    check = {
        "boxes": 0,
        "unreadable": [{"path": "a.jpg", "fault": "is empty"}],
        "findings": [
            {"meaning": "boxes cut", "count": 7, "examples": ["a", "b", "c", "d"]},
            {"meaning": "boxes without size", "count": 1, "examples": []},
        ],
        "duplicate_images": [["a", "b"], ["c", "d"]],
    }
    assert data_warnings({"test": check, "train": {}, "validation": {"findings": 3}}) == [
        "test: no object is labelled",
        "test: 1 unreadable image: a.jpg (is empty)",
        "test: 7 boxes cut: a, b, c and 1 more",
        "test: 1 boxes without size",
        "test: 2 groups of identical images",
    ]
