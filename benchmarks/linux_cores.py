"""Instructions of one inference on processors of Linux boards, and whether its values are right.

    nice python benchmarks/linux_cores.py IMAGES [--photos 24] [--models NAME] [--cores NAME]

Runs a bundled detector, compiled as it goes onto boards, with each kernel set in QEMU's user mode
by one thread: instructions on noise, counted exactly, and the outputs on photos beside LiteRT's
reference kernels (BUILTIN_REF). And the instructions until two threads are done that never wait
for each other: all that is between the shared steps, and the longer part of each. Each row goes
into ``results/linux_cores.json`` as soon as it is measured; what is there already of the same C is
not measured again. Needs ziglang, gcc (for the plugin that counts) and Debian's qemu-user.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from record import read_rows, write_result

from tinydet.compiler import CompiledDetector, CompileOptions, compile_detector
from tinydet.config.detector_spec import DETECTOR_FILE, load_detector_spec
from tinydet.data.image_files import list_images
from tinydet.data.images import read_image
from tinydet.data.preprocess import preprocess
from tinydet.errors import MissingToolError
from tinydet.inference import load_detector
from tinydet.pretrained import INT8, model_path
from tinydet.targets.linux.boards import ARCHITECTURES, LinuxBoard, linux_board
from tinydet.targets.linux.deploy import SYSTEM_MACROS
from tinydet.targets.linux.kernel_sets import PROGRAM, compile_kernel_sets
from tinydet.targets.toolchain import Toolchain, model_macros, write_sources, zig_cc

NAME = "linux_cores"
HERE = Path(__file__).parent / "linux_cores"
MODELS = ("person_192", "person_256")
THREADS = 2
LONGEST_SECONDS = 3600  # of the inferences of one row, on a busy machine
Images = npt.NDArray[np.uint8]
Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A processor in an emulator.

    Attributes:
        core: Its name.
        kernels: The kernel set that a program chooses there.
        board: What the program is compiled for.
        emulator: QEMU's program.
        played: The processor that it plays.
        mark: Number of the system call getppid.
    """

    core: str
    kernels: str
    board: str
    emulator: str
    played: str
    mark: int


CASES = (
    Case("Cortex-A7", "neon", "STM32MP157F-DK2", "qemu-arm", "cortex-a7", 64),
    Case("Cortex-A35, A53", "neon", "STM32MP257F-EV1", "qemu-aarch64", "cortex-a53", 173),
    Case("Armv8.2-A with dot product", "dotprod", "STM32MP257F-EV1", "qemu-aarch64", "max", 173),
    Case("Armv8.6-A with i8mm", "i8mm", "STM32MP257F-EV1", "qemu-aarch64", "max", 173),
    Case("RISC-V, rv64gcv", "portable", "linux-riscv64", "qemu-riscv64", "rv64,v=true", 173),
    Case("RISC-V, rv32", "portable", "linux-riscv32", "qemu-riscv32", "rv32", 173),
)


def main() -> None:
    """Measure what is not in the results yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, help="folder of photos")
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    names = tuple(case.core for case in CASES)
    parser.add_argument("--cores", nargs="+", choices=names, default=names)
    parsed = parser.parse_args()
    cases = [case for case in CASES if case.core in parsed.cores]
    for model in parsed.models:
        measure_model(model, cases, list_images(parsed.images)[: parsed.photos])


def measure_model(model: str, cases: Sequence[Case], photos: Sequence[Path]) -> None:
    """The rows of one detector."""
    path = model_path(model, INT8)
    detector = compile_detector(path, CompileOptions(name=model, optimize="speed"))
    program = [path.read_text(encoding="utf-8") for path in sorted(PROGRAM.glob("parallel_*"))]
    sources = json.dumps([detector.sources, program], sort_keys=True).encode()
    digest = hashlib.sha256(sources).hexdigest()
    missing = [case for case in cases if not is_there(model, case, digest, len(photos))]
    if not missing:
        print(f"{model}: every row is there")
        return
    spec = load_detector_spec(path.with_name(DETECTOR_FILE))
    noise = np.random.default_rng(0).integers(0, 256, detector.input_shape, np.uint8)
    images = np.stack([noise, *(preprocess(read_image(p), spec.preprocess) for p in photos)])
    reference = load_detector(path, spec, engine="litert-ref")
    expected = [reference.outputs(image[None]) for image in images]
    for board in {case.board: linux_board(case.board) for case in missing}.values():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for case, program in programs(detector, board, missing, folder):
                instructions, outputs = run(case, program, images, detector)
                differing = sum(
                    int((ours != theirs).sum())
                    for found, wanted in zip(outputs, expected, strict=True)
                    for ours, theirs in zip(found, wanted, strict=True)
                )
                keep(
                    {
                        "model": model,
                        "core": case.core,
                        "kernels": case.kernels,
                        "instructions": instructions[0],
                        **two_threads(case, program, noise),
                        "macs": sum(detector.macs.values()),
                        "arena_bytes": detector.arena_bytes,
                        "photos": len(photos),
                        "values": sum(array.size for pair in expected for array in pair),
                        "differing_values": differing,
                        "sources_sha256": digest,
                    }
                )


def programs(
    detector: CompiledDetector, board: LinuxBoard, cases: Sequence[Case], folder: Path
) -> list[tuple[Case, Path]]:
    """The program of each case of a board; its kernels are those of programs for the board."""
    sets = compile_kernel_sets(detector, board, write_sources(detector, folder), folder)
    size = {name: int(np.prod(tensor.shape)) for name, tensor in detector.outputs.items()}
    target = zig_cc("-target", ARCHITECTURES[board.architecture].zig_target)
    cpu = f"-mcpu={board.compiler_cpu}"
    toolchain = Toolchain("zig cc", target, (cpu, "-O2"), ("-static",))
    built = []
    for case in cases:
        if case.board == board.name:
            macros = [
                *model_macros(detector, folder), *SYSTEM_MACROS, f"-DTD_KERNELS={case.kernels}",
                f"-DIMAGE_BYTES={int(np.prod(detector.input_shape))}",
                f"-DSCORE_BYTES={size['scores']}", f"-DDELTA_BYTES={size['deltas']}",
            ]  # fmt: skip
            program = folder / case.kernels
            sources = [HERE / "inferences.c", *sets.objects]
            toolchain.build([*sources, PROGRAM / "threads.c"], program, macros)
            turns = [*sources, HERE / "parts_in_turn.c"]
            toolchain.build(turns, in_turn(program), [*macros, f"-DTHREADS={THREADS}"])
            built.append((case, program))
    return built


def in_turn(program: Path) -> Path:
    """The same program, which does the parts of two threads one after the other."""
    return program.with_name(f"{program.name}_in_turn")


def run(
    case: Case, program: Path, images: Images, detector: CompiledDetector
) -> tuple[list[int], list[tuple[Any, Any]]]:
    """Instructions and decoded outputs for each image."""
    counts, output = counted(case, program, images)
    codes = np.frombuffer(output, np.int8).reshape(len(images), -1)
    shapes = [detector.outputs[name].shape[1:] for name in ("scores", "deltas")]
    scores, deltas = np.split(codes, [int(np.prod(shapes[0]))], axis=1)
    decoded = detector.decode(scores.reshape(-1, *shapes[0]), deltas.reshape(-1, *shapes[1]))
    return counts[1::2], [(s[None], b[None]) for s, b in zip(*decoded, strict=True)]


def two_threads(case: Case, program: Path, image: Images) -> dict[str, int]:
    """Instructions until both are done with an image, and bytes that differ from those of one."""
    counts, shared = counted(case, in_turn(program), image)
    _, alone = counted(case, program, image)
    pieces = counts[1:]  # between, one part, the other part, between, ...
    parts = zip(*(pieces[k :: THREADS + 1] for k in range(1, THREADS + 1)), strict=True)
    differing = np.frombuffer(shared, np.int8) != np.frombuffer(alone, np.int8)
    return {
        "instructions_of_two_threads": sum(pieces[:: THREADS + 1]) + sum(map(max, parts)),
        "differing_values_of_two_threads": int(differing.sum()),
    }


def counted(case: Case, program: Path, images: Images) -> tuple[list[int], bytes]:
    """Instructions from one call of getppid to the next, and what the program prints."""
    qemu = shutil.which(case.emulator) or shutil.which(f"{case.emulator}-static")
    if qemu is None:
        raise MissingToolError("counting", case.emulator, "Install qemu-user.")
    plugin = counter(case.mark, program.parent)
    done = subprocess.run(
        [qemu, "-cpu", case.played, "-plugin", str(plugin), str(program)],
        input=images.tobytes(), capture_output=True, check=True, timeout=LONGEST_SECONDS,
    )  # fmt: skip
    counts = [int(line.split()[1]) for line in done.stderr.splitlines() if b"delta" in line]
    return counts, done.stdout


def counter(mark: int, folder: Path) -> Path:
    """The plugin that counts between calls of getppid."""
    plugin = folder / f"counter_{mark}.so"
    source = str(HERE / "instruction_counter.c")
    command = ["gcc", "-shared", "-fPIC", "-O2", f"-DMARK={mark}", source, "-o", str(plugin)]
    subprocess.run(command, check=True)
    return plugin


def is_there(model: str, case: Case, digest: str, num_photos: int) -> bool:
    """Whether a row of the same C, on as many photos, was measured."""
    wanted = (model, case.core, digest)
    return any(
        (row["model"], row["core"], row["sources_sha256"]) == wanted and row["photos"] >= num_photos
        for row in read_rows(NAME)
    )


def keep(row: Row) -> None:
    """Put a row into the results, in place of an older one of the same core and model."""
    print(row, flush=True)
    others = [r for r in read_rows(NAME) if (r["core"], r["model"]) != (row["core"], row["model"])]
    order = [case.core for case in CASES]
    every = sorted([*others, row], key=lambda r: (r["model"], order.index(r["core"])))
    how = "one inference on noise, one thread, counted exactly in QEMU's user mode"
    write_result(NAME, "python benchmarks/linux_cores.py IMAGES", {"how": how, "rows": every})


if __name__ == "__main__":
    main()
