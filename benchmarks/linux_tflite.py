"""Instructions of one inference in the TensorFlow Lite runtime on processors of Linux boards.

    python benchmarks/linux_tflite.py --arm64 ROOT --armhf ROOT [--models person_192]

A ROOT is a Python for that architecture, unpacked (``dpkg-deb -x``, not installed) from Debian's
packages (python3.11-minimal, libpython3.11-stdlib, python3-numpy and the libraries they name; BLAS
and LAPACK copied from their folders to those of the other libraries), with the wheel of
tflite-runtime 2.14 unpacked into its ``usr/lib/python3/dist-packages``. It runs in
QEMU's user mode on one thread, with the runtime's default delegate, XNNPACK; counted as in
``linux_cores.py``. Needs gcc and Debian's qemu-user.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from linux_cores import CASES, HERE, LONGEST_SECONDS, MODELS, counter
from record import write_result

from tinydet.pretrained import INT8, model_path

RUNTIME = "tflite-runtime 2.14"
INSIDE = HERE / "tflite_inference.py"
# Emulator -> option with the Python for it.
PYTHONS = {"qemu-aarch64": "arm64", "qemu-arm": "armhf"}


def main() -> None:
    """Count all models on all processors."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in PYTHONS.values():
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parsed = parser.parse_args()
    rows: list[dict[str, Any]] = []
    played = {(case.emulator, case.played, case.mark) for case in CASES}
    for model in parsed.models:
        for emulator, processor, mark in sorted(played):
            root = getattr(parsed, PYTHONS[emulator])
            rows.append(
                {
                    "model": model,
                    "runtime": RUNTIME,
                    "cores": [case.core for case in CASES if case.played == processor],
                    "processor": f"{emulator} -cpu {processor}",
                    "instructions": count(model, emulator, processor, mark, root),
                }
            )
            print(rows[-1], flush=True)
            command = "python benchmarks/linux_tflite.py --arm64 ROOT --armhf ROOT"
            write_result("linux_tflite", command, {"rows": rows})


def count(model: str, emulator: str, processor: str, mark: int, root: Path) -> int:
    """Instructions between the two calls of getppid."""
    with tempfile.TemporaryDirectory() as folder:
        plugin = counter(mark, Path(folder))
        command = [
            emulator, "-cpu", processor, "-L", str(root), "-plugin", str(plugin),
            str(root / "usr/bin/python3.11"), str(INSIDE), str(model_path(model, INT8)),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, check=True, timeout=LONGEST_SECONDS)
    return int([line for line in done.stderr.splitlines() if b"delta" in line][-1].split()[1])


if __name__ == "__main__":
    main()
