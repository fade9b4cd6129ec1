"""Instruction counts as a table."""

from collections.abc import Mapping
from dataclasses import dataclass

from tinydet.targets.benchmark.measure import Benchmark, StepCount

MAX_NAME = 48  # characters of an operator's name in the table


@dataclass(frozen=True)
class Columns:
    """More columns of the table, already aligned.

    Attributes:
        heading: Above them.
        steps: Operator -> its cells.
        network: The sums.
    """

    heading: str
    steps: Mapping[str, str]
    network: str


def format_benchmark(result: Benchmark, more: Columns | None = None) -> str:
    """The counts as a table: a line per operator, then sums.

    Args:
        result: The counts.
        more: What stands beside them.
    """
    more = more or Columns("", {}, "")
    names = [short_name(step.op) for step in result.steps]
    width = max(map(len, [*names, "in loops and calls"]))
    lines = [
        f"{'operator':<{width}}  {'MACs':>11}  {'instructions':>12}  {'per MAC':>7}  "
        f"{'weights B':>9}  {'share':>6}  {more.heading}kernels"
    ]
    for name, step in zip(names, result.steps, strict=True):
        share = f"{_share(step.instructions, result):>6.1%}"
        rest = more.steps.get(step.op, "") + _kernel_list(step)
        lines.append(f"{_numbers(name, width, step)}  {share}  {rest}".rstrip())
    network = StepCount(
        "", result.network_instructions, {}, macs=result.macs, weights_bytes=result.weights_bytes
    )
    loops = _share(result.loop_instructions, result)
    lines += [
        f"{_numbers('network', width, network)}  100.0%  {more.network}".rstrip(),
        f"{'in loops and calls':<{width}}  {'':>11}  {result.loop_instructions:>12,}  {'':>7}  "
        f"{'':>9}  {loops:>6.1%}",
        *_boxes_line(result, width),
        f"{'inference':<{width}}  {'':>11}  {result.total_instructions:>12,}  on {result.core}",
        "Share: of the network's instructions. Weights: constants in flash that are read.",
    ]
    return "\n".join(lines)


def _boxes_line(result: Benchmark, width: int) -> list[str]:
    if not result.footprint.detections_bytes:
        return []  # a network without boxes
    boxes = StepCount("", result.boxes_instructions, {}, weights_bytes=result.boxes_weights_bytes)
    return [_numbers("boxes", width, boxes)]


def short_name(op: str) -> str:
    """The layer in a converter's operator name, which lists all that it fused, with their paths.

    >>> short_name("net_1/block_1_BN_1/batchnorm/add_1;net_1/block_1_1/convolution")
    'block_1_BN_1'
    >>> short_name("Identity_1")
    'Identity_1'
    """
    parts = op.split(";")[0].split("/")
    return (parts[1] if len(parts) > 1 else op)[:MAX_NAME]


def _numbers(name: str, width: int, step: StepCount) -> str:
    macs = f"{step.macs:,}" if step.macs else ""
    per_mac = f"{step.instructions / step.macs:.2f}" if step.macs else ""
    weights = f"{step.weights_bytes:,}" if step.weights_bytes else ""
    return f"{name:<{width}}  {macs:>11}  {step.instructions:>12,}  {per_mac:>7}  {weights:>9}"


def _share(instructions: int, result: Benchmark) -> float:
    return instructions / max(result.network_instructions, 1)


def _kernel_list(step: StepCount) -> str:
    """As ``"td_concat_s8 x5"``."""
    return ", ".join(f"{k} x{n}" if n > 1 else k for k, n in step.kernels.items())
