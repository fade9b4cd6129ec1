"""A timing estimate as text."""

from tinydet.targets.benchmark.table import Columns, short_name
from tinydet.targets.timing.estimate import StepTime, TimingEstimate

_HEADING = (
    f"{'cycles':>11}  {'per MAC':>7}  {'issue':>5}  {'stalls':>6}  {'memory':>6}  "
    f"{'weights read B':>14}  {'from flash B':>12}  "
)


def estimate_columns(result: TimingEstimate) -> Columns:
    """The estimate as columns of a table of operators.

    Args:
        result: The estimate.
    """
    return Columns(
        _HEADING, {step.op: _cells(step) for step in result.steps}, _cells(_network(result))
    )


def estimate_notes(result: TimingEstimate) -> str:
    """What the estimate comes to, and what it rests on.

    Args:
        result: The estimate.
    """
    places = ", ".join(f"{part} in {memory}" for part, memory in result.places.items())
    per_mac = f", {result.cycles / result.macs:.2f} per MAC" if result.macs else ""
    return "\n".join(
        [
            f"Estimate for {result.board} ({result.core}) at {result.clock_mhz:g} MHz, {places}: "
            f"{result.milliseconds:.1f} ms, {result.cycles / 1e6:.1f} M cycles{per_mac} "
            f"({result.cold_cycles / 1e6:.1f} M with empty caches), without boxes.",
            f"An {result.error.text()}.{_range(result)}{_unknown(result)}",
            f"Waits of memories: {result.waits}.",
        ]
    )


def _range(result: TimingEstimate) -> str:
    """What bounds an estimate that no board has confirmed."""
    if result.core_range is None:
        return ""
    low, high = ((core + result.memory_cycles) / 1e6 for core in result.core_range)
    return (
        f" At least {low:.1f} M cycles, if no instruction waited for a result, at most {high:.1f} "
        "M, if no two vector instructions overlapped."
    )


def _unknown(result: TimingEstimate) -> str:
    if not result.unknown_accesses:
        return ""
    return (
        f" {result.unknown_accesses:.0%} of the loads and stores in the code are assumed not to "
        "wait, because their addresses are unknown."
    )


def format_estimate(result: TimingEstimate) -> str:
    """A line per operator, then sums and what they rest on.

    Args:
        result: The estimate.
    """
    columns, network = estimate_columns(result), _network(result)
    names = [short_name(step.op) for step in result.steps]
    width = max(map(len, [*names, network.op]))
    lines = [
        f"{'operator':<{width}}  {'MACs':>11}  {'instructions':>12}  {columns.heading}",
        *(
            f"{_counts(name, width, step)}  {columns.steps[step.op]}"
            for name, step in zip(names, result.steps, strict=True)
        ),
        f"{_counts(network.op, width, network)}  {columns.network}",
    ]
    return "\n".join([*map(str.rstrip, lines), estimate_notes(result)])


def _network(result: TimingEstimate) -> StepTime:
    return StepTime(
        "network",
        sum(step.instructions for step in result.steps),
        result.macs,
        sum(step.issue_cycles for step in result.steps),
        sum(step.stall_cycles for step in result.steps),
        result.memory_cycles,
        result.weight_bytes,
        result.fetched_bytes,
    )


def _counts(name: str, width: int, step: StepTime) -> str:
    macs = f"{step.macs:,}" if step.macs else ""
    return f"{name:<{width}}  {macs:>11}  {step.instructions:>12,}"


def _cells(step: StepTime) -> str:
    per_mac = f"{step.cycles / step.macs:.2f}" if step.macs else ""
    issue, stalls, memory = (
        f"{part / max(step.cycles, 1):.0%}"
        for part in (step.issue_cycles, step.stall_cycles, step.memory_cycles)
    )
    weights, fetched = (f"{n:,}" if n else "" for n in (step.weight_bytes, step.fetched_bytes))
    return (
        f"{step.cycles:>11,}  {per_mac:>7}  {issue:>5}  {stalls:>6}  {memory:>6}  {weights:>14}  "
        f"{fetched:>12}  "
    )
