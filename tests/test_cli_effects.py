"""What is given on the command line counts, to the number: seen in the files that come of it."""

import json
import re
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command_line import tinydet
from tests.compiler.small_detector import small_detector, small_spec
from tests.targets.gdb_remote.fake_board import FakeBoard
from tinydet.config.detector_spec import DETECTOR_FILE
from tinydet.targets.elf import read_image

BOARD = "STM32F746G-DISCO"
MEMORIES = [("flash", 0x0800_0000, 0x10_0000), ("ram", 0x2000_0000, 0x5_0000)]
EXTERNAL_FLASH, EXTERNAL_RAM = 0x9000_0000, 0xC000_0000
CYCLES, CLOCK_MHZ, PC = 4_000_000, 216.5, 15


def write_model(folder: Path, stretch: float = 1.0) -> Path:
    """The small detector, its rescaling of pixels off by a factor."""
    spec = small_spec()
    preprocess = spec.preprocess.model_copy(update={"scale": spec.preprocess.scale * stretch})
    folder.mkdir(exist_ok=True)
    (folder / "m.tflite").write_bytes(small_detector())
    spec.model_copy(update={"preprocess": preprocess}).save(folder / DETECTOR_FILE)
    return folder / "m.tflite"


def test_external_moves_weights_and_arena_out_of_the_chip(capsys, tmp_path):
    status, out, err = tinydet(
        *(capsys, "deploy", write_model(tmp_path), "--board", BOARD, "--output", tmp_path / "f"),
        *("--external", "flash", "ram"),
    )
    assert (status, err) == (0, "")
    assert "self-test passed" in out
    programs = list((tmp_path / "f").rglob("*.elf"))
    assert programs
    for elf in programs:
        sections = read_image(elf).sections
        assert sections[".td_weights"].address == EXTERNAL_FLASH
        assert sections[".td_arena"].address == EXTERNAL_RAM


def test_the_clock_turns_cycles_into_milliseconds(capsys, tmp_path):
    """A board that says how many cycles it took."""
    output = tmp_path / "b"

    def program(board):
        (elf,) = output.rglob("firmware.elf")
        symbols = read_image(elf).symbols
        result = struct.pack("<IiiIIiiII", 0x54445354, 0, -1, CYCLES, 312, 2, 60, 0, 0)
        board.store(symbols["td_self_test_result"].address, result)
        board.registers[PC] = symbols["td_finished"].address
        return b"T05thread:1;"

    with FakeBoard(MEMORIES, program) as board:
        status, out, err = tinydet(
            *(capsys, "benchmark", write_model(tmp_path), "--board", BOARD, "--output", output),
            *("--via", f"gdb://127.0.0.1:{board.port}", "--clock-mhz", CLOCK_MHZ),
        )
    assert (status, err) == (0, "")
    expected_ms = CYCLES / CLOCK_MHZ / 1000
    record = json.loads((output / "benchmark.json").read_text())
    assert record["ms"] == pytest.approx(expected_ms)
    assert float(re.search(r"([\d.]+) ms", out)[1]) == pytest.approx(expected_ms, rel=0.01)


def test_the_speed_of_an_evaluation_is_images_by_seconds(capsys, tmp_path):
    """It is no slower than the command as a whole, however slow the machine is."""
    data, count = tmp_path / "data", 12
    data.mkdir()
    rng = np.random.default_rng(2)
    for index in range(count):
        pixels = rng.integers(0, 256, (40, 50, 3), np.uint8)
        Image.fromarray(pixels).save(data / f"{index}.png")
        (data / f"{index}.txt").write_text(f"{index % 2} 0.5 0.5 0.4 0.6\n")
    start = time.perf_counter()
    status, out, err = tinydet(
        capsys, "evaluate", write_model(tmp_path), "--data", data, "--output", tmp_path / "e"
    )
    whole_s = time.perf_counter() - start
    assert (status, err) == (0, "")
    (file,) = (tmp_path / "e").rglob("result.json")
    result = json.loads(file.read_text())
    assert result["images_per_second"] * result["seconds"] == pytest.approx(count)
    assert 0 < result["seconds"] <= whole_s
    assert f"{result['images_per_second']:.0f} images/s" in out


@pytest.mark.parametrize("stretch", [0.994, 1.0001, 1.006])
def test_pixels_that_are_a_code_and_a_half_off_are_not_compiled(capsys, tmp_path, stretch):
    """Half a code is as near as another one; 255 pixels off by 0.6 percent are 1.5 codes away."""
    words = ("compile", write_model(tmp_path, stretch), "--output", tmp_path / "c")
    status, _, err = tinydet(capsys, *words)
    if abs(stretch - 1) < 1e-3:
        assert (status, err) == (0, "")
    else:
        assert status == 2
        assert "Correct the rescaling" in err
        assert not (tmp_path / "c").exists()
