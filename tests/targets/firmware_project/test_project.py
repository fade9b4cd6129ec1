"""The folder: what is in it, what a user adds, what cannot be written or built."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.pixel_formats import decode_pixels
from tinydet.data.preprocess import preprocess
from tinydet.errors import UnsupportedError
from tinydet.targets import HostTarget
from tinydet.targets.board_emulator import run_firmware
from tinydet.targets.boards import find_board
from tinydet.targets.elf import read_image
from tinydet.targets.firmware_project import (
    BoardFitError,
    build_firmware,
    memory_use,
    read_report,
    write_firmware_project,
)
from tinydet.targets.toolchain import BuildError

KIB = 1024
AN500 = find_board("mps2-an500")


FRAMES, ROWS, COLUMNS = 20, 30, 44
CAMERA = """
#include "board.h"

static const uint8_t buffers[FRAMES][30 * 44 * 2] = {@BYTES@};
static int32_t next;

int32_t td_camera_frame(td_image *frame)
{
    if (next == FRAMES) {
        return 0;
    }
    *frame = (td_image){buffers[next++], 30, 44, 2 * 44, TD_RGB565};
    return 1;
}
""".replace("FRAMES", str(FRAMES))


def test_a_camera_and_a_serial_port_of_the_user(model, tmp_path):
    """What lies in user/ takes the place of the defaults and survives writing the folder again.

    On all frames the boxes are those of the PC.
    """
    frames = np.random.default_rng(8).integers(0, 256, (FRAMES, ROWS * COLUMNS * 2), np.uint8)
    texts = ["{" + ", ".join(map(str, frame)) + "}" for frame in frames]
    camera = CAMERA.replace("@BYTES@", ",\n".join(texts))
    user = tmp_path / "project" / "user"
    user.mkdir(parents=True)
    (user / "camera.c").write_text(camera)
    (user / "uart.c").write_text(
        '#include "board.h"\n#include "semihosting.h"\n'
        "void td_write(const char *text)\n{\n"
        '    td_semihosting(TD_SYS_WRITE0, (uint32_t)"> ");\n'
        "    td_semihosting(TD_SYS_WRITE0, (uint32_t)text);\n}\n"
    )
    project = write_firmware_project(
        model, AN500, tmp_path / "project", image=None, self_test=False
    )
    assert (user / "camera.c").read_text() == camera
    run = run_firmware(build_firmware(project), AN500)
    assert run.success
    assert all(line.startswith("> ") for line in run.text.splitlines())
    of_frames = re.findall(r".*?#td detections \d+\n", run.text.replace("> ", ""), re.DOTALL)
    assert len(of_frames) == FRAMES
    host = HostTarget().build(model, tmp_path / "host")
    total = 0
    for frame, text in zip(frames, of_frames, strict=True):
        image = decode_pixels(frame.tobytes(), "rgb565", ROWS, COLUMNS)
        expected = host.detect(preprocess(image, model.spec.preprocess))
        found = read_report(text)
        np.testing.assert_array_equal(found.detections.boxes, expected.boxes)
        np.testing.assert_array_equal(found.detections.scores, expected.scores)
        np.testing.assert_array_equal(found.detections.class_ids, expected.class_ids)
        assert found.self_test_passed is None
        total += len(expected)
    assert total > FRAMES


def test_without_image_and_camera_it_says_so(model, tmp_path):
    project = write_firmware_project(model, AN500, tmp_path, image=None, self_test=False)
    run = run_firmware(build_firmware(project), AN500)
    assert run.text == "no image: define td_camera_frame(), see board.h\n"
    assert not run.success


def test_a_stack_that_overflows_is_an_error_of_the_emulator(model, tmp_path):
    project = write_firmware_project(
        model, find_board("STM32F746G-DISCO"), tmp_path, image=None, self_test=False
    )
    (tmp_path / "user" / "deep.c").write_text(
        "#include <stdint.h>\nvoid td_board_init(void)\n{\n    volatile uint8_t deep[9000];\n"
        "    for (int i = 0; i < 9000; i++) deep[i] = 1;\n}\n"
    )
    with pytest.raises(RuntimeError, match=r"td_board_init .* faulted on the emulated STM32F746G"):
        run_firmware(build_firmware(project), project.board)


def test_the_folder_stands_alone(write):
    """No path of this machine, no tool of tinydet; the main program is short."""
    project = write(AN500)
    texts = {
        path.relative_to(project.folder).as_posix(): path.read_text(encoding="utf-8")
        for path in project.folder.rglob("*")
        if path.is_file() and "build" not in path.relative_to(project.folder).parts
    }
    for name, text in texts.items():
        assert str(project.folder) not in text, name
        assert not re.search(r"@[A-Z_]+@", text), name
        if name.endswith((".c", ".h")):
            for header in re.findall(r'#include "([^"]+)"', text):
                assert header in texts or f"model/{header}" in texts, name
    assert texts["main.c"].count("\n") < 150
    assert set(project.sources) <= set(texts)


def test_a_folder_written_again_has_no_kernels_of_another_model(model, tmp_path):
    more = replace(model, sources={**model.sources, "td_old.c": "not C"})
    write_firmware_project(more, AN500, tmp_path, image=None, self_test=False)
    main = tmp_path / "main.c"
    before = main.stat().st_mtime_ns
    write_firmware_project(model, AN500, tmp_path, image=None, self_test=False)
    assert not (tmp_path / "model" / "td_old.c").exists()
    assert main.stat().st_mtime_ns == before  # what has not changed is not compiled again


def test_too_little_ram_is_told_in_bytes(model, tmp_path):
    large = replace(model, plan=SimpleNamespace(arena_bytes=400 * KIB, input_mode="image"))
    with pytest.raises(BoardFitError) as caught:
        write_firmware_project(
            large, find_board("NUCLEO-F401RE"), tmp_path, image=None, self_test=False
        )
    text = str(caught.value)
    assert text.startswith(
        f"NUCLEO-F401RE: {304 * KIB} bytes of RAM are missing: the arena of {400 * KIB} bytes"
    )
    assert "--optimize ram" in text
    assert "STM32H747I-DISCO" in text
    assert "STM32F746G-DISCO" not in text


def test_too_little_flash_is_told_in_bytes(model, tmp_path):
    """As many bytes as the same program takes more on a board where it fits."""
    image = np.zeros((450, 400, 3), np.uint8)
    sizes = {}
    for name in ("STM32F469I-DISCO", "NUCLEO-F401RE"):
        project = write_firmware_project(
            model, find_board(name), tmp_path, image=image, self_test=False
        )
        try:
            sizes[name] = memory_use(project, build_firmware(project))[0].used_bytes
        except BoardFitError as error:
            text = str(error)
    needed = sizes["STM32F469I-DISCO"]
    assert text.startswith(
        f"NUCLEO-F401RE: {needed - 512 * KIB} bytes of flash are missing ({needed} needed, "
        f"{512 * KIB} available). "
    )
    assert "NUCLEO-H743ZI2" in text
    assert "G474RE" not in text
    assert not list((tmp_path / "build").rglob("firmware.elf"))


def test_weights_and_arena_may_lie_outside_of_the_chip(model, golden, tmp_path):
    """In memories that td_board_init sets up; the file contains no gap between them."""
    board = find_board("STM32F746G-DISCO")
    project = write_firmware_project(
        model,
        board,
        tmp_path,
        image=golden.image_u8,
        golden=golden,
        external=("flash", "ram"),
    )
    elf = build_firmware(project)
    image = read_image(elf)
    assert image.sections[".td_weights"].address == 0x9000_0000
    assert image.sections[".td_arena"].address == 0xC000_0000
    assert 0x0800_0000 < image.sections[".text"].address < 0x0810_0000
    assert elf.stat().st_size < 1024 * KIB
    uses = {use.name: use.used_bytes for use in memory_use(project, elf)}
    assert uses["EXTERNAL_RAM"] == project.needs.arena_bytes
    assert uses["EXTERNAL_FLASH"] >= golden.image_u8.size
    assert read_report(run_firmware(elf, board).text).self_test_passed
    with pytest.raises(UnsupportedError, match="NUCLEO-F401RE: external ram is not supported"):
        write_firmware_project(
            model,
            find_board("NUCLEO-F401RE"),
            tmp_path,
            image=None,
            self_test=False,
            external=("ram",),
        )


def test_an_error_in_the_users_c_is_the_compilers(model, tmp_path):
    project = write_firmware_project(model, AN500, tmp_path, image=None, self_test=False)
    (tmp_path / "user" / "wrong.c").write_text("int wrong = missing;\n")
    with pytest.raises(BuildError, match="missing"):
        build_firmware(project)


def test_wishes_that_cannot_be_met(model, tmp_path):
    with pytest.raises(UnsupportedError, match="self-test: no image"):
        write_firmware_project(model, AN500, tmp_path, image=None)
    rows = replace(model, plan=SimpleNamespace(arena_bytes=KIB, input_mode="rows"))
    with pytest.raises(UnsupportedError, match="default input mode"):
        write_firmware_project(rows, AN500, tmp_path, image=None, self_test=False)
