"""Instructions of one inference on the cores of Linux boards, counted in QEMU's user mode.

Needs gcc (for the plugin) and Debian's qemu-user. The network runs on noise, by one thread, and
what it leaves is compared byte by byte with the generated C on this machine.

    python benchmarks/linux_cores.py [--sizes 192 256]
"""

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from record import write_result

from tinydet.compiler import CompileOptions, compile_detector
from tinydet.targets import HostTarget
from tinydet.targets.linux.boards import ARCHITECTURES, linux_board
from tinydet.targets.linux.deploy import SYSTEM_MACROS
from tinydet.targets.linux.kernel_sets import PROGRAM, compile_kernel_sets
from tinydet.targets.toolchain import Toolchain, model_macros, write_sources, zig_cc

HERE = Path(__file__).parent / "linux_cores"
MODELS = Path(__file__).parents[1] / "tinydet" / "pretrained"
SIZES = (192, 256)
# Board, its core, kernel set, emulator, the processor it plays, and number of getppid.
CASES = (
    ("STM32MP157F-DK2", "Cortex-A7", "neon", "qemu-arm", "cortex-a7", 64),
    ("STM32MP257F-EV1", "Cortex-A35", "neon", "qemu-aarch64", "cortex-a53", 173),
    ("STM32MP257F-EV1", "Armv8.2-A with dot product", "dotprod", "qemu-aarch64", "max", 173),
)


def count(detector, folder: Path, case) -> dict:
    """The record of one case."""
    name, core, kernels, emulator, played, mark = case
    board = linux_board(name)
    sets = compile_kernel_sets(detector, board, write_sources(detector, folder), folder)
    here = HostTarget().build(detector, folder / "here").run(noise(detector.input_shape))
    expected = here.scores.tobytes() + here.deltas.tobytes()
    macros = [
        *model_macros(detector, folder), *SYSTEM_MACROS, f"-DTD_KERNELS={kernels}",
        f"-DIMAGE_BYTES={int(np.prod(detector.input_shape))}",
        f"-DSCORE_BYTES={here.scores.size}", f"-DDELTA_BYTES={here.deltas.size}",
    ]  # fmt: skip
    target = ARCHITECTURES[board.architecture].zig_target
    toolchain = Toolchain("zig cc", zig_cc("-target", target), ("-O2",), ("-static",))
    sources = [HERE / "one_inference.c", PROGRAM / "threads.c", *sets.objects]
    program = toolchain.build(sources, folder / f"count_{kernels}", macros)
    plugin = folder / f"counter_{mark}.so"
    source = str(HERE / "instruction_counter.c")
    command = ["gcc", "-shared", "-fPIC", "-O2", f"-DMARK={mark}", source, "-o", str(plugin)]
    subprocess.run(command, check=True)
    qemu = shutil.which(emulator) or shutil.which(f"{emulator}-static")
    done = subprocess.run(
        [str(qemu), "-cpu", played, "-plugin", str(plugin), str(program)],
        capture_output=True,
        check=True,
    )
    instructions = [int(line.split()[1]) for line in done.stderr.splitlines() if b"delta" in line]
    differing = int(np.sum(np.frombuffer(done.stdout, np.int8) != np.frombuffer(expected, np.int8)))
    return {
        "network": detector.name,
        "core": core,
        "kernels": kernels,
        "instructions": instructions[1],
        "macs": sum(detector.macs.values()),
        "arena_bytes": detector.arena_bytes,
        "values_that_differ": differing,
    }


def noise(shape: tuple[int, int, int]) -> np.ndarray:
    """The image of ``one_inference.c``."""

    def draw() -> Iterator[int]:
        state = 1
        while True:
            state = (state ^ (state << 13)) & 0xFFFFFFFF
            state ^= state >> 17
            state = (state ^ (state << 5)) & 0xFFFFFFFF
            yield state >> 24

    values = draw()
    return np.array([next(values) for _ in range(int(np.prod(shape)))], np.uint8).reshape(shape)


def main() -> None:
    """Count all cases and write the records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    arguments = parser.parse_args()
    records = []
    for size in arguments.sizes:
        name = f"person_{size}"
        options = CompileOptions(name=name, optimize="speed")
        detector = compile_detector(MODELS / name / f"{name}.tflite", options)
        for case in CASES:
            with tempfile.TemporaryDirectory() as folder:
                records.append(count(detector, Path(folder), case))
                print(records[-1], flush=True)
    how = "instructions of one inference, one thread, counted in QEMU's user mode"
    write_result("linux_cores", "linux_cores.py", {"how": how, "rows": records})


if __name__ == "__main__":
    main()
