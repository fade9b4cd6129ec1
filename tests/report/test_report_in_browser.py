"""A real browser runs the page: the slider decides which boxes are drawn."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.page_checks import AXE, barriers, faults
from tests.report.test_deployment import SMALL, write_json
from tests.targets.web.chromium import BROWSER, Chromium
from tinydet.report import write_report

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

pytestmark = [
    pytest.mark.device,
    pytest.mark.skipif(BROWSER is None, reason="no chromium on PATH"),
]


def browse(tmp_path: Path, page: Path, fragment: str, *arguments: str) -> str:
    result = subprocess.run(
        [
            str(BROWSER),
            *FLAGS,
            f"--user-data-dir={tmp_path / 'profile'}",
            *arguments,
            page.resolve().as_uri() + fragment,
        ],
        capture_output=True,
        text=True,
        timeout=1200,
        check=True,
    )
    return result.stdout


def boxes(dom: str) -> tuple[str, int]:
    """What the page says, and how many boxes are in its drawing."""
    said = re.search(r'id="box-count"[^>]*>([^<]*)<', dom)
    assert said is not None
    return said.group(1), len(re.findall(r'<rect[^>]*class="box"', dom))


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        # Two images with scores 0.95, 0.85, 0.6, 0.3 and 0.12 each.
        pytest.param("#score=0.05", 10, id="all"),
        pytest.param("", 6, id="at the advised score of 0.39"),
        pytest.param("#score=0.85", 4, id="a score on the threshold is kept"),
        pytest.param("#score=0.9&model=best_model", 2, id="other model"),
        pytest.param("#score=1", 0, id="none"),
    ],
)
def test_the_slider_decides_which_boxes_are_drawn(run_folder, tmp_path, fragment, expected):
    dom = browse(tmp_path, write_report(run_folder), fragment, "--dump-dom")
    assert boxes(dom) == (f"{expected} boxes shown", expected)
    if expected >= 4:  # the class name with markup is drawn as text
        assert "alert(1)&lt;/script&gt; 0.85</text>" in dom


def test_ground_truth_can_be_hidden_and_is_not_counted_as_boxes(run_folder, tmp_path):
    page = write_report(run_folder)
    shown = browse(tmp_path, page, "#score=0.9&truth=1", "--dump-dom")
    hidden = browse(tmp_path, page, "#score=0.9&truth=0", "--dump-dom")
    assert len(re.findall(r'<rect[^>]*class="truth', shown)) == 4
    assert len(re.findall(r'<rect[^>]*class="truth', hidden)) == 0
    assert boxes(shown) == boxes(hidden) == ("2 boxes shown", 2)
    assert "2 of 2 labelled objects found, 0 false alarms" in shown


def test_a_picture_of_the_page_can_be_taken(run_folder, tmp_path):
    picture = tmp_path / "page.png"
    page = write_report(run_folder)
    browse(tmp_path, page, "", f"--screenshot={picture}", "--window-size=800,900")
    with Image.open(picture) as shot:
        assert shot.size == (800, 900)
        assert len(shot.convert("RGB").getcolors(10**6) or []) > 100


@pytest.fixture
def full_run(run_folder: Path) -> Path:
    """With thresholds, boards and warnings."""
    path = run_folder / "evaluation/q8/result.json"
    result = json.loads(path.read_text())
    counts = {"objects": 40, "hits": list(range(99, 0, -1)), "false_alarms": [7] * 99}
    result["score_counts"] = dict.fromkeys(result["class_names"][:2], counts)
    write_json(path, result)
    check = run_folder / "data/train/check.json"
    faults = [{"path": "x.jpg", "fault": "is truncated"}]
    write_json(check, {**json.loads(check.read_text()), "unreadable": faults})
    write_json(run_folder / "benchmarking/footprint.json", SMALL.to_record())
    return run_folder


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [("#threshold=75", ["25", "15", "7"]), ("#threshold=90", ["10", "30", "7"])],
)
def test_the_threshold_slider_changes_the_figures(full_run, tmp_path, fragment, expected):
    dom = browse(tmp_path, write_report(full_run), fragment, "--dump-dom")
    line = dom.split('id="threshold-rows"')[1].split("<tr>")[2]
    assert re.findall(r"<td>(.*?)</td>", line)[-3:] == expected


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core (npm install axe-core)")
def test_nothing_bars_anybody_from_the_report(full_run, tmp_path):
    with Chromium(tmp_path / "profile") as browser:
        browser.open(write_report(full_run))
        assert barriers(browser) == []
        assert faults(browser) == []
