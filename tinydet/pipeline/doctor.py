"""What is installed and what works on this machine."""

import os
import platform
import shutil

from tinydet.pipeline.provenance import package_versions

TOOLS = {
    "arm-none-eabi-gcc": "cross compiler for Cortex-M",
    "qemu-system-arm": "emulator of a whole board",
    "gdb-multiarch": "debugger for boards",
    "ssh": "embedded Linux boards",
}


def diagnose() -> str:
    """Versions, backend, devices and tools, as text for a bug report."""
    lines = [f"machine: {platform.platform()}, {os.cpu_count()} cores"]
    missing = "not installed"
    lines += [f"{name}: {version or missing}" for name, version in package_versions().items()]
    lines.append(f"training backend: {_backend()}")
    lines += [
        f"{tool} ({purpose}, optional): {shutil.which(tool) or 'not found'}"
        for tool, purpose in TOOLS.items()
    ]
    return "\n".join(lines)


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
