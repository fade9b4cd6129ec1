"""Exact instruction counts of a compiled model, per inference and per operator."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinydet.targets.base import CompiledModel, ImageArray
from tinydet.targets.cortex_m import CortexMProgram, CortexMTarget
from tinydet.targets.elf import read_image
from tinydet.targets.emulator import TRACE_FUNCTION, Piece

MAX_NAME = 48  # characters of an operator's name in the table


@dataclass(frozen=True)
class StepCount:
    """One step of the network.

    Attributes:
        op: Name of the source operator.
        instructions: Executed for it; an operator without code of its own has 0.
        kernels: The functions it called, in order.
    """

    op: str
    instructions: int
    kernels: tuple[str, ...]


@dataclass(frozen=True)
class Benchmark:
    """Instruction counts of one inference; the same every time, on every machine.

    Attributes:
        core: The emulated core.
        network_instructions: The network alone; the sum of the steps.
        boxes_instructions: Box selection on top of it. Depends on what the image shows.
        steps: In order of execution.
    """

    core: str
    network_instructions: int
    boxes_instructions: int
    steps: tuple[StepCount, ...]

    @property
    def total_instructions(self) -> int:
        """Image in place to detections."""
        return self.network_instructions + self.boxes_instructions

    def to_record(self) -> dict[str, Any]:
        """JSON-ready mapping."""
        return asdict(self) | {"total_instructions": self.total_instructions}


def benchmark(
    target: CortexMTarget, model: CompiledModel, image_u8: ImageArray, folder: Path
) -> Benchmark:
    """Count the instructions of one inference.

    The program is counted as it is, without any mark in it. What belongs to which operator is
    learnt from a second build that calls ``td_trace`` behind every step: as many calls as the
    network function makes between two marks there, it makes for that operator here.

    Args:
        target: Core and compiler.
        model: The generated C.
        image_u8: Preprocessed image ``[H, W, 3]`` uint8.
        folder: Where both builds go.

    Returns:
        The counts.

    Raises:
        RuntimeError: The two builds do not make the same calls.
    """
    program = target.build(model, folder / "plain")
    marked_image = read_image(target.link(model, folder / "marked", "-DTD_TRACE"))
    marked = CortexMProgram(marked_image, target.name, model.name, folder / "marked")
    ops = [point.op for point in marked.trace(image_u8)]
    run = program.measure_run(image_u8)
    detect = program.measure_detect(image_u8)
    steps = _assign(run.pieces, marked.measure_run(image_u8).pieces, ops)
    assert sum(step.instructions for step in steps) == run.instructions
    return Benchmark(
        target.name, run.instructions, detect.instructions - run.instructions, tuple(steps)
    )


def format_benchmark(result: Benchmark, macs: Mapping[str, int] | None = None) -> str:
    """The counts as a table.

    Args:
        result: The counts.
        macs: Operator -> multiply-accumulate operations, where known.
    """
    macs = macs or {}
    names = [short_name(step.op) for step in result.steps]
    width = max(map(len, [*names, "inference"]))
    lines = [f"{'operator':<{width}}  {'instructions':>13}  {'share':>6}  per MAC  kernels"]
    for name, step in zip(names, result.steps, strict=True):
        share = step.instructions / max(result.network_instructions, 1)
        per_mac = _per_mac(step.instructions, macs.get(step.op, 0))
        line = f"{name:<{width}}  {step.instructions:>13,}  {share:>6.1%}  {per_mac}"
        lines.append(f"{line}  {_kernel_list(step.kernels)}".rstrip())
    per_mac = _per_mac(result.network_instructions, sum(macs.values()))
    lines += [
        f"{'network':<{width}}  {result.network_instructions:>13,}  100.0%  {per_mac}".rstrip(),
        f"{'boxes':<{width}}  {result.boxes_instructions:>13,}",
        f"{'inference':<{width}}  {result.total_instructions:>13,}   on {result.core}",
    ]
    return "\n".join(lines)


def short_name(op: str) -> str:
    """The layer in a converter's operator name, which lists all that it fused, with their paths.

    >>> short_name("net_1/block_1_BN_1/batchnorm/add_1;net_1/block_1_1/convolution")
    'block_1_BN_1'
    >>> short_name("Identity_1")
    'Identity_1'
    """
    parts = op.split(";")[0].split("/")
    return (parts[1] if len(parts) > 1 else op)[:MAX_NAME]


def _kernel_list(kernels: Sequence[str]) -> str:
    """As ``"td_concat_s8 x5"``."""
    counts: dict[str, int] = {}
    for kernel in kernels:
        counts[kernel] = counts.get(kernel, 0) + 1
    return ", ".join(f"{k} x{n}" if n > 1 else k for k, n in counts.items())


def _assign(
    pieces: Sequence[Piece], marked_pieces: Sequence[Piece], ops: Sequence[str]
) -> list[StepCount]:
    """Give each call of the plain build to its operator."""
    steps: list[StepCount] = []
    rest = list(pieces)
    kernels: list[str] = []
    for piece in marked_pieces:
        if piece.callee != TRACE_FUNCTION:
            kernels += [piece.callee] if piece.callee else []
            continue
        own, rest = rest[: len(kernels)], rest[len(kernels) :]
        if [p.callee for p in own] != kernels:
            raise RuntimeError(f"the marked build calls {kernels} where the plain one does not")
        count = sum(p.instructions for p in own)
        steps.append(StepCount(ops[len(steps)], count, tuple(kernels)))
        kernels = []
    if kernels or any(p.callee for p in rest):
        raise RuntimeError("the plain build makes more calls than the marked one")
    if steps and rest:  # the end of the network function, behind its last call
        last = steps[-1]
        count = last.instructions + sum(p.instructions for p in rest)
        steps[-1] = StepCount(last.op, count, last.kernels)
    return steps


def _per_mac(instructions: int, macs: int) -> str:
    return f"{instructions / macs:7.2f}" if macs else " " * 7
