"""Booting a complete image in QEMU's mps2-an500, where QEMU is installed."""

import subprocess

import numpy as np

from tinydet.targets.base import DETECTION, to_detections
from tinydet.targets.elf import read_image

TIMEOUT_SECONDS = 1200


def boot_in_qemu(path, image_u8, folder, program):
    """Detections that an image built with ``-DTD_SEMIHOSTING`` prints.

    Args:
        path: The linked image.
        image_u8: Preprocessed picture; it is put to its place before the start.
        folder: For the file of the picture.
        program: The same model on the emulated core, which tells where the picture goes.
    """
    arena = program.image.symbols["td_arena"].address
    offset = program.image_address() - arena
    address = read_image(path).symbols["td_arena"].address + offset
    (folder / "picture.bin").write_bytes(image_u8.tobytes())
    picture = f"loader,file={folder / 'picture.bin'},addr={address:#x},force-raw=on"
    result = subprocess.run(
        ["qemu-system-arm", "-M", "mps2-an500", "-nographic", "-semihosting-config",
         "enable=on,target=native", "-kernel", str(path), "-device", picture],
        capture_output=True, text=True, timeout=TIMEOUT_SECONDS, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    printed = bytes.fromhex(result.stdout + result.stderr)
    return to_detections(np.frombuffer(printed, DETECTION))
