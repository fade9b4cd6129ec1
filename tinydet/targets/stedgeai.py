"""ST Edge AI Core (``stedgeai``, formerly ``stm32ai``), where the user has installed it.

Arguments and reports as its public documentation describes them ("ST Edge AI Core, command-line
interface", releases 2.0 to 3.0). tinydet never needs it: its figures are put beside ours.
"""

import os
import re
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tinydet.config.files import make_folder, write_text_atomically
from tinydet.errors import FaultError, UnsupportedError
from tinydet.targets.boards import Board
from tinydet.targets.footprint import KIB

Command = Literal["analyze", "generate"]
Optimization = Literal["balanced", "time", "ram"]
PROGRAMS = ("stedgeai", "stm32ai")
NOT_USED = "Made with tinydet's own compiler: the configuration names no installed stedgeai."
NETWORK_NAME = "network"  # start of the C names, and of the report's file name
LOG_FILE = "{command}.log"
REPORT_FILE = "{name}_{command}_report.txt"
SERIES = re.compile(r"STM32([A-Z]\d)")
MAX_MESSAGE_LINES = 3
UNITS = {"B": 1, "KiB": KIB, "MiB": KIB * KIB}


class StedgeaiError(FaultError):
    """The tool ended with an error, or said nothing that can be read."""


@dataclass(frozen=True)
class StedgeaiJob:
    """What the tool is asked to work on.

    Attributes:
        program: The executable.
        model: The ``.tflite``.
        target: Series of the chip, as ``stm32h7``.
        output: Gets its files and its report.
        optimization: What the C code is optimized for.
    """

    program: Path
    model: Path
    target: str
    output: Path
    optimization: Optimization = "balanced"


@dataclass(frozen=True)
class StedgeaiReport:
    """Figures of the tool's report; None for what it does not say.

    Attributes:
        tool: Name and version.
        target: Series of the chip.
        macc: Multiply-accumulate operations, as it counts them.
        weights_bytes: Constants.
        activations_bytes: All RAM of the network, with the buffers of input and output.
        runtime_ram_bytes: Variables of its library.
        code_flash_bytes: Code and constants of its library.
    """

    tool: str
    target: str
    macc: int | None
    weights_bytes: int
    activations_bytes: int
    runtime_ram_bytes: int | None
    code_flash_bytes: int | None

    def to_record(self) -> dict[str, Any]:
        """JSON-ready mapping."""
        return asdict(self)


def find_stedgeai(configured: str | None) -> Path | None:
    """The executable that a configuration names.

    Args:
        configured: ``path_to_stedgeai`` or ``path_to_stm32ai``: the executable, or a folder that
            holds it.

    Returns:
        Its path; None where there is none.
    """
    if not configured:
        return None
    path = Path(configured).expanduser()
    candidates = [path, *(path / name for name in PROGRAMS)]
    candidates += [candidate.with_name(f"{candidate.name}.exe") for candidate in candidates]
    return next((p for p in candidates if p.is_file() and os.access(p, os.X_OK)), None)


def target_of(board: Board) -> str:
    """What the tool calls the series of a board's chip.

    Raises:
        UnsupportedError: The chip is not one of its publisher.
    """
    match = SERIES.match(board.chip)
    if match is None:
        raise UnsupportedError(
            "benchmarking.board", f"{board.name} with stedgeai", "STM32 boards", "Choose another."
        )
    return f"stm32{match[1].lower()}"


def command_line(command: Command, job: StedgeaiJob) -> list[str]:
    """The arguments of a call, program first.

    Args:
        command: ``analyze``: memory. ``generate``: C files too.
        job: What to work on.
    """
    return [
        *(str(job.program), command, "--model", str(job.model), "--type", "tflite"),
        *("--target", job.target, "--optimization", job.optimization, "--name", NETWORK_NAME),
        *("--workspace", str(job.output / "workspace"), "--output", str(job.output)),
    ]


def run_stedgeai(command: Command, job: StedgeaiJob) -> StedgeaiReport:
    """Call the tool and read its report.

    Args:
        command: See ``command_line``.
        job: What to work on; ``output`` is created, and gets what the tool printed as
            ``COMMAND.log``.

    Returns:
        The report.

    Raises:
        StedgeaiError: The tool cannot be run, ended with an error, or gave no figures.
        OutputError: The output folder cannot be written to.
    """
    make_folder(job.output)
    arguments = command_line(command, job)
    try:
        result = subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        raise StedgeaiError(
            job.program, f"cannot be run ({error.strerror})", "Correct the path in the YAML."
        ) from None
    printed = f"{result.stdout}\n{result.stderr}"
    log = job.output / LOG_FILE.format(command=command)
    write_text_atomically(log, printed)
    if result.returncode:
        lines = [line.strip() for line in printed.splitlines() if line.strip()]
        errors = [line for line in lines if re.match(r"E\d+|.*[Ee]rror", line)] or lines
        said = "; ".join(errors[-MAX_MESSAGE_LINES:]) or f"exit status {result.returncode}"
        raise StedgeaiError(job.program, f"{command} failed ({said})", f"Its output is in {log}.")
    report_file = job.output / REPORT_FILE.format(name=NETWORK_NAME, command=command)
    written = report_file.read_text("utf-8", "replace") if report_file.is_file() else ""
    report = parse_report(f"{printed}\n{written}", job.target)
    if report is None:
        raise StedgeaiError(
            log, "contains no memory figures", "Check that this is stedgeai 2.0 or newer."
        )
    return report


def parse_report(text: str, target: str) -> StedgeaiReport | None:
    """Read the figures out of a report.

    Args:
        text: The report file, or what the tool printed, or both.
        target: Series of the chip.

    Returns:
        The figures; None where the text has none of weights and activations.
    """
    weights, activations = _bytes(text, r"weights \(ro\)"), _bytes(text, r"activations \(rw\)")
    if weights is None or activations is None:
        return None
    total = _bytes(text, r"ram \(total\)")
    runtime_ram, code_flash = _library(text)
    return StedgeaiReport(
        tool=_tool(text),
        target=target,
        macc=_count(text),
        weights_bytes=weights,
        activations_bytes=activations if total is None else total,
        runtime_ram_bytes=runtime_ram,
        code_flash_bytes=code_flash,
    )


def format_report(report: StedgeaiReport) -> str:
    """One line for people."""
    parts = [
        f"RAM {report.activations_bytes / KIB:.2f} KiB",
        f"weights {report.weights_bytes / KIB:.2f} KiB",
    ]
    if report.code_flash_bytes is not None and report.runtime_ram_bytes is not None:
        parts.append(f"library: RAM {report.runtime_ram_bytes / KIB:.2f} KiB")
        parts.append(f"flash {report.code_flash_bytes / KIB:.2f} KiB")
    if report.macc:
        parts.append(f"{report.macc:,} MACC")
    return f"{report.tool} ({report.target}): {', '.join(parts)}"


def _tool(text: str) -> str:
    match = re.search(r"ST Edge AI Core v[\w.-]+|STM32(?:Cube)?\.?AI v?[\d.]+", text)
    return match[0] if match else "stedgeai"


def _library(text: str) -> tuple[int | None, int | None]:
    """``(RAM, flash)`` of its library, from the table by section; None where there is none."""
    row = re.search(r"^\s*RT total\**\s+([\d,]+)\s+([\d,]+)\s+([\d,]+)\s+([\d,]+)", text, re.M)
    if row is None:
        return None, None
    code, constants, variables, cleared = map(_number, row.groups())
    return variables + cleared, code + constants + variables


def _bytes(text: str, name: str) -> int | None:
    """``weights (ro) : 526,592 B (514.25 KiB) ...``."""
    match = re.search(rf"{name}\s*:\s*([\d,.]+)\s*(B|KiB|MiB)\b", text)
    return None if match is None else round(float(match[1].replace(",", "")) * UNITS[match[2]])


def _count(text: str) -> int | None:
    match = re.search(r"\bmacc\s*:\s*([\d,]+)", text)
    return None if match is None else _number(match[1])


def _number(digits: str) -> int:
    return int(digits.replace(",", ""))
