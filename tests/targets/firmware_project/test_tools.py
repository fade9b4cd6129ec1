"""Compilers, CMake and emulators that are installed."""

import shutil
import subprocess

import numpy as np
import pytest

from tests.compiler.small_detector import small_spec
from tinydet.targets.board_emulator import emulated_board, run_firmware
from tinydet.targets.boards import find_board
from tinydet.targets.firmware_project import (
    BoardFitError,
    build_firmware,
    detection_lines,
    read_report,
    write_firmware_project,
)

AN500 = find_board("mps2-an500")


@pytest.mark.device
@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")
@pytest.mark.parametrize(
    "name", ["mps2-an500", "STM32L4R9I-DISCO", "B-U585I-IOT02A", "STM32N6570-DK"]
)
def test_arm_gcc_gives_the_same(name, write, golden):
    board = emulated_board(find_board(name))
    run = run_firmware(build_firmware(write(board), compiler="arm-none-eabi-gcc"), board)
    assert read_report(run.text).self_test_passed
    assert list(read_report(run.text).lines) == detection_lines(
        golden.detections, small_spec().class_names, *golden.image_u8.shape[:2]
    )


@pytest.mark.device
@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")
def test_too_little_flash_is_told_for_arm_gcc_too(model, tmp_path):
    project = write_firmware_project(
        model,
        find_board("NUCLEO-F401RE"),
        tmp_path,
        image=np.zeros((450, 400, 3), np.uint8),
        self_test=False,
    )
    with pytest.raises(BoardFitError, match=r"\d+ bytes of flash are missing"):
        build_firmware(project, compiler="arm-none-eabi-gcc")


@pytest.mark.device
@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm")
def test_qemu_prints_what_the_emulator_prints(write):
    elf = build_firmware(write(AN500))
    command = ["qemu-system-arm", "-M", "mps2-an500", "-nographic", "-semihosting"]
    result = subprocess.run(
        [*command, "-kernel", str(elf)],
        capture_output=True,
        text=True,
        timeout=1200,
        stdin=subprocess.DEVNULL,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout + result.stderr == run_firmware(elf, AN500).text


@pytest.mark.device
@pytest.mark.skipif(None in map(shutil.which, ("cmake", "ninja")), reason="no cmake or ninja")
@pytest.mark.parametrize("preset", ["gcc", "gcc-self-test", "zig", "zig-self-test"])
def test_cmake_presets(preset, write, golden):
    compilers = {"gcc": ["arm-none-eabi-gcc"], "zig": ["zig", "python-zig"]}[preset[:3]]
    if not any(map(shutil.which, compilers)):
        pytest.skip(f"no {compilers[0]}")
    project = write(AN500)
    for command in (["cmake", "--preset", preset], ["cmake", "--build", "--preset", preset]):
        result = subprocess.run(command, cwd=project.folder, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "warning:" not in result.stdout
    run = run_firmware(project.folder / "build" / preset / "firmware.elf", AN500)
    report = read_report(run.text)
    assert run.success
    assert report.self_test_passed is (True if preset.endswith("self-test") else None)
    np.testing.assert_array_equal(report.detections.boxes, golden.detections.boxes)
