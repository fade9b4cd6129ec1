"""What the self-test firmware leaves in memory, and where in its image to look."""

import struct
from dataclasses import dataclass
from pathlib import Path

from tinydet.targets.elf import Image, read_image
from tinydet.targets.gdb_remote.cortex_m import vector_table
from tinydet.targets.gdb_remote.packets import BoardError
from tinydet.targets.toolchain import require_package

RESULT_SYMBOL, END_SYMBOL = "td_self_test_result", "td_finished"
PARKING_SYMBOL = "td_halt"  # an endless loop of the start-up
MAGIC = 0x54445354  # "TDST"
# td_self_test_report of the firmware: magic, status, first bad operator, cycles (low), stack,
# detections, operators, cycles (high), address of the name of the bad operator.
RESULT = struct.Struct("<IiiIIiiII")
PASSED = 0
MACHINE_ARM = 40  # e_machine of the ELF header
MACHINE_OFFSET, HEADER_BYTES = 18, 20
ELF_MAGIC, CLASS_32, LITTLE_ENDIAN = b"\x7fELF", 1, 1
BUILD_REMEDY = "Build the self-test firmware of the board: tinydet deploy --board BOARD."


@dataclass(frozen=True)
class SelfTestResult:
    """What ``td_self_test_result`` says.

    Attributes:
        passed: Every operator and the detections are as on the PC.
        first_bad_operator: Index in order of execution of the first that is not; -1 without one.
        first_bad_name: Address of its name; 0 where it did not run.
        num_operators: How many were compared.
        cycles: Of the processor for one inference; None where the core counts none.
        stack_bytes: Deepest stack of one inference.
        num_detections: In the built-in image.
    """

    passed: bool
    first_bad_operator: int
    first_bad_name: int
    num_operators: int
    cycles: int | None
    stack_bytes: int
    num_detections: int


def read_self_test_image(path: Path) -> Image:
    """Read a self-test ELF.

    Raises:
        BoardError: It is missing, not for a Cortex-M, or no self-test.
        MissingToolError: pyelftools is not installed.
    """
    try:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
    except OSError as error:
        raise BoardError(path, f"cannot be read ({error.strerror})", BUILD_REMEDY) from None
    if len(header) < HEADER_BYTES or header[:4] != ELF_MAGIC:
        raise BoardError(path, "is not an ELF file", BUILD_REMEDY)
    machine = int.from_bytes(header[MACHINE_OFFSET:HEADER_BYTES], "little")
    if header[4:6] != bytes([CLASS_32, LITTLE_ENDIAN]) or machine != MACHINE_ARM:
        raise BoardError(path, "is not a program for a Cortex-M", BUILD_REMEDY)
    image = _read(path)
    missing = [name for name in (RESULT_SYMBOL, END_SYMBOL) if name not in image.symbols]
    if not missing and image.symbols[RESULT_SYMBOL].size_bytes < RESULT.size:
        missing = [f"{RESULT_SYMBOL} of this version"]
    if missing:
        raise BoardError(
            path, f"is not a self-test firmware (it has no {missing[0]})", BUILD_REMEDY
        )
    return image


def parse_result(content: bytes) -> SelfTestResult | None:
    """The result from memory; None where the firmware has not written one."""
    magic, status, bad, low, stack_bytes, detections, operators, high, name = RESULT.unpack(content)
    if magic != MAGIC:
        return None
    return SelfTestResult(
        passed=status == PASSED,
        first_bad_operator=bad,
        first_bad_name=name,
        num_operators=operators,
        cycles=(high << 32 | low) or None,
        stack_bytes=stack_bytes,
        num_detections=detections,
    )


def _read(path: Path) -> Image:
    require_package("elftools", "reading the self-test firmware")
    from elftools.common.exceptions import ELFError

    try:
        image = read_image(path)
        vector_table(image)
    except (ELFError, ValueError, AttributeError, KeyError) as error:
        raise BoardError(path, f"cannot be used as firmware ({error})", BUILD_REMEDY) from None
    return image
