"""The commands for boards, on a small detector and the emulated core."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command_line import run as tinydet
from tests.compiler.small_detector import small_detector, small_spec
from tinydet.config.detector_spec import DETECTOR_FILE
from tinydet.deployment.benchmark import gdb_address
from tinydet.deployment.deploy import board_of
from tinydet.errors import MissingToolError, TinydetError
from tinydet.targets import load_boards
from tinydet.targets.linux import load_linux_boards
from tinydet.targets.timing import MODEL_ERROR


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """As much of a run's folder as the commands take."""
    model = tmp_path / "ein lauf" / "quantized_models" / "quantized_model.tflite"
    model.parent.mkdir(parents=True)
    model.write_bytes(small_detector())
    small_spec().save(model.with_name(DETECTOR_FILE))
    return tmp_path / "ein lauf"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 40, 3), np.uint8)).save(path)
    return path


def test_one_command_from_a_run_to_boxes_of_an_emulated_board(
    run_folder: Path, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "firmware"
    tinydet(
        *("deploy", run_folder, "--board", "MPS2-AN500", "--image", picture),
        *("--score", "0.05", "--output", output),
    )
    printed = capsys.readouterr().out
    assert "self-test passed" in printed
    assert " % (" in printed  # a box: class, score, corners
    assert "KiB to spare" in printed
    for name in ("main.c", "linker.ld", "CMakePresets.json", "README.md", "arena.png"):
        assert (output / name).is_file()


def test_a_web_page(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tinydet("deploy", run_folder, "--target", "web", "--output", tmp_path / "page", "--json")
    [page] = (tmp_path / "page").iterdir()
    told = json.loads(capsys.readouterr().out)
    assert told["page"] == str(page)
    assert told["page_bytes"] == page.stat().st_size > told["bytes_without_weights"] > 0


def test_a_linux_board_without_an_address_gets_a_program(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tinydet("deploy", run_folder, "--board", "STM32MP157F-DK2", "--output", tmp_path / "d")
    assert "give --host user@address" in capsys.readouterr().out


def test_without_capstone_only_the_estimate_is_missing(
    run_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def require(module: str, wish: str) -> None:
        raise MissingToolError(wish, module, "Install it.")

    monkeypatch.setattr("tinydet.targets.timing.decoder.require_package", require)
    tinydet("benchmark", run_folder, "--board", "STM32H747I-DISCO", "--output", tmp_path / "b")
    printed = capsys.readouterr().out
    assert "no estimate of cycles: estimating cycles needs capstone" in printed
    assert "STM32H747I-DISCO: fits" in printed
    record = json.loads((tmp_path / "b" / "benchmark.json").read_text())
    assert record["timing_estimate"] is None
    assert "capstone" in record["no_timing_estimate"]


def test_a_board_that_is_not_there_is_counted_and_estimated(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("capstone")
    tinydet("benchmark", run_folder, "--board", "STM32H747I-DISCO", "--output", tmp_path / "b")
    printed = capsys.readouterr().out
    assert "on cortex-m7" in printed
    assert "STM32H747I-DISCO: fits" in printed
    record = json.loads((tmp_path / "b" / "benchmark.json").read_text())
    assert record["core"] == "cortex-m7"
    time = record["timing_estimate"]
    assert time["estimate"] is True
    assert f"{time['milliseconds']:.1f} ms" in printed
    assert MODEL_ERROR.text() in printed
    assert (tmp_path / "b" / "footprint.json").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["deploy", "RUN", "--board", "STM32H747"], "--board: 'STM32H747'.*Did you mean"),
        (["deploy", "RUN", "--board", "mps2-an500", "--host", "me@box"], "only to Linux boards"),
        (["deploy", "nowhere.onnx", "--board", "mps2-an500"], "suffix '.onnx'"),
        (["deploy", ".", "--board", "mps2-an500"], r"contains no quantized_models"),
        (
            ["benchmark", "RUN", "--via", "gdb://localhost:1"],
            r"--via: applies .*boards \(--board\)",
        ),
        (["benchmark", "RUN", "--board", "mps2-an500", "--via", "localhost"], "gdb://HOST:PORT"),
        (
            ["benchmark", "RUN", "--board", "mps2-an500", "--via", "gdb://localhost:1"],
            "gdb://localhost:1",
        ),
        (["benchmark", "RUN", "--board", "STM32MP157F-DK2"], "--host: no address"),
        (
            ["deploy", "RUN", "--board", "STM32MP157F-DK2", "--host=-oProxyCommand=x"],
            "--host: '-oProxyCommand=x'",
        ),
    ],
)
def test_mistakes_are_one_line(
    words: list[str],
    message: str,
    run_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [str(run_folder) if word == "RUN" else word for word in words]
    with pytest.raises(TinydetError, match=message) as found:
        tinydet(*words)
    assert "\n" not in str(found.value)


def test_every_board_has_one_name() -> None:
    names = [board.name for board in (*load_boards(), *load_linux_boards())]
    assert len({name.lower() for name in names}) == len(names)
    for name in names:
        assert board_of(name.upper()).name == name


def test_addresses_of_gdb_servers() -> None:
    assert gdb_address("gdb://[::1]:3333") == ("::1", 3333)
    for wrong in ("", "gdb://", "gdb://host", "gdb://host:0", "gdb://host:x", "host:1"):
        with pytest.raises(TinydetError, match="--via"):
            gdb_address(wrong)
