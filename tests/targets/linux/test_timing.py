"""What Linux machines say of themselves, in the words of real ones."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydet.targets.linux.timing import (
    FACT_FILES,
    MOMENT_FILES,
    Machine,
    Moment,
    read_lines_script,
    read_machine,
    read_moment,
    spread,
    tagged_lines,
)

A7 = """\
fact /proc/cpuinfo:processor\t: 0
fact /proc/cpuinfo:model name\t: ARMv7 Processor rev 5 (v7l)
fact /proc/cpuinfo:CPU implementer\t: 0x41
fact /proc/cpuinfo:CPU part\t: 0xc07
fact /proc/cpuinfo:processor\t: 1
fact /proc/cpuinfo:model name\t: ARMv7 Processor rev 5 (v7l)
fact /proc/cpuinfo:CPU implementer\t: 0x41
fact /proc/cpuinfo:CPU part\t: 0xc07
fact /proc/cpuinfo:Hardware\t: STM32 (Device Tree Support)
fact /proc/meminfo:MemTotal:         434876 kB
fact /sys/firmware/devicetree/base/model:STMicroelectronics STM32MP157F-DK2 Discovery Board\0
fact /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor:ondemand
before /sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq:650000
before /sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq:800000
before /sys/class/thermal/thermal_zone0/temp:41000
before /sys/class/thermal/thermal_zone1/temp:43500
""".splitlines()


def test_a_board_with_a_device_tree():
    assert read_machine(tagged_lines(A7, "fact")) == Machine(
        "STMicroelectronics STM32MP157F-DK2 Discovery Board", "Cortex-A7", 2, 424, "ondemand"
    )
    assert read_moment(tagged_lines(A7, "before")) == Moment((800.0, 650.0), 43.5)
    assert read_moment(tagged_lines(A7, "after")) == Moment((), None)


@pytest.mark.parametrize(
    ("text", "cpu"),
    [
        ("model name\t: AMD EPYC", "AMD EPYC"),
        ("CPU implementer\t: 0x41\nCPU part\t: 0xd04", "Cortex-A35"),
        ("CPU implementer\t: 0x51\nCPU part\t: 0xd04", "Arm part 0xd04"),
        ("CPU implementer\t: 0x41\nCPU part\t: 0xfff", "Arm part 0xfff"),
        ("something\t: else", "unknown"),
    ],
)
def test_names_of_processors(text, cpu):
    lines = [("/proc/cpuinfo", line) for line in text.splitlines()]
    assert read_machine(lines).cpu == cpu


def test_nothing_readable_is_no_fault():
    assert read_machine([]) == Machine("", "unknown", 1, 0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_this_machine():
    """The script on a real /proc, by this machine's shell."""
    script = "; ".join([read_lines_script(FACT_FILES, "a"), read_lines_script(MOMENT_FILES, "b")])
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    machine = read_machine(tagged_lines(lines, "a"))
    assert machine.cores >= 1
    assert machine.memory_mib > 100
    assert done.stderr == ""
    read_moment(tagged_lines(lines, "b"))


@given(st.lists(st.floats(0.01, 1e5), min_size=1, max_size=60))
def test_spread_is_in_order(times):
    result = spread(times)
    assert result.min <= result.p05 <= result.median <= result.p95 <= result.max
    assert result.runs == len(times)
    assert sum(t <= result.median for t in times) * 2 >= len(times)
