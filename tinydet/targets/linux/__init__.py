"""The detector as a program on a Linux board: building it, copying it there, running, timing."""

from tinydet.targets.linux.benchmark import (
    BenchmarkOptions,
    LinuxBenchmark,
    benchmark_linux,
    format_linux_benchmark,
)
from tinydet.targets.linux.boards import LinuxBoard, linux_board, load_linux_boards
from tinydet.targets.linux.comparison import Comparison, compare_with_pc
from tinydet.targets.linux.deploy import Deployment, Source, build_program, deploy_linux
from tinydet.targets.linux.ssh_host import RemoteError, SshHost

__all__ = [
    "BenchmarkOptions",
    "Comparison",
    "Deployment",
    "LinuxBenchmark",
    "LinuxBoard",
    "RemoteError",
    "Source",
    "SshHost",
    "benchmark_linux",
    "build_program",
    "compare_with_pc",
    "deploy_linux",
    "format_linux_benchmark",
    "linux_board",
    "load_linux_boards",
]
