"""A detector in the TensorFlow Lite runtime of a board: files, putting them there, running them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydet.config.files import make_folder, write_bytes_atomically
from tinydet.targets.linux.boards import LinuxBoard
from tinydet.targets.linux.deploy import FOLDER_ON_BOARD, Deployment, Source, run_program
from tinydet.targets.linux.install import board_folder, install, probe
from tinydet.targets.linux.ssh_host import RemoteError, SshHost
from tinydet.targets.linux.tflite_runtime import PYTHON_PACKAGES, find_runtime_tools

RUNNER = Path(__file__).parent / "program" / "tflite_runner.py"


@dataclass(frozen=True)
class RunnerFiles:
    """What lies beside each other on a board.

    Attributes:
        name: Of the files, without suffix.
        model: Content of the ``.tflite``.
        settings: What belongs to it, see ``program/tflite_runner.py``.
    """

    name: str
    model: bytes
    settings: dict[str, Any]

    @property
    def contents(self) -> dict[str, bytes]:
        """By file name; what is started comes last, when all that it reads is there."""
        return {
            f"{self.name}.tflite": self.model,
            f"{self.name}.json": json.dumps(self.settings).encode() + b"\n",
            f"{self.name}.py": RUNNER.read_bytes(),
        }

    def write(self, folder: Path) -> Path:
        """Write them on this machine; returns the path of the program."""
        make_folder(folder)
        for name, content in self.contents.items():
            write_bytes_atomically(folder / name, content)
        return folder / f"{self.name}.py"


def deploy_runner(
    files: RunnerFiles,
    board: LinuxBoard,
    host: SshHost,
    *,
    folder_on_board: str = FOLDER_ON_BOARD,
    source: Source | None = None,
) -> Deployment:
    """Copy a detector for the runtime of a board there, and run it.

    Args:
        files: The detector.
        board: What the board is.
        host: How to reach it.
        folder_on_board: Where the files go; created. Relative: below the home folder.
        source: What to detect on; None only copies.

    Raises:
        RemoteError: The board cannot be reached, has another processor, no space, or no runtime
            for its ``python3``; or the delegate cannot be loaded.
        DataError: An image of this machine cannot be read.
    """
    folder = board_folder(folder_on_board)
    kernel, free_kib = probe(host, board, folder)
    if not find_runtime_tools(host).python:
        raise RemoteError(
            host.address,
            f"its python3 has no {' or '.join(PYTHON_PACKAGES)}",
            "Install one there, or deploy without --runtime tflite.",
        )
    there = [
        install(host, content, folder / name, free_kib=free_kib)
        for name, content in files.contents.items()
    ]
    program = str(folder / f"{files.name}.py")
    results = tuple(run_program(host, program, source or Source()))
    size = sum(map(len, files.contents.values()))
    return Deployment(board, host, program, size, all(there), kernel, results)
