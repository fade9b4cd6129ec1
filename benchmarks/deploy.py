"""From an int8 model to a board's firmware: time, memory; size of the web page.

    python benchmarks/deploy.py MODEL.tflite PHOTO

The firmware is that of ``tinydet deploy``: written, built with and without its self-test, and the
self-test run in an emulator.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from record import write_result

from tinydet.pipeline.deploy_commands import board_of, deploy_firmware
from tinydet.pipeline.int8_model import CompileOptions, compile_int8
from tinydet.targets import Board
from tinydet.targets.firmware_project.placement import External
from tinydet.targets.web import write_web_folder

CASES: tuple[tuple[str, tuple[External, ...]], ...] = (
    ("mps2-an500", ()),
    ("STM32H747I-DISCO", ()),
    ("STM32F746G-DISCO", ("flash",)),
)


def main() -> None:
    """Measure and write results/deploy.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("photo", type=Path)
    parsed = parser.parse_args()
    rows = [firmware(parsed.model, parsed.photo, *case) for case in CASES]
    with tempfile.TemporaryDirectory() as folder:
        page = write_web_folder(compile_int8(parsed.model, CompileOptions()), Path(folder))
    figures = {
        "firmware": rows,
        "page_bytes": page.page_bytes,
        "page_bytes_without_weights": page.bytes_without_weights,
    }
    write_result("deploy", "python benchmarks/deploy.py MODEL PHOTO", figures)


def firmware(
    model: Path, photo: Path, board_name: str, external: tuple[External, ...]
) -> dict[str, Any]:
    """One board."""
    board = board_of(board_name)
    assert isinstance(board, Board)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        text = deploy_firmware(
            model,
            Path(folder),
            board,
            image=photo,
            external=external,
            options=CompileOptions(),
        )
        seconds = time.perf_counter() - start
    lines = text.splitlines()
    return {
        "board": board_name,
        "external": list(external),
        "seconds": round(seconds, 1),
        "memory": [line for line in lines if "to spare" in line],
        "emulated": lines[lines.index(next(x for x in lines if "on an emulated" in x)) + 1 :],
    }


if __name__ == "__main__":
    main()
