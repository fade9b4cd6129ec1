"""The boxes of every target that runs on this machine, against those of Python.

    PYTHONPATH=. python benchmarks/same_boxes.py MODEL.tflite IMAGES [--images 24]

The yardstick is LiteRT's reference kernels with the box selection of ``tinydet.boxes``. Photos are
written as PNG first, since decoders of JPEG round as they like. The Arm and RISC-V programs run in
QEMU's user-mode emulation and the page in Chromium, where these are installed; what is not there is
not in the result.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from record import write_result

from tests.targets.web.chromium import BROWSER, Chromium
from tinydet.boxes import Detections
from tinydet.compiler import CompileOptions, compile_detector
from tinydet.config.detector_spec import DETECTOR_FILE, DetectorSpec, load_detector_spec
from tinydet.data.image_files import list_images
from tinydet.data.images import read_image
from tinydet.data.preprocess import preprocess
from tinydet.inference import detect, load_detector
from tinydet.targets import CortexMTarget, HostTarget
from tinydet.targets.linux import build_program, linux_board
from tinydet.targets.web import write_web_folder

NAME = "person"
LOW_SCORE = 0.25  # more boxes to compare than a user wants to see
CORES = ("cortex-m4", "cortex-m7", "cortex-m33")
LINUX = {  # emulator, and the processor it plays
    "linux-x86_64": (),
    "linux-armv7": ("qemu-arm",),
    "linux-aarch64": ("qemu-aarch64",),
    "linux-riscv64": ("qemu-riscv64", "-cpu", "rv64,v=true"),
    "linux-riscv32": ("qemu-riscv32", "-cpu", "rv32"),
}
Finder = Callable[[Path], Detections]


def main() -> None:
    """Compare and write results/same_boxes.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path, help="folder of photos")
    parser.add_argument("--images", type=int, default=24, dest="count")
    parsed = parser.parse_args()
    spec = load_detector_spec(parsed.model.with_name(DETECTOR_FILE))
    thresholds = spec.postprocess.model_copy(update={"score_threshold": LOW_SCORE})
    spec = spec.model_copy(update={"postprocess": thresholds})
    with tempfile.TemporaryDirectory() as folder:
        photos = as_png(list_images(parsed.images), parsed.count, Path(folder) / "png")
        reference = load_detector(parsed.model, spec, engine="litert-ref")
        expected = [detect(reference, read_image(p), spec.postprocess) for p in photos]
        rows = {
            target: compare(find, photos, expected)
            for target, find in finders(parsed.model, spec, Path(folder)).items()
        }
    command = f"python benchmarks/same_boxes.py MODEL IMAGES --images {parsed.count}"
    detections = sum(len(found) for found in expected)
    figures = {"images": len(photos), "detections": detections, "targets": rows}
    write_result("same_boxes", command, figures)
    print(json.dumps(rows, indent=1))


def as_png(photos: list[Path], count: int, folder: Path) -> list[Path]:
    """Every so many-th photo, its pixels as PNG."""
    folder.mkdir()
    paths = []
    for index, photo in enumerate(photos[:: max(1, len(photos) // count)][:count]):
        paths.append(folder / f"{index}.png")
        Image.fromarray(read_image(photo)).save(paths[-1])
    return paths


def finders(model_path: Path, spec: DetectorSpec, folder: Path) -> dict[str, Finder]:
    """For each target what finds the objects of an image file there."""
    model = compile_detector(model_path, CompileOptions(name=NAME), spec=spec)
    programs: dict[str, Any] = {"host": HostTarget().build(model, folder / "host")}
    for core in CORES:
        programs[core] = CortexMTarget(core).build(model, folder / core)
    found: dict[str, Finder] = {
        name: lambda path, program=program: program.detect(
            preprocess(read_image(path), spec.preprocess)
        )
        for name, program in programs.items()
    }
    for name, emulation in LINUX.items():
        emulator = installed(emulation[0]) if emulation else None
        if not emulation or emulator is not None:
            program = build_program(model, linux_board(name), folder / name)
            command = [str(emulator), *emulation[1:], str(program)] if emulator else [str(program)]
            how = f"{name}, QEMU" if emulator else name
            found[how] = lambda path, command=command: on_linux(command, path)
    if os.access(BROWSER, os.X_OK):
        page = write_web_folder(model, folder / "page").page
        browser = Chromium(folder / "profile")
        browser.open(page)
        browser.wait_for("!document.getElementById('camera').disabled")
        browser.run(
            "document.addEventListener('tinydet', (event) => { window.last = event.detail; });"
            "window.last = null"
        )
        found["Chromium"] = lambda path: in_browser(browser, path)
    return found


def installed(emulator: str) -> str | None:
    """Where QEMU's user mode is: Debian has it under two names."""
    return shutil.which(emulator) or shutil.which(f"{emulator}-static")


def on_linux(command: list[str], path: Path) -> Detections:
    """What the program for Linux finds in an image file."""
    done = subprocess.run([*command, str(path)], capture_output=True, check=True)
    return to_detections(json.loads(done.stdout)["detections"])


def in_browser(browser: Chromium, path: Path) -> Detections:
    """What the page finds in a dropped file."""
    browser.run("window.last = null")
    browser.drop(path)
    return to_detections(browser.wait_for("window.last")["detections"])


def to_detections(records: list[dict[str, Any]]) -> Detections:
    """Detections from JSON; the numbers are those of float32, written with enough digits."""
    return Detections(
        np.array([record["box"] for record in records], np.float32).reshape(-1, 4),
        np.array([record["score"] for record in records], np.float32),
        np.array([record["class_id"] for record in records], np.int64),
    )


def compare(find: Finder, photos: list[Path], expected: list[Detections]) -> dict[str, int]:
    """On how many images a target finds the same: class, score and corners, bit for bit."""
    same = 0
    for path, wanted in zip(photos, expected, strict=True):
        found = find(path)
        same += all(
            np.array_equal(getattr(found, part), getattr(wanted, part).astype(dtype))
            for part, dtype in (
                ("boxes", np.float32),
                ("scores", np.float32),
                ("class_ids", np.int64),
            )
        )
    return {"images": len(photos), "same": same}


if __name__ == "__main__":
    main()
