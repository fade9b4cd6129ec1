"""The programs for 32-bit and 64-bit Arm as they go onto boards, on emulated processors."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from tests.pixel_formats import decode_pixels
from tests.targets.linux.fake_camera import CAPTURE, ERROR_FLAG, FakeCamera
from tests.targets.linux.linux_machine import LinuxMachine
from tests.targets.linux.pictures import picture, write_pictures
from tests.targets.linux.test_program import stream_of
from tinydet.targets.linux import build_program, compare_with_pc, linux_board
from tinydet.targets.linux.comparison import same_detections

BOARDS = {"armv7": "STM32MP157F-DK2", "aarch64": "STM32MP257F-EV1"}
QEMU = {"armv7": "qemu-arm", "aarch64": "qemu-aarch64"}
CODES = {"YUYV": "yuyv", "UYVY": "uyvy", "RGBP": "rgb565", "RGBR": "rgb565_be", "RGB3": "rgb888",
         "GREY": "gray8"}  # fmt: skip
SIZE = (40, 56)

# zig compiles a libc for each architecture: a minute, more on a busy machine
pytestmark = pytest.mark.slow


@pytest.fixture(scope="session", params=BOARDS)
def arm(request, small_model, tmp_path_factory):
    """``(architecture, program)``."""
    board = linux_board(BOARDS[request.param])
    return request.param, build_program(small_model, board, tmp_path_factory.mktemp(board.name))


def lines(output):
    return [json.loads(line) for line in bytes(output).decode().splitlines()]


def run(arm, *arguments, content=b"", camera=None):
    architecture, program = arm
    left = LinuxMachine(program, architecture, camera).run(["small", *arguments], content)
    return left.status, lines(left.output), left.complaint.decode()


def test_same_boxes_as_on_the_pc(arm, pc_program, tmp_path):
    """Same pixels, same boxes, to the bit, on 24 files."""
    paths = write_pictures(tmp_path, 24)
    content = stream_of(paths)
    status, records, _ = run(arm, "--checksum", "--stream", content=content)
    comparison = compare_with_pc(pc_program, paths, records)
    assert (status, comparison.num_same) == (0, 24)
    assert sum(len(record["detections"]) for record in records) > 24


def test_jpeg_has_the_same_pixels_on_every_processor(arm, native, tmp_path):
    paths = write_pictures(tmp_path, 4, suffixes=(".jpg",))
    content = stream_of(paths)
    here = subprocess.run([native, "--checksum", *paths], capture_output=True, check=True)
    timeless = {"ms": 0, "decode_ms": 0}
    _, records, _ = run(arm, "--checksum", "--stream", content=content)
    assert [r | timeless for r in records] == [r | timeless for r in lines(here.stdout)]


@pytest.mark.device
def test_same_lines_in_qemu(arm, native, tmp_path):
    """Another emulator, with system calls of its own: files instead of a stream."""
    architecture, program = arm
    qemu = shutil.which(QEMU[architecture]) or shutil.which(f"{QEMU[architecture]}-static")
    if qemu is None:
        pytest.skip(f"there is no {QEMU[architecture]}")
    paths = write_pictures(tmp_path, 24, suffixes=(".png", ".jpg", ".bmp", ".ppm"))
    command = [program, "--checksum", tmp_path]
    there = subprocess.run([qemu, *command], capture_output=True, check=True)
    here = subprocess.run([native, *command[1:]], capture_output=True, check=True)
    timeless = {"ms": 0, "decode_ms": 0}
    assert [r | timeless for r in lines(there.stdout)] == [r | timeless for r in lines(here.stdout)]
    assert len(lines(there.stdout)) == len(paths)


RISC_V = {
    "linux-riscv64": ("qemu-riscv64", "rv64,v=true"),
    "linux-riscv32": ("qemu-riscv32", "rv32"),
}


@pytest.mark.device
@pytest.mark.parametrize("board", RISC_V)
def test_same_lines_on_risc_v_in_qemu(board, small_model, native, tmp_path):
    """The portable C, with and without the vector extension."""
    emulator, processor = RISC_V[board]
    qemu = shutil.which(emulator) or shutil.which(f"{emulator}-static")
    if qemu is None:
        pytest.skip(f"there is no {emulator}")
    program = build_program(small_model, linux_board(board), tmp_path / "build")
    write_pictures(tmp_path, 24, suffixes=(".png", ".jpg", ".bmp", ".ppm"))
    arguments = ["--threads", "1", "--checksum", tmp_path]
    command = [qemu, "-cpu", processor, program, *arguments]
    there = subprocess.run(command, capture_output=True, check=True)
    here = subprocess.run([native, *arguments], capture_output=True, check=True)
    timeless = {"ms": 0, "decode_ms": 0}
    assert [r | timeless for r in lines(there.stdout)] == [r | timeless for r in lines(here.stdout)]
    assert len(lines(there.stdout)) == 24


def frames(code, count, padding=0, seed=0):
    """Frames of a camera as bytes, and without the padding of their rows."""
    rng = np.random.default_rng(seed)
    bytes_per_pixel = {"RGB3": 3, "GREY": 1}.get(code, 2)
    for index in range(count):
        rows = picture(seed + index, SIZE[0], SIZE[1] * bytes_per_pixel)[..., 0]
        rows = rows ^ (rng.integers(0, 8, rows.shape, np.uint8) << 5)
        yield np.pad(rows, ((0, 0), (0, padding))).tobytes(), rows.tobytes()


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("padding", [0, 8])
def test_camera_frames_have_the_boxes_of_their_pixels(arm, pc_program, code, padding):
    shown = list(frames(code, 4, padding))
    camera = FakeCamera([code], [[(raw, 0)] for raw, _ in shown], row_padding=padding)
    size = f"{SIZE[1]}x{SIZE[0]}"
    status, records, complaint = run(
        arm, "--camera", "/dev/video0", "--size", size, "--frames", "4", camera=camera
    )
    assert (status, complaint) == (0, "")
    assert [record["frame"] for record in records] == [0, 1, 2, 3]
    for record, (_, packed) in zip(records, shown, strict=True):
        image = decode_pixels(packed, CODES[code], *SIZE)
        assert same_detections(pc_program.detect_image(image), record)
    assert any(record["detections"] for record in records)


def camera_run(arm, camera, count=1):
    return run(
        arm, "--camera", "/dev/video0", "--size", f"{SIZE[1]}x{SIZE[0]}", "--frames", str(count),
        camera=camera,
    )  # fmt: skip


def test_the_newest_frame_counts(arm, pc_program):
    """Of frames that came while the network was busy only the last is shown; broken ones never."""
    first, second, third, fourth = frames("YUYV", 4)
    batches = [[(first[0], 0), (second[0], 0)], [(third[0], ERROR_FLAG)], [(fourth[0], 0)]]
    status, records, _ = camera_run(arm, FakeCamera(["YUYV"], batches), 2)
    assert status == 0
    for record, (_, packed) in zip(records, (second, fourth), strict=True):
        image = decode_pixels(packed, "yuyv", *SIZE)
        assert same_detections(pc_program.detect_image(image), record)


def test_the_best_format_is_chosen(arm):
    camera = FakeCamera(["MJPG", "GREY", "YUYV", "NV12"], [[(next(frames("YUYV", 1))[0], 0)]])
    assert camera_run(arm, camera)[0] == 0
    assert camera.format == "YUYV"


def test_the_size_is_that_of_the_driver(arm):
    camera = FakeCamera(["YUYV"], [[(next(frames("YUYV", 1))[0], 0)]], size=SIZE)
    _, records, _ = run(arm, "--camera", "/dev/video0", "--frames", "1", camera=camera)
    assert (records[0]["height"], records[0]["width"]) == SIZE


@pytest.mark.parametrize(
    ("code", "options", "message"),
    [
        ("MJPG", {}, "has no format that the detector reads"),
        ("YUYV", {"capabilities": CAPTURE}, "is not a camera"),
        ("YUYV", {}, "delivers no frames (waited 5 s)"),
    ],
)
def test_cameras_that_cannot_be_used_are_said(arm, code, options, message):
    status, records, complaint = camera_run(arm, FakeCamera([code], [], **options))
    assert (status, records) == (3, [])
    assert complaint.startswith(f"/dev/video0: {message}")
