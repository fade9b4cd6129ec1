"""Firmware for a board: a folder that stands alone, and building it without CMake."""

from tinydet.targets.firmware_project.build import (
    MemoryUse,
    build_firmware,
    format_memory_use,
    memory_use,
)
from tinydet.targets.firmware_project.console import (
    FirmwareReport,
    detection_lines,
    read_report,
)
from tinydet.targets.firmware_project.placement import BoardFitError
from tinydet.targets.firmware_project.project import FirmwareProject, write_firmware_project

__all__ = [
    "BoardFitError",
    "FirmwareProject",
    "FirmwareReport",
    "MemoryUse",
    "build_firmware",
    "detection_lines",
    "format_memory_use",
    "memory_use",
    "read_report",
    "write_firmware_project",
]
