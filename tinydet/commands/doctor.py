"""``tinydet doctor``: what is installed and what works on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinydet.commands.options import Command
from tinydet.result import Result

if TYPE_CHECKING:
    from tinydet.backends import Backend

COMMAND = Command(
    "doctor", "show versions, backend and tools found", "tinydet.commands.doctor:doctor"
)
SECONDS_TO_LOAD = 120  # of a backend, on a busy machine
TOOLS = {
    "arm-none-eabi-gcc": "cross compiler for Cortex-M",
    "qemu-system-arm": "emulator of a complete board",
    "gdb-multiarch": "debugger for boards",
    "ssh": "embedded Linux boards",
}


@dataclass(frozen=True)
class Diagnosis(Result):
    """A machine, as a bug report needs it.

    Attributes:
        machine: System and processor.
        cores: Number of processor cores.
        versions: Package -> version; None: not installed.
        backend: What trains on this machine where nothing is chosen, or why nothing does.
        backends: Each backend of Keras -> the GPUs that it sees, or why it is of no use.
        tools: Optional program -> its path; None: not found.
    """

    machine: str
    cores: int
    versions: Mapping[str, str | None]
    backend: str
    backends: Mapping[str, str]
    tools: Mapping[str, str | None]

    def __str__(self) -> str:
        lines = [f"machine: {self.machine}, {self.cores} cores"]
        lines += [f"{name}: {found or 'not installed'}" for name, found in self.versions.items()]
        lines.append(f"training backend: {self.backend}")
        lines += [f"backend {name}: {found}" for name, found in self.backends.items()]
        lines += [
            f"{tool} ({TOOLS[tool]}, optional): {found or 'not found'}"
            for tool, found in self.tools.items()
        ]
        return "\n".join(lines)


def doctor() -> Diagnosis:
    """Describe the installation: versions, training backend, devices and tools."""
    import os
    import platform
    import shutil

    from tinydet.backends import BACKENDS
    from tinydet.progress import track
    from tinydet.versions import package_versions

    backends = track(BACKENDS.items(), "Looking for GPUs")
    return Diagnosis(
        machine=platform.platform(),
        cores=os.cpu_count() or 1,
        versions=package_versions(),
        backend=_backend(),
        backends={name: _gpus_seen_by(backend) for name, backend in backends},
        tools={tool: shutil.which(tool) for tool in TOOLS},
    )


def _backend() -> str:
    from tinydet.backends import choose_backend
    from tinydet.errors import TinydetError

    try:
        return choose_backend().name
    except TinydetError as error:
        return str(error)


def _gpus_seen_by(backend: "Backend") -> str:
    """In a process of its own: frameworks in one process may get into each other's way."""
    import subprocess
    import sys

    if not backend.is_installed():
        return f"not installed (pip install 'tinydet[{backend.extra}]')"
    code = (
        "from tinydet.backends import BACKENDS; "
        f"print(*(gpu.name for gpu in BACKENDS['{backend.name}'].gpus()), sep=', ')"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS_TO_LOAD
        )
    except subprocess.TimeoutExpired:
        return f"cannot be loaded within {SECONDS_TO_LOAD} s"
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    if done.returncode != 0:
        return f"cannot be loaded ({lines[-1] if lines else f'status {done.returncode}'})"
    return f"GPU {lines[-1]}" if lines else f"CPU only, no GPU is seen. {backend.gpu_remedy}"
