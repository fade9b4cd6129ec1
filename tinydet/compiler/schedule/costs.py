"""What kernels cost on a core, in cycles; ``benchmarks/kernel_costs.py`` makes the table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from tinydet.compiler.ir import Graph, count_macs

COSTS_FILE = Path(__file__).with_name("kernel_costs.json")
DEFAULT_CORE = "cortex-m7"  # where the core is not known, or is none that the file knows


@dataclass(frozen=True)
class KernelCosts:
    """Estimated cycles on one core.

    Attributes:
        per_mac: Kind of operator -> cycles of one multiply-accumulate operation. Operators of
            other kinds hardly count in a network.
        per_call: Kind of operator -> cycles of one call more for the same pixels.
        other_call: The same for kinds that are not in ``per_call``.
        fast_ram_bytes: An arena of up to so many bytes lies in RAM that the core never waits for;
            None: one of any size does, or nobody knows.
        slow_ram: Longer that a network takes with its arena in other RAM, as a share of its cycles.
    """

    per_mac: Mapping[str, float]
    per_call: Mapping[str, float]
    other_call: float
    fast_ram_bytes: int | None = None
    slow_ram: float = 0.0

    def network(self, graph: Graph) -> float:
        """Cycles of a whole network."""
        return sum(count_macs(graph, op) * self.per_mac.get(op.kind, 0.0) for op in graph.ops)

    def call(self, kind: str) -> float:
        """Cycles of a call beside those of its pixels.

        Args:
            kind: Of the operator; ``""`` for bringing the input.
        """
        return self.per_call.get(kind, self.other_call)


@cache
def kernel_costs(core: str | None = None) -> KernelCosts:
    """The costs on a core.

    Args:
        core: As in ``tinydet.targets``. None, and cores whose cycles nobody estimated (those of
            Linux boards and of PCs): those of ``DEFAULT_CORE``, with the same RAM for any arena.
    """
    cores = json.loads(COSTS_FILE.read_text(encoding="utf-8"))["figures"]["cores"]
    costs = KernelCosts(**cores.get(core, cores[DEFAULT_CORE]))
    return costs if core in cores else replace(costs, fast_ram_bytes=None)
