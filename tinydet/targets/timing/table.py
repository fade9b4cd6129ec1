"""A timing estimate as a table."""

from tinydet.targets.benchmark.table import short_name
from tinydet.targets.timing.estimate import StepTime, TimingEstimate

MIB = 1024 * 1024


def format_estimate(result: TimingEstimate) -> str:
    """A line per operator, then sums and what they rest on.

    Args:
        result: The estimate.
    """
    names = [short_name(step.op) for step in result.steps]
    width = max(map(len, [*names, "network"]))
    lines = [
        f"{'operator':<{width}}  {'MACs':>11}  {'instructions':>12}  {'cycles':>11}  "
        f"{'per MAC':>7}  "
        f"{'issue':>6}  {'stalls':>6}  {'memory':>6}  {'weights read B':>14}"
    ]
    lines += [_line(name, width, step) for name, step in zip(names, result.steps, strict=True)]
    total = StepTime(
        "network",
        sum(step.instructions for step in result.steps),
        result.macs,
        sum(step.issue_cycles for step in result.steps),
        sum(step.stall_cycles for step in result.steps),
        result.memory_cycles,
        result.weight_bytes,
    )
    places = ", ".join(f"{part} in {memory}" for part, memory in result.places.items())
    lines += [
        _line("network", width, total),
        f"{result.board} ({result.core}) at {result.clock_mhz:g} MHz, {places}: "
        f"{result.milliseconds:.1f} ms, {result.cycles / 1e6:.1f} M cycles "
        f"({result.cold_cycles / 1e6:.1f} M with empty caches)",
        f"An {result.error.text()}. {result.unknown_accesses:.0%} of the loads and stores in the "
        "code are assumed not to wait, because their addresses are unknown.",
    ]
    return "\n".join(lines)


def _line(name: str, width: int, step: StepTime) -> str:
    macs = f"{step.macs:,}" if step.macs else ""
    per_mac = f"{step.cycles / step.macs:.2f}" if step.macs else ""
    shares = "  ".join(
        f"{part / max(step.cycles, 1):>6.0%}"
        for part in (step.issue_cycles, step.stall_cycles, step.memory_cycles)
    )
    weights = f"{step.weight_bytes:,}" if step.weight_bytes else ""
    return (
        f"{name:<{width}}  {macs:>11}  {step.instructions:>12,}  {step.cycles:>11,}  {per_mac:>7}  "
        f"{shares}  {weights:>14}"
    )
