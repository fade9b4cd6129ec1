"""Figures of many runs, and what a Linux machine says about itself."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

KIB_PER_MIB = 1024
# "CPU part" of /proc/cpuinfo, which has no names on Arm (Arm MIDR_EL1, implementer 0x41).
ARM_PARTS = {
    "0xc05": "Cortex-A5",
    "0xc07": "Cortex-A7",
    "0xc08": "Cortex-A8",
    "0xc09": "Cortex-A9",
    "0xc0f": "Cortex-A15",
    "0xd01": "Cortex-A32",
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd41": "Cortex-A78",
}


@dataclass(frozen=True)
class Spread:
    """Milliseconds of many runs.

    Attributes:
        median: Half of the runs took no longer.
        p05: A twentieth of the runs took no longer.
        p95: A twentieth of the runs took longer.
        min: Of the fastest run.
        max: Of the slowest run.
        runs: How many.
    """

    median: float
    p05: float
    p95: float
    min: float
    max: float
    runs: int

    def to_record(self) -> dict[str, float]:
        """JSON-ready; milliseconds with 4 digits behind the point."""
        return {key: round(value, 4) for key, value in asdict(self).items()}


def spread(times_ms: Sequence[float]) -> Spread:
    """Median and spread of at least one run.

    >>> spread([3.0, 1.0, 2.0]).median
    2.0
    """
    low, median, high = np.percentile(times_ms, [5, 50, 95])
    return Spread(
        float(median), float(low), float(high), min(times_ms), max(times_ms), len(times_ms)
    )


@dataclass(frozen=True)
class Machine:
    """A Linux machine as its kernel describes it.

    Attributes:
        model: Of the board, from its device tree; "" where it has none.
        cpu: Name of its processor.
        cores: Number of processors that are online.
        memory_mib: Memory that the kernel manages.
        governor: How it chooses clocks, as ``ondemand``; "" where it has no choice.
    """

    model: str
    cpu: str
    cores: int
    memory_mib: int
    governor: str


@dataclass(frozen=True)
class Moment:
    """What changes while a machine works.

    Attributes:
        clocks_mhz: Of each processor; empty where they cannot be read.
        temperature_c: Of the hottest sensor; None where there is none.
    """

    clocks_mhz: tuple[float, ...]
    temperature_c: float | None


FACT_FILES = (
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/firmware/devicetree/base/model",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
)
MOMENT_FILES = (
    "/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq",
    "/sys/class/thermal/thermal_zone*/temp",
)


def read_lines_script(files: Sequence[str], tag: str) -> str:
    """Shell command that prints the lines of files as ``TAG PATH:LINE``.

    Files that do not exist, as most of ``/sys`` on some machines, print nothing.

    >>> read_lines_script(["/proc/cpuinfo"], "fact")
    'grep -s . /proc/cpuinfo /dev/null | sed "s/^/fact /"'
    """
    # /dev/null: with one file grep would not print its name.
    return f'grep -s . {" ".join(files)} /dev/null | sed "s/^/{tag} /"'


def tagged_lines(output: Sequence[str], tag: str) -> list[tuple[str, str]]:
    """``(path, line)`` of what ``read_lines_script`` printed."""
    lines = [line.removeprefix(f"{tag} ") for line in output if line.startswith(f"{tag} /")]
    return [(path, text.strip("\0")) for path, _, text in (line.partition(":") for line in lines)]


def read_machine(lines: Sequence[tuple[str, str]]) -> Machine:
    """The machine from the lines of ``FACT_FILES``."""
    cpuinfo = [_key_value(text) for path, text in lines if path == "/proc/cpuinfo"]
    memory = dict(_key_value(text) for path, text in lines if path == "/proc/meminfo")
    contents = dict(lines)
    kib = re.match(r"\d+", memory.get("MemTotal", ""))
    return Machine(
        model=contents.get("/sys/firmware/devicetree/base/model", "").strip(),
        cpu=_cpu_name(dict(reversed(cpuinfo))),
        cores=max(1, sum(key == "processor" for key, _ in cpuinfo)),
        memory_mib=int(kib.group()) // KIB_PER_MIB if kib else 0,
        governor=contents.get(FACT_FILES[-1], "").strip(),
    )


def read_moment(lines: Sequence[tuple[str, str]]) -> Moment:
    """Clocks and temperature from the lines of ``MOMENT_FILES``, and of ``/proc/cpuinfo``.

    x86 machines in containers tell their clock only there.
    """
    clocks = [
        (int(re.findall(r"\d+", path)[0]), int(text) / 1000)
        for path, text in lines
        if path.endswith("scaling_cur_freq") and text.isdigit()
    ]
    temperatures = [
        int(text) / 1000
        for path, text in lines
        if path.startswith("/sys/class/thermal/") and text.lstrip("-").isdigit()
    ]
    named = [_key_value(text) for path, text in lines if path == "/proc/cpuinfo"]
    stated = [float(value) for key, value in named if key == "cpu MHz"]
    return Moment(
        tuple(clock for _, clock in sorted(clocks)) or tuple(stated),
        max(temperatures) if temperatures else None,
    )


def _cpu_name(cpuinfo: Mapping[str, str]) -> str:
    part = cpuinfo.get("CPU part", "")
    if cpuinfo.get("CPU implementer") == "0x41" and part in ARM_PARTS:
        return ARM_PARTS[part]
    name = cpuinfo.get("model name") or cpuinfo.get("Processor") or cpuinfo.get("Hardware")
    return name or (f"Arm part {part}" if part else "unknown")


def _key_value(text: str) -> tuple[str, str]:
    key, _, value = text.partition(":")
    return key.strip(), value.strip()
