"""The detector as a program on a Linux board: building it, copying it there, running, timing."""

from tinydet.targets.linux.benchmark import BenchmarkOptions as BenchmarkOptions
from tinydet.targets.linux.benchmark import LinuxBenchmark as LinuxBenchmark
from tinydet.targets.linux.benchmark import benchmark_linux as benchmark_linux
from tinydet.targets.linux.benchmark import format_linux_benchmark as format_linux_benchmark
from tinydet.targets.linux.boards import LinuxBoard as LinuxBoard
from tinydet.targets.linux.boards import linux_board as linux_board
from tinydet.targets.linux.boards import load_linux_boards as load_linux_boards
from tinydet.targets.linux.comparison import Comparison as Comparison
from tinydet.targets.linux.comparison import compare_with_pc as compare_with_pc
from tinydet.targets.linux.deploy import Source as Source
from tinydet.targets.linux.deploy import build_program as build_program
from tinydet.targets.linux.deploy import deploy_linux as deploy_linux
from tinydet.targets.linux.ssh_host import RemoteError as RemoteError
from tinydet.targets.linux.ssh_host import SshHost as SshHost
