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

from tinydet import deploy
from tinydet.targets.firmware_project.placement import External

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
        page = deploy(parsed.model, folder, target="web")
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
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        made = deploy(model, folder, board=board_name, image=photo, external=external)
        seconds = time.perf_counter() - start
    return {
        "board": board_name,
        "external": list(external),
        "seconds": round(seconds, 1),
        "memory": [line for line in str(made).splitlines() if "to spare" in line],
        "emulated": list(made.printed),
    }


if __name__ == "__main__":
    main()
