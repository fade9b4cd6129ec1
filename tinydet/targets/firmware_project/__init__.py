"""Firmware for a board: a folder that stands alone, and building it without CMake."""

from tinydet.targets.firmware_project.build import build_firmware as build_firmware
from tinydet.targets.firmware_project.build import format_memory_use as format_memory_use
from tinydet.targets.firmware_project.build import memory_use as memory_use
from tinydet.targets.firmware_project.console import detection_lines as detection_lines
from tinydet.targets.firmware_project.console import read_report as read_report
from tinydet.targets.firmware_project.placement import BoardFitError as BoardFitError
from tinydet.targets.firmware_project.project import (
    write_firmware_project as write_firmware_project,
)
