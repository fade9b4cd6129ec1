"""``tinydet doctor``: what is installed and what works on this machine."""

from collections.abc import Mapping
from dataclasses import dataclass

from tinydet.commands.options import Command
from tinydet.result import Result

COMMAND = Command(
    "doctor", "show versions, backend and tools found", "tinydet.commands.doctor:doctor"
)
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
        backend: What trains on this machine, or why nothing does.
        tools: Optional program -> its path; None: not found.
    """

    machine: str
    cores: int
    versions: Mapping[str, str | None]
    backend: str
    tools: Mapping[str, str | None]

    def __str__(self) -> str:
        lines = [f"machine: {self.machine}, {self.cores} cores"]
        lines += [f"{name}: {found or 'not installed'}" for name, found in self.versions.items()]
        lines.append(f"training backend: {self.backend}")
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

    from tinydet.versions import package_versions

    return Diagnosis(
        machine=platform.platform(),
        cores=os.cpu_count() or 1,
        versions=package_versions(),
        backend=_backend(),
        tools={tool: shutil.which(tool) for tool in TOOLS},
    )


def _backend() -> str:
    try:
        import tinydet.model  # noqa: F401, I001 - first: loads the framework without its messages
        import keras
        import tensorflow as tf
    except ImportError as error:
        return (
            f"not available ({error}); training and quantization need pip install 'tinydet[train]'"
        )
    gpus = [device.name for device in tf.config.list_physical_devices("GPU")]
    return f"{keras.backend.backend()} on {', '.join(gpus) or 'CPU'}"
