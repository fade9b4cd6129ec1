"""Estimated cycles of the generated C on boards whose core has Helium.

    python benchmarks/timing_vectors.py MODEL.tflite

The model, of which constant channels are removed, and a network of random weights of the same size,
whose channels are all kept, run in QEMU as programs of the core of each board. Weights lie in the
memory that the program runs from, or in external flash. The file is written after each row.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from embedded import random_model
from record import write_result
from timing import SMALL, Case, Programs, row

from tinydet.targets.timing.board_memories import EXTERNAL_FLASH, FLASH

# The STM32N6 has no flash: its program lies in RAM, and weights there as long as they fit.
BOARDS = (("STM32N6570-DK", FLASH), ("STM32N6570-DK", EXTERNAL_FLASH), ("ALIF-DK-E7", FLASH),
          ("EK-RA8M1", FLASH))  # fmt: skip


def main() -> None:
    """Estimate and write results/timing_vectors.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    model = parser.parse_args().model
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs(Path(folder))
        for path, random in ((model, False), (random_model(SMALL, Path(folder)), True)):
            for board, weights in BOARDS:
                rows.append(row(Case(path, SMALL, board, weights, random), programs))
                command = f"python benchmarks/timing_vectors.py {model.name}"
                write_result("timing_vectors", command, {"rows": rows})


if __name__ == "__main__":
    main()
