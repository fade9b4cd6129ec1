"""Timing on a connected board, through any GDB server (OpenOCD, pyOCD, ST-LINK, J-Link, QEMU).

The remote serial protocol is spoken here, not by gdb: a gdb that knows Arm comes with no Python
package and is on few machines, while the protocol needs a dozen packets for this purpose.
"""

from tinydet.targets.gdb_remote.packets import BoardError as BoardError
from tinydet.targets.gdb_remote.timing import BoardTiming as BoardTiming
from tinydet.targets.gdb_remote.timing import benchmark_via_gdb as benchmark_via_gdb
from tinydet.targets.gdb_remote.timing import format_board_timing as format_board_timing
