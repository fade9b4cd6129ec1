"""The network of a program for Linux, compiled once for each kind of processor that it may meet."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinydet.compiler import CompiledDetector
from tinydet.targets.linux.boards import ARCHITECTURES, KernelSet, LinuxBoard
from tinydet.targets.toolchain import Toolchain, model_macros, zig_cc

PROGRAM = Path(__file__).parent / "program"
# What headers declare at the start of a line: a function, or a table of names.
_DECLARED = re.compile(r"^(?!static|typedef|return|TD_)(?:\w+[ *]+)+?(\w+)(?:\(|\[)", re.MULTILINE)
_PARALLEL = PROGRAM / "parallel_calls.h"


@dataclass(frozen=True)
class CompiledSets:
    """What a program is linked from beside its own sources.

    Attributes:
        objects: One per kernel set and part, and the constants that all sets share.
        macro: ``-D`` option that lists the sets for ``kernel_sets.c``, the best one first.
    """

    objects: tuple[Path, ...]
    macro: str


def compile_kernel_sets(
    detector: CompiledDetector, board: LinuxBoard, sources: Sequence[Path], folder: Path
) -> CompiledSets:
    """Compile network and kernels for each set; the names of a set end in its own.

    Args:
        detector: The detector.
        board: Chooses architecture and baseline.
        sources: All C files of the detector.
        folder: Where they lie, and where the objects go.

    Raises:
        MissingToolError: ziglang is not installed.
        BuildError: The C compiler refuses.
    """
    network, weights = folder / f"{detector.name}.c", folder / f"{detector.name}_weights.c"
    kernels = [source for source in sources if source not in (network, weights)]
    macros = model_macros(detector, folder)
    architecture = ARCHITECTURES[board.architecture]
    baseline = KernelSet(architecture.baseline, board.compiler_cpu, "baseline")
    sets = (*architecture.kernel_sets, baseline)
    names = sorted(_declared(detector))
    objects = [_compile(board, baseline, [weights], folder / "weights.o", macros)]
    for each in sets:
        renamed = [*macros, f"-I{PROGRAM}", *(f"-D{name}={name}_{each.name}" for name in names)]
        parallel = ["-include", str(_PARALLEL)]
        parts = {
            "kernels": ([*kernels, PROGRAM / "parallel_kernels.c"], renamed),
            "network": ([network], [*renamed, *parallel]),
        }
        for part, (files, options) in parts.items():
            target = folder / f"{part}_{each.name}.o"
            objects.append(_compile(board, each, files, target, options))
    listed = " ".join(f"SET({each.name},{each.condition})" for each in sets)
    return CompiledSets(tuple(objects), f"-DTD_KERNEL_SETS(SET)={listed}")


def _compile(
    board: LinuxBoard, each: KernelSet, files: Sequence[Path], target: Path, macros: Sequence[str]
) -> Path:
    toolchain = Toolchain(
        f"zig cc for {board.architecture}",
        zig_cc("-target", ARCHITECTURES[board.architecture].zig_target),
        (f"-mcpu={each.compiler_cpu}", "-O2"),
        ("-r", "-nostdlib"),
    )
    return toolchain.build(files, target, macros)


def _declared(detector: CompiledDetector) -> set[str]:
    """What the headers of a detector (but for its constants) and of parallel kernels declare."""
    constants = f"{detector.name}_weights.h"
    headers = [
        text for name, text in detector.sources.items() if name.endswith(".h") and name != constants
    ]
    texts = [*headers, _PARALLEL.read_text(encoding="utf-8")]
    return {name for text in texts for name in _DECLARED.findall(text)}
