"""Building the generated C for a machine, running it there, measuring it."""

from tinydet.targets.base import Program as Program
from tinydet.targets.base import ProgramDetector as ProgramDetector
from tinydet.targets.base import program_detector as program_detector
from tinydet.targets.benchmark import Benchmark as Benchmark
from tinydet.targets.benchmark import Builds as Builds
from tinydet.targets.benchmark import benchmark as benchmark
from tinydet.targets.benchmark import draw_benchmark as draw_benchmark
from tinydet.targets.benchmark import format_benchmark as format_benchmark
from tinydet.targets.boards import Board as Board
from tinydet.targets.boards import Fit as Fit
from tinydet.targets.boards import find_board as find_board
from tinydet.targets.boards import fit as fit
from tinydet.targets.boards import format_fits as format_fits
from tinydet.targets.boards import load_boards as load_boards
from tinydet.targets.cortex_m import CortexMNetwork as CortexMNetwork
from tinydet.targets.cortex_m import CortexMTarget as CortexMTarget
from tinydet.targets.footprint import Footprint as Footprint
from tinydet.targets.footprint import format_footprint as format_footprint
from tinydet.targets.footprint import measure_footprint as measure_footprint
from tinydet.targets.host import HostTarget as HostTarget
from tinydet.targets.toolchain import CORES as CORES
from tinydet.targets.toolchain import BuildError as BuildError
