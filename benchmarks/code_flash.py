"""Code flash of bundled detectors on a Cortex-M7, beside what an earlier tinydet makes of them.

    python benchmarks/code_flash.py [--before COMMIT]
    python benchmarks/make_tables.py

The same int8 files, `balanced`, compiled by this state and by that of a commit, which `git archive`
brings into a temporary folder. Box voting, which that of the default does not know, is left out,
then added as the detectors are shipped. With zig cc, and arm-none-eabi-gcc where it is installed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from record import write_result

from tinydet.config.detector_spec import DETECTOR_FILE
from tinydet.pretrained import INT8, model_path
from tinydet.targets.toolchain import ARM_GCC

NAME = "code_flash"
ROOT = Path(__file__).parents[1]
CHILD = Path(__file__).parent / NAME / "code_bytes.py"
BEFORE = "89a1f9f"  # the last commit before the first kernel in Helium, NEON or AVX
MODELS = ("person_192", "person_256")
VOTING = "box_voting_iou"


def main() -> None:
    """Measure and write results/code_flash.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", default=BEFORE, metavar="COMMIT")
    before = parser.parse_args().before
    compilers = ["zig", *([ARM_GCC] if shutil.which(ARM_GCC) else [])]
    with tempfile.TemporaryDirectory() as name:
        earlier = state_of(before, Path(name) / "earlier")
        plain = {model: model_in(Path(name) / model, model, voting=False) for model in MODELS}
        shipped = {model: model_in(Path(name) / f"{model}_voting", model) for model in MODELS}
        before_bytes = code_bytes(earlier, list(plain.values()), compilers)
        now_bytes = code_bytes(ROOT, [*plain.values(), *shipped.values()], compilers)
    rows = [
        {
            "model": model,
            "compiler": compiler,
            "before_bytes": before_bytes[plain[model], compiler],
            "now_bytes": now_bytes[plain[model], compiler],
            "with_voting_bytes": now_bytes[shipped[model], compiler],
        }
        for compiler in compilers
        for model in MODELS
    ]
    write_result(NAME, f"python benchmarks/{NAME}.py", {"before": before, "rows": rows})


def state_of(commit: str, folder: Path) -> Path:
    """The package as it was in a commit, in a folder that can be put on Python's path."""
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", commit, "tinydet"], capture_output=True, check=True
    )
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def model_in(folder: Path, model: str, voting: bool = True) -> Path:
    """A copy of a bundled detector, as it is shipped or without box voting."""
    source = model_path(model, INT8)
    folder.mkdir(exist_ok=True)
    spec = json.loads(source.with_name(DETECTOR_FILE).read_text(encoding="utf-8"))
    if not voting:
        spec["postprocess"].pop(VOTING, None)
    (folder / DETECTOR_FILE).write_text(json.dumps(spec), encoding="utf-8")
    return Path(shutil.copy(source, folder))


def code_bytes(
    package: Path, models: Sequence[Path], compilers: Sequence[str]
) -> dict[tuple[Path, str], int]:
    """What a state of the package makes of each model with each compiler."""
    command = [sys.executable, str(CHILD), ",".join(compilers), *map(str, models)]
    environment = os.environ | {"PYTHONPATH": str(package)}
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, check=True, encoding="utf-8"
    )
    rows = (line.split("\t") for line in done.stdout.splitlines())
    return {(Path(model), compiler): int(size) for model, compiler, size in rows}


def code_flash_table(figures: dict[str, Any], table: Callable[..., str]) -> str:
    """The section of docs/benchmarks.md."""
    rows = [
        [
            row["model"],
            row["compiler"],
            f"{row['before_bytes']:,}",
            *(
                f"{row[key]:,} ({row[key] / row['before_bytes'] - 1:+.1%})"
                for key in ("now_bytes", "with_voting_bytes")
            ),
        ]
        for row in figures["rows"]
    ]
    heads = ["detector", "compiler", "before, bytes", "now", "now, with box voting"]
    return (
        "## Code flash on a Cortex-M7\n\n"
        "Network and boxes of the same int8 files, `balanced`, by the state of commit "
        f"`{figures['before']}`, before the kernels for vectors, and now. Detectors are shipped "
        "with box voting, which there was not before.\n\n" + table(heads, rows)
    )


if __name__ == "__main__":
    main()
